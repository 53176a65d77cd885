/**
 * `shunt init`: prints a commented configuration to start from.
 *
 * @module
 */

import { startingConfig } from "../config/init.ts";
import type { Verb } from "./verb.ts";

/** The verb `init`. */
export const initVerb: Verb = {
  name: "init",
  summary: "print a commented configuration to start from",
  help: `Usage: shunt init > config.yaml

Prints a commented configuration to start from. Nothing is written to disk.`,
  options: {},
  run(_options, terminal) {
    terminal.out(startingConfig().trimEnd());
    return 0;
  },
};
