/**
 * The entry of the bundle: the same file is the command line and, in a worker, the data plane or the check
 * of a configuration. Each loads only its own modules.
 *
 * @module
 */

import { CHECK_WORKER } from "../src/build.ts";

// This distinguishes a main module from a worker's, while `import.meta.main` is true for both.
if (globalThis.constructor.name === "DedicatedWorkerGlobalScope") {
  if (Reflect.get(globalThis, "name") === CHECK_WORKER) {
    await import("../src/service/check_worker.ts");
  } else await import("../src/plane/worker.ts");
} else {
  const { main } = await import("../src/cli/mod.ts");
  Deno.exit(await main(Deno.args));
}
