import { assert, assertEquals, assertRejects } from "@std/assert";
import { ALONE, jobsOf, parseArgs, parseSums, summaryOf } from "../../../scripts/_test_jobs.ts";

Deno.test("test jobs: a command line has files, options and arguments for the tests", () => {
  assertEquals(parseArgs([]), { paths: ["tests/"], options: [], rest: [] });
  assertEquals(parseArgs(["--filter=tls", "a_test.ts", "b/", "--", "--update", "c"]), {
    paths: ["a_test.ts", "b/"],
    options: ["--filter=tls"],
    rest: ["--", "--update", "c"],
  });
});

Deno.test("test jobs: every file is run once, those that measure time alone", async () => {
  const { together, alone } = await jobsOf(["tests/", "tests/unit/build/test_jobs_test.ts"]);
  const files = [...together, ...alone].flat();
  assertEquals(new Set(files).size, files.length);
  assert(files.includes("tests/unit/build/test_jobs_test.ts"));
  assertEquals(alone, ALONE.map((file) => [file]));
  assertEquals(await jobsOf([ALONE[0]!]), { together: [], alone: [[ALONE[0]!]] });
  await assertRejects(() => jobsOf(["tests/none_test.ts"]), Deno.errors.NotFound);
});

Deno.test("test jobs: numbers are read from the end of a process's output, and added", () => {
  const text = "prints\nok | 9 passed | 9 failed\n\x1b[0m\x1b[32m" +
    "FAILED\x1b[0m | 12 passed (3 steps) | 1 failed | 2 ignored | 4 filtered out (12s)\n\nerror: x\n";
  const sums = parseSums(text);
  assertEquals(sums, { passed: 12, failed: 1, ignored: 2 });
  const none = parseSums("panicked\n");
  assertEquals(none, { passed: 0, failed: 0, ignored: 0 });
  assertEquals(
    summaryOf([sums, none, { passed: 3, failed: 0, ignored: 0 }], { ok: false, seconds: 61 }),
    "FAILED | 15 passed | 1 failed | 2 ignored (1m1s)",
  );
  assertEquals(summaryOf([none], { ok: true, seconds: 5 }), "ok | 0 passed | 0 failed (5s)");
});
