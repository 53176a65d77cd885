/**
 * `deno task build`: makes `dist/shunt`, one binary for this machine, and checks that it runs.
 *
 * @module
 */

import { BUNDLE, makeBundle } from "./_bundle.ts";
import { run, runTask, writeLine } from "./_command.ts";
import { BINARY, compile } from "./_compile.ts";
import { findStamp } from "./_stamp.ts";

if (import.meta.main) {
  await runTask(async () => {
    await makeBundle(await findStamp());
    await compile(BUNDLE, BINARY);
    const { ok, out } = await run(BINARY, ["version"]);
    if (!ok || !out.startsWith("shunt ")) {
      await Deno.remove(BINARY);
      throw new Error("What was made does not run, and was removed; is DENORT_BIN a denort?");
    }
    writeLine(`Made ${BINARY}: ${out.trim()}`);
  });
}
