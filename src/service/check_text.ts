/**
 * Checks the text of a configuration. Knows neither files nor verbs.
 *
 * @module
 */

import { formatProblem, loadConfig, type Problem } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { PROTOCOLS } from "../detect/mod.ts";

/** More than anyone reads. An error in a loop of a template causes one problem per route. */
const MAX_LISTED = 1000;

/** What to check. */
export interface CheckQuestion {
  readonly text: string;
  /** The file's name, for problems. */
  readonly file: string;
  /** Values set from outside the file, as `path=value`. */
  readonly set: readonly string[];
}

/** The result of a check. */
export interface Checked {
  /** Unset if the text has errors. */
  readonly config: Config | undefined;
  /** Errors and warnings, as lines for people. */
  readonly problems: readonly string[];
}

/** Checks a text in this thread. */
export function checkText({ text, file, set }: CheckQuestion): Checked {
  const { config, problems } = loadConfig(text, { file, protocols: PROTOCOLS, set });
  return { config, problems: listProblems(problems, file) };
}

/** Lists problems. If there are too many, errors are listed rather than warnings. */
function listProblems(problems: readonly Problem[], file: string): string[] {
  if (problems.length <= MAX_LISTED) return problems.map(formatProblem);
  const errors = problems.filter(({ severity }) => severity === "error");
  const listed = (errors.length > 0 ? errors : problems).slice(0, MAX_LISTED).map(formatProblem);
  return [...listed, `${file}: ${problems.length - listed.length} more problems are not listed`];
}
