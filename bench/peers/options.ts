/**
 * The bench's flags.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { MEASURES } from "./measures.ts";

/** The values of the flags. */
export interface Options {
  /** Rounds of every measurement. */
  readonly rounds: number;
  /** Seconds of one measurement. */
  readonly seconds: number;
  /** Threads that carry data. */
  readonly workers: number;
  /** Measurements. */
  readonly only: readonly string[];
  /** Beginnings of participants' names; empty means all. */
  readonly participants: readonly string[];
  /** Where the JSON goes. */
  readonly json: string;
  /** Where the Markdown goes; null writes none. */
  readonly markdown: string | null;
}

const NAMES = MEASURES.map(({ name }) => name);
const RESULTS_JSON = new URL("../results.json", import.meta.url).pathname;
const RESULTS = new URL("../RESULTS.md", import.meta.url).pathname;

/** The help text. */
export const HELP = `Usage: deno task bench:peers [FLAGS]

Compares shunt with HAProxy, nginx and sslh on loopback.

  --rounds N             rounds of every measurement (default: 3)
  --seconds N            seconds that one measurement counts (default: 1.5)
  --workers N            threads of each participant (default: 1)
  --only LIST            of ${NAMES.join(", ")}
                         (default: all)
  --participants LIST    names or beginnings of names, as in direct,shunt,nginx (default: all)
  --json PATH            where to write the figures (default: bench/results.json)
  --markdown PATH        where to write the report (default: bench/RESULTS.md)

With --only or --participants nothing is written unless its path is given.
Exit codes: 0 all measured, 1 a participant failed, 2 bad usage`;

function list(value: unknown): string[] {
  return typeof value === "string" ? value.split(",").map((part) => part.trim()) : [];
}

function positive(flag: string, value: unknown, whole: boolean): number {
  const number = Number(value);
  if (number > 0 && Number.isFinite(number) && (!whole || Number.isInteger(number))) return number;
  throw new Error(`Cannot use --${flag} "${value}": give a ${whole ? "whole " : ""}number above 0`);
}

/**
 * Reads the flags.
 *
 * @param args The command line's arguments
 * @returns Their values; undefined if help is wanted
 * @throws {Error} If a flag is unknown or has an illegal value
 */
export function readOptions(args: readonly string[]): Options | undefined {
  const strings = ["rounds", "seconds", "workers", "only", "participants", "json", "markdown"];
  const flags = parseArgs(args, {
    boolean: ["help"],
    string: strings,
    default: { rounds: "3", seconds: "1.5", workers: "1" },
    unknown(arg) {
      throw new Error(`Unknown argument "${arg}": see --help`);
    },
  });
  if (flags["help"]) return undefined;
  const only = list(flags["only"]);
  for (const name of only) {
    // "latency" alone means both.
    if (!NAMES.some((known) => known === name || known.startsWith(`${name}_`))) {
      throw new Error(`Unknown measurement "${name}": use ${NAMES.join(", ")}`);
    }
  }
  const participants = list(flags["participants"]);
  const whole = only.length === 0 && participants.length === 0;
  const path = (flag: string, standard: string) =>
    typeof flags[flag] === "string" ? flags[flag] : whole ? standard : "";
  return {
    rounds: positive("rounds", flags["rounds"], true),
    seconds: positive("seconds", flags["seconds"], false),
    workers: positive("workers", flags["workers"], true),
    only: NAMES.filter((known) =>
      only.length === 0 || only.some((name) => known === name || known.startsWith(`${name}_`))
    ),
    participants,
    json: path("json", RESULTS_JSON),
    markdown: path("markdown", RESULTS) || null,
  };
}
