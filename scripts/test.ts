/**
 * `deno task test`: runs the tests in processes side by side, those that measure time by themselves.
 *
 * Takes files and folders (all of `tests/` unless given) and options of `deno test`; what follows `--`
 * is for the tests. Writes what each process wrote once that has ended, and the sums in the last line.
 *
 * @module
 */

import { ROOT, runTask } from "./_command.ts";
import { jobsOf, parseArgs, parseSums, summaryOf, type Sums } from "./_test_jobs.ts";

/** As many as the smallest machine that runs them has cores. */
const LANES = 2;

const running = new Set<number>();

/** What one process came to. */
interface Outcome {
  readonly sums: Sums;
  readonly ok: boolean;
  /** Says so in a line. */
  readonly told: string;
}

async function runJob(args: readonly string[], name: string): Promise<Outcome> {
  const begun = performance.now();
  const child = new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: ROOT,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    // A process group of its own: what tests have started ends with it.
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
  const told = `--- ${success ? "ok" : "FAILED"} after ${seconds.toFixed(1)} s: ${name}`;
  print(`${text.trimEnd()}\n${told}\n`);
  const sums = parseSums(text);
  // One that came to no end names no test that failed.
  const failed = success ? sums.failed : Math.max(1, sums.failed);
  return { sums: { ...sums, failed }, ok: success, told };
}

function print(text: string): void {
  const bytes = new TextEncoder().encode(`${text}\n`);
  let written = 0;
  while (written < bytes.length) written += Deno.stdout.writeSync(bytes.subarray(written));
}

/** Ends a process and what it has started and left. */
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

/** Runs jobs, so many at once. */
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
  // Types once, and not by each process.
  const types = runJob(["check", ...paths], "types");
  await runAll(together, LANES, test);
  await types;
  await runAll(alone, 1, test);
  const all = [await types, ...outcomes];
  const ok = all.every((outcome) => outcome.ok);
  // Those that failed last, as they are looked for.
  for (const { told } of all.toSorted((a, b) => Number(b.ok) - Number(a.ok))) print(told);
  const seconds = Math.round((performance.now() - begun) / 1000);
  print(summaryOf(all.map(({ sums }) => sums), { ok, seconds }));
  if (!ok) Deno.exit(1);
}

if (import.meta.main) {
  endWith("SIGINT", 130);
  endWith("SIGTERM", 143);
  await runTask(main);
}
