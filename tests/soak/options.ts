/**
 * The command line of a soak.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";

/** The options of a soak. */
export interface SoakOptions {
  readonly minutes: number;
  readonly io: string;
  readonly workers: string;
  readonly seed: number;
  /** Sessions and flows begun per second. */
  readonly rate: number;
  /** Whether there are attackers in addition to honest clients. */
  readonly attack: boolean;
  /** Where the report goes besides standard output. */
  readonly report: string | undefined;
}

/** How it is used. */
export const HELP = `Usage: deno task soak [options]

Runs shunt under mixed real traffic with faults, reloads and attackers, and reports. Linux only.

  --minutes N    how long (default: 10; fractions are taken)
  --io WHICH     deno, libc or auto (default: auto)
  --workers N    data-plane threads (default: auto)
  --rate N       sessions and flows begun per second (default: 80)
  --seed N       decides what happens when (default: by chance; the report tells it)
  --no-attack    leaves the attackers out
  --report PATH  writes the report there too; other sockets' reports in the same file stay

Exit codes: 0 all is well, 1 the report lists failures, 2 bad usage`;

/**
 * Reads the command line.
 *
 * @param args The arguments
 * @returns The options, or what is wrong with them
 */
export function readOptions(args: string[]): SoakOptions | string {
  const string = ["minutes", "io", "workers", "seed", "rate", "report"];
  const unknown: string[] = [];
  const parsed = parseArgs(args, {
    string,
    boolean: ["help", "no-attack"],
    unknown: (arg: string) => {
      unknown.push(arg);
      return false;
    },
  });
  if (parsed.help === true) return HELP;
  if (unknown.length > 0) return `Unknown argument "${unknown[0]}"\n\n${HELP}`;
  const number = (name: string, fallback: number) =>
    parsed[name] === undefined ? fallback : Number(parsed[name]);
  const options: SoakOptions = {
    minutes: number("minutes", 10),
    io: String(parsed.io ?? "auto"),
    workers: String(parsed.workers ?? "auto"),
    seed: number("seed", Date.now() % 1_000_000),
    rate: number("rate", 80),
    attack: parsed["no-attack"] !== true,
    report: parsed.report === undefined ? undefined : String(parsed.report),
  };
  if (!(options.minutes > 0)) return `"--minutes" must be a number above 0`;
  if (!(options.rate > 0)) return `"--rate" must be a number above 0`;
  if (!Number.isInteger(options.seed)) return `"--seed" must be a whole number`;
  if (!["auto", "deno", "libc"].includes(options.io)) return `"--io" must be auto, deno or libc`;
  if (!/^(auto|[1-9]\d*)$/.test(options.workers)) return `"--workers" must be auto or a number`;
  return options;
}
