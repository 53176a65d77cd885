/**
 * Defines what a verb of the command line is. Knows no verb.
 *
 * @module
 */

import type { OptionNames, Options, Terminal } from "../service/options.ts";

/** One verb. */
export interface Verb {
  readonly name: string;
  /** One line for the list of verbs. */
  readonly summary: string;
  /** The whole text of `--help`. */
  readonly help: string;
  readonly options: OptionNames;
  /**
   * Runs the verb.
   *
   * @returns The exit code: 0 clean, 1 runtime failure, 2 bad usage or bad configuration
   * @throws {UsageError} if the options do not fit
   */
  readonly run: (options: Options, terminal: Terminal) => number | Promise<number>;
}
