/**
 * `deno task test`: runs the tests in several processes at once; those that measure time run alone.
 *
 * Takes files and folders (default: `tests/`) and options of `deno test`; arguments after `--` are for the
 * tests. Writes the output of each process when it has ended, and the summary in the last line.
 *
 * @module
 */

import { ROOT, runTask } from "./_command.ts";
import { jobsOf, parseArgs, parseSums, summaryOf, type Sums } from "./_test_jobs.ts";

/** The number of cores of the smallest machine that runs the tests. */
const LANES = 2;

const running = new Set<number>();

/** The result of one process. */
interface Outcome {
  readonly sums: Sums;
  readonly ok: boolean;
  /** The result in one line. */
  readonly summary: string;
}

async function runJob(args: readonly string[], name: string): Promise<Outcome> {
  const begun = performance.now();
  const child = new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: ROOT,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    // A process group of its own, so that processes started by tests end with it.
    detached: true,
  }).spawn();
  running.add(child.pid);
  const parts: Uint8Array[] = [];
  const collect = async (stream: ReadableStream<Uint8Array>) => {
    for await (const part of stream) parts.push(part);
  };
  const collected = Promise.all([collect(child.stdout), collect(child.stderr)]);
  const { success } = await child.status;
  running.delete(child.pid);
  endGroup(child.pid);
  await collected;
  const text = new TextDecoder().decode(await new Blob(parts as Uint8Array<ArrayBuffer>[]).bytes());
  const seconds = (performance.now() - begun) / 1000;
  const summary = `--- ${success ? "ok" : "FAILED"} after ${seconds.toFixed(1)} s: ${name}`;
  print(`${text.trimEnd()}\n${summary}\n`);
  const sums = parseSums(text);
  // A process that did not finish names no failed test, so it counts as one.
  const failed = success ? sums.failed : Math.max(1, sums.failed);
  return { sums: { ...sums, failed }, ok: success, summary };
}

function print(text: string): void {
  const bytes = new TextEncoder().encode(`${text}\n`);
  let written = 0;
  while (written < bytes.length) written += Deno.stdout.writeSync(bytes.subarray(written));
}

/** Ends a process and all processes that it has started. */
function endGroup(pid: number): void {
  try {
    Deno.kill(-pid, "SIGKILL");
  } catch {
    // All have ended.
  }
}

/** Ends the processes before this one ends. */
function endWith(signal: Deno.Signal, code: number): void {
  Deno.addSignalListener(signal, () => {
    for (const pid of running) endGroup(pid);
    Deno.exit(code);
  });
}

/** Runs jobs, as many at once as there are lanes. */
async function runAll(
  jobs: readonly (readonly string[])[],
  lanes: number,
  run: (files: readonly string[]) => Promise<void>,
): Promise<void> {
  const queue = [...jobs];
  await Promise.all(Array.from({ length: lanes }, async () => {
    for (let job = queue.shift(); job !== undefined; job = queue.shift()) await run(job);
  }));
}

async function main(): Promise<void> {
  const begun = performance.now();
  const { paths, options, rest } = parseArgs(Deno.args);
  const { together, alone } = await jobsOf(paths);
  const outcomes: Outcome[] = [];
  const test = async (files: readonly string[]) => {
    const args = [
      "test",
      "--no-prompt",
      "--allow-all",
      "--no-check",
      ...options,
      ...files,
      ...rest,
    ];
    outcomes.push(await runJob(args, files.join(" ")));
  };
  // Checks types once, instead of in each process.
  const types = runJob(["check", ...paths], "types");
  await runAll(together, LANES, test);
  await types;
  await runAll(alone, 1, test);
  const all = [await types, ...outcomes];
  const ok = all.every((outcome) => outcome.ok);
  // Failed ones last, where they are easy to find.
  for (const { summary } of all.toSorted((a, b) => Number(b.ok) - Number(a.ok))) print(summary);
  const seconds = Math.round((performance.now() - begun) / 1000);
  print(summaryOf(all.map(({ sums }) => sums), { ok, seconds }));
  if (!ok) Deno.exit(1);
}

if (import.meta.main) {
  endWith("SIGINT", 130);
  endWith("SIGTERM", 143);
  await runTask(main);
}
