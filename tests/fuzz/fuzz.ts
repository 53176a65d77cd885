/**
 * The long fuzzer: all targets in turn, for a number of inputs or a time. See `--help`.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { MemoryWatch } from "./_memory.ts";
import { type Failure, Run } from "./_run.ts";
import { TARGETS } from "./targets.ts";

const USAGE = `Feed every parser damaged input and hold it to what it promises.

Usage: deno task fuzz [options]

  --inputs N      inputs of all targets together (1500000)
  --seconds N     stop after so long (no limit)
  --seed N        repeat a run (any; it is printed)
  --only NAME     one target: ${TARGETS.map(({ name }) => name).join(", ")}

Exits with 0, with 1 where something failed, with 2 for wrong options.`;

const ROUND = 10_000;
const MEMORY_EVERY = 100_000;
const PROGRESS_MS = 3000;
/** Bytes of a failing input that are printed; the seed gives the rest. */
const MAX_SHOWN = 2048;

interface Options {
  readonly inputs: number;
  readonly ms: number;
  readonly seed: number;
  readonly only: string | undefined;
}

function print(text: string): void {
  const bytes = new TextEncoder().encode(`${text}\n`);
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}

/** Returns the options, or the exit code if there is nothing to run. */
function readOptions(args: readonly string[]): Options | number {
  const unknown: string[] = [];
  const parsed = parseArgs(args, {
    boolean: ["help"],
    string: ["inputs", "seconds", "seed", "only"],
    default: { inputs: "1500000", seconds: "Infinity", seed: String(Date.now() % 1_000_000_000) },
    unknown: (arg) => unknown.push(arg),
  });
  const [inputs, seconds, seed] = [parsed["inputs"], parsed["seconds"], parsed["seed"]].map(Number);
  const only = parsed["only"] === undefined ? undefined : String(parsed["only"]);
  const fits = unknown.length === 0 && inputs! >= 1 && seconds! > 0 && Number.isInteger(seed) &&
    (only === undefined || TARGETS.some(({ name }) => name === only));
  if (parsed["help"] === true || !fits) {
    print(USAGE);
    return fits ? 0 : 2;
  }
  return { inputs: inputs!, ms: seconds! * 1000, seed: seed!, only };
}

function main(options: Options): number {
  const { inputs, ms, seed, only } = options;
  const runs = TARGETS.filter(({ name }) => only === undefined || name === only)
    .map((target) => new Run(target, seed));
  const shares = runs.reduce((sum, { target }) => sum + target.share, 0);
  const memory = new MemoryWatch();
  const start = performance.now();
  const sum = () => runs.reduce((all, run) => all + run.inputs, 0);
  print(`Seed ${seed}, ${runs.length} targets`);

  let [done, printed, sampled] = [0, start, 0];
  while (done < inputs && performance.now() - start < ms) {
    const round = Math.min(ROUND, inputs - done);
    for (const run of runs) {
      const failed = run.failure !== undefined;
      run.more(Math.ceil(round * run.target.share / shares));
      if (run.failure !== undefined && !failed) printFailure(run.failure);
    }
    if (sum() === done) break; // all have failed
    done = sum();
    if (done - sampled >= MEMORY_EVERY) {
      sampled = done;
      memory.sample();
    }
    const now = performance.now();
    if (now - printed < PROGRESS_MS) continue;
    printed = now;
    const rate = Math.round(done / (now - start) * 1000);
    print(`${done} inputs, ${rate}/s, ${Math.round((now - start) / 1000)} s`);
  }
  printTable(runs);
  const failures = runs.filter(({ failure }) => failure !== undefined).length;
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  print(`${done} inputs in ${seconds} s, ${failures} targets failed, seed ${seed}`);
  if (sampled > 0) print(`Memory: ${memory.describe()}`);
  if (memory.grows()) print("Memory grows with the inputs");
  return failures > 0 || memory.grows() ? 1 : 0;
}

function printFailure({ target, seed, index, message, input }: Failure): void {
  print(`\n"${target}" fails at its input ${index}: ${message}`);
  print(`Repeat with: --only "${target}" --seed ${seed}`);
  for (const part of input) {
    const rest = part.length > MAX_SHOWN ? `… (${part.length} bytes)` : "";
    print(`  ${part.subarray(0, MAX_SHOWN).toHex()}${rest}`);
  }
  print("");
}

function printTable(runs: readonly Run[]): void {
  print(`\n${"target".padEnd(16)} ${"inputs".padStart(9)} ${"ns/input".padStart(9)}  slowest`);
  for (const { target, inputs, totalMs, slowestMs, slowestBytes, failure } of runs) {
    const ns = Math.round(totalMs / inputs * 1e6);
    const slowest = `${slowestMs.toFixed(1)} ms (${slowestBytes} bytes)`;
    print(
      `${target.name.padEnd(16)} ${String(inputs).padStart(9)} ${String(ns).padStart(9)}  ` +
        `${slowest}${failure === undefined ? "" : ", FAILED"}`,
    );
  }
}

const options = readOptions(Deno.args);
Deno.exit(typeof options === "number" ? options : main(options));
