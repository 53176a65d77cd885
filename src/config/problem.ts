/**
 * Describes what is wrong with a configuration, as data and as the line that a user reads. Knows key
 * paths; knows neither YAML nor what any key means.
 *
 * @module
 */

import { quote } from "../wording.ts";

/** Keys and list positions from the top of a file: `["listeners", "edge", "routes", 2]`. */
export type Path = readonly (string | number)[];

/** What kind of thing is wrong. Codes are stable: programs may depend on them. */
export type ProblemCode =
  | "bad_override"
  | "bad_value"
  | "conflict"
  | "duplicate"
  | "missing"
  | "never_matches"
  | "no_effect"
  | "syntax"
  | "too_large"
  | "unknown_key"
  | "unknown_name"
  | "unused"
  | "wrong_type";

/** One thing that is wrong or probably not meant. */
export interface Problem {
  /** An error keeps the configuration from being used, a warning does not. */
  readonly severity: "error" | "warning";
  readonly code: ProblemCode;
  /** The file or the override (`--set log.level=debug`) that has the problem. */
  readonly file: string;
  /** From 1; absent for overrides. */
  readonly line?: number;
  /** From 1; absent for overrides. */
  readonly column?: number;
  /** The key's path, as in `listeners.edge.routes[2].match.sni[0]`; empty for the whole file. */
  readonly path: string;
  readonly message: string;
  /** What to do, or what was probably meant. */
  readonly hint?: string;
}

/** Writes a key path for people, such as `listeners.edge.routes[2].match.sni[0]`. */
export function formatPath(path: Path): string {
  let text = "";
  for (const part of path) {
    if (typeof part === "number") text += `[${part}]`;
    else if (!/^[\w-]+$/.test(part)) text += `[${quote(part)}]`;
    else text += text === "" ? part : `.${part}`;
  }
  return text;
}

/** Writes a problem as one line that starts with file, line and column, so that editors can jump to it. */
export function formatProblem(problem: Problem): string {
  const { file, line, column, severity, path, message, hint } = problem;
  const place = line === undefined ? file : `${file}:${line}:${column ?? 1}`;
  const key = path === "" ? "" : `${path}: `;
  return `${place}: ${severity}: ${key}${message}${hint === undefined ? "" : `; ${hint}`}`;
}
