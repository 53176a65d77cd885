/**
 * Assigns test files to processes, and reads a process's result. Runs nothing.
 *
 * @module
 */

import { join, relative, resolve } from "node:path";
import { ROOT } from "./_command.ts";

/**
 * Tests that measure how soon clients are served. Others at the same time would take the processor that
 * they measure.
 */
export const ALONE: readonly string[] = [
  "tests/e2e/admin_crowd_test.ts",
  "tests/e2e/quic_flood_test.ts",
  "tests/e2e/reload_large_test.ts",
  "tests/e2e/spoofed_test.ts",
];

/** The longest tests. Each gets its own process, and they start first. */
const LONG: readonly string[] = [
  "tests/e2e/closing_test.ts",
  "tests/e2e/memory_test.ts",
  "tests/e2e/soak_test.ts",
  "tests/e2e/watch_process_test.ts",
  "tests/unit/config/cost_test.ts",
];

/** Files per process: few, so that no process is left alone with much work at the end. */
const FILES = 8;

/** The parts of a command line. */
export interface TestArgs {
  /** Files and folders. */
  readonly paths: readonly string[];
  /** Options of `deno test`. */
  readonly options: readonly string[];
  /** Everything from `--` on. */
  readonly rest: readonly string[];
}

/**
 * Parses a command line.
 *
 * @param args The arguments; an option's value follows `=`
 * @returns Its parts; all tests if it names none
 */
export function parseArgs(args: readonly string[]): TestArgs {
  const end = args.includes("--") ? args.indexOf("--") : args.length;
  const before = args.slice(0, end);
  const paths = before.filter((arg) => !arg.startsWith("-"));
  return {
    paths: paths.length === 0 ? ["tests/"] : paths,
    options: before.filter((arg) => arg.startsWith("-")),
    rest: args.slice(end),
  };
}

async function* filesUnder(path: string): AsyncGenerator<string> {
  const { isDirectory } = await Deno.stat(path);
  if (!isDirectory) return yield relative(ROOT, path);
  for await (const { name, isDirectory } of Deno.readDir(path)) {
    if (isDirectory || name.endsWith("_test.ts")) yield* filesUnder(join(path, name));
  }
}

/** The files of each process. */
export interface Jobs {
  /** Those that may run at the same time. */
  readonly together: readonly (readonly string[])[];
  readonly alone: readonly (readonly string[])[];
}

/**
 * Finds test files and assigns them to processes.
 *
 * @param paths Files and folders, in the project's folder
 * @returns The files of each process; the longest tests come first
 * @throws {Error} if a file does not exist
 */
export async function jobsOf(paths: readonly string[]): Promise<Jobs> {
  const files = new Set<string>();
  for (const path of paths) {
    for await (const file of filesUnder(resolve(ROOT, path))) files.add(file);
  }
  const sorted = [...files].sort();
  const rest = sorted.filter((file) => !ALONE.includes(file) && !LONG.includes(file));
  const together = LONG.filter((file) => files.has(file)).map((file) => [file]);
  for (let i = 0; i < rest.length; i += FILES) together.push(rest.slice(i, i + FILES));
  return { together, alone: ALONE.filter((file) => files.has(file)).map((file) => [file]) };
}

/** Numbers of tests by result. */
export interface Sums {
  readonly passed: number;
  readonly failed: number;
  readonly ignored: number;
}

/**
 * Reads the numbers at the end of `deno test`.
 *
 * @param text All its output
 * @returns The numbers; 0 if it did not get that far
 */
export function parseSums(text: string): Sums {
  // deno-lint-ignore no-control-regex
  const plain = text.replaceAll(/\x1b\[[0-9;]*m/g, "");
  const lines = [...plain.matchAll(/^(?:ok|FAILED) \| (\d+ passed.*)$/gm)];
  const last = lines.at(-1)?.[1] ?? "";
  const count = (what: string) => Number(new RegExp(`(\\d+) ${what}`).exec(last)?.[1] ?? 0);
  return { passed: count("passed"), failed: count("failed"), ignored: count("ignored") };
}

/**
 * Writes a summary in the words of `deno test`.
 *
 * @param all The numbers of all processes
 * @param end Whether all succeeded, and how many seconds it took
 * @returns One line
 */
export function summaryOf(
  all: readonly Sums[],
  { ok, seconds }: { readonly ok: boolean; readonly seconds: number },
): string {
  const sum = (key: keyof Sums) => all.reduce((total, sums) => total + sums[key], 0);
  const ignored = sum("ignored") === 0 ? "" : ` | ${sum("ignored")} ignored`;
  const time = seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
  return `${ok ? "ok" : "FAILED"} | ${sum("passed")} passed | ${
    sum("failed")
  } failed${ignored} (${time})`;
}
