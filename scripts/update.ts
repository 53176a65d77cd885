/**
 * `deno task update`: regenerates all generated files in the repository, by running the tests that compare
 * them, which call `assertGolden`.
 *
 * @module
 */

import { ROOT, run, runTask } from "./_command.ts";
import { jobsOf } from "./_test_jobs.ts";

if (import.meta.main) {
  await runTask(async () => {
    const { together } = await jobsOf(["tests/unit"]);
    const golden: string[] = [];
    for (const file of together.flat()) {
      const text = await Deno.readTextFile(`${ROOT}${file}`);
      if (text.includes("assertGolden(")) golden.push(file);
    }
    const options = ["--no-prompt", "--allow-all", "--no-check"];
    const { ok, out } = await run(Deno.execPath(), [
      "test",
      ...options,
      ...golden,
      "--",
      "--update",
    ]);
    if (!ok) throw new Error(`A test failed for another reason:\n${out}`);
  });
}
