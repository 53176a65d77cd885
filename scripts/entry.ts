/**
 * What the bundle begins with: the same file is the command line and, in a worker, the data plane.
 * Each loads only its own modules.
 *
 * @module
 */

// Where a main module and a worker's differ; `import.meta.main` is true for both.
if (globalThis.constructor.name === "DedicatedWorkerGlobalScope") {
  await import("../src/plane/worker.ts");
} else {
  const { main } = await import("../src/cli/mod.ts");
  Deno.exit(await main(Deno.args));
}
