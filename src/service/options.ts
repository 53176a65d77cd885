/**
 * The command line: the options that were given, and the terminal. Knows no verb.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";

/** Takes what a verb writes, so that tests can read it. */
export interface Terminal {
  /** Writes a line of result. */
  readonly out: (line: string) => void;
  /** Writes a line about what went wrong. */
  readonly err: (line: string) => void;
}

/** The options a verb takes; `-c` is short for `--config`, `-h` for `--help`. */
export interface OptionNames {
  readonly boolean?: readonly string[];
  readonly string?: readonly string[];
  /** Options that may be given several times. */
  readonly collect?: readonly string[];
  /** Name of the arguments that are not options, if the verb takes any. */
  readonly rest?: string;
}

/** Options as given. */
export interface Options {
  /** Reports whether a boolean option was given. */
  readonly has: (name: string) => boolean;
  /** The value of a string option. */
  readonly get: (name: string) => string | undefined;
  /** The values of an option that may be given several times. */
  readonly all: (name: string) => readonly string[];
  readonly rest: readonly string[];
}

/** The command line does not fit the verb. */
export class UsageError extends Error {}

/** Something that the command line names cannot be used; the options themselves are right. */
export class InputError extends UsageError {}

/**
 * Reads a verb's options.
 *
 * @param args The arguments after the verb
 * @param names The options that it takes
 * @throws {UsageError} if an option is unknown, lacks its value or comes twice, or there are too many
 * arguments
 */
export function parseOptions(args: readonly string[], names: OptionNames): Options {
  const single = names.string ?? [];
  const strings = [...single, ...(names.collect ?? [])];
  const booleans = ["help", ...(names.boolean ?? [])];
  const parsed = parseArgs(args, {
    alias: { help: "h", ...(strings.includes("config") ? { config: "c" } : {}) },
    boolean: booleans,
    string: [...strings, "_"],
    collect: strings,
    unknown: (arg, key) => {
      if (key !== undefined) {
        throw new UsageError(`Option "${arg}" is unknown; there are ${list(strings, booleans)}`);
      }
      if (names.rest === undefined) throw new UsageError(unexpected(arg, strings));
    },
  });
  const [extra] = parsed._;
  if (names.rest === undefined && extra !== undefined) {
    throw new UsageError(unexpected(String(extra), strings));
  }
  const values = new Map<string, readonly string[]>();
  for (const name of strings) {
    const given = parsed[name];
    const list = Array.isArray(given) ? given.map(String) : [];
    if (list.includes("")) throw new UsageError(`Option "--${name}" needs a value`);
    if (list.length > 1 && single.includes(name)) {
      throw new UsageError(`Option "--${name}" was given twice`);
    }
    values.set(name, list);
  }
  return {
    has: (name) => parsed[name] === true,
    get: (name) => values.get(name)?.[0],
    all: (name) => values.get(name) ?? [],
    rest: parsed._.map(String),
  };
}

function unexpected(arg: string, strings: readonly string[]): string {
  const hint = strings.includes("config") ? `; name a configuration with "-c ${arg}"` : "";
  return `Argument "${arg}" is not expected${hint}`;
}

function list(strings: readonly string[], booleans: readonly string[]): string {
  return [...strings, ...booleans].map((name) => `--${name}`).join(", ");
}
