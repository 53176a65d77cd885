/**
 * `shunt check`: tells every error and warning of a configuration.
 *
 * @module
 */

import { CONFIG_OPTIONS, readConfig } from "./config_file.ts";
import type { Verb } from "./verb.ts";

/** The verb `check`. */
export const checkVerb: Verb = {
  name: "check",
  summary: "tell every error and warning of a configuration",
  help: `Usage: shunt check [-c FILE] [--set PATH=VALUE]...

Reads a configuration and tells all that is wrong with it: file, line, key and what to do.

  -c, --config FILE    the configuration (default: config.yaml where you stand)
  --set PATH=VALUE     replaces one value of the configuration

Exit codes: 0 usable (warnings may be told), 2 not usable`,
  options: CONFIG_OPTIONS,
  async run(options, terminal) {
    const { file, config, problems } = await readConfig(options, terminal);
    if (config === undefined) return 2;
    const listeners = Object.keys(config.listeners).length;
    const upstreams = Object.keys(config.upstreams).length;
    const told = problems.length === 0 ? "no problems" : "usable, with warnings";
    terminal.out(`${file}: ${told} (listeners: ${listeners}, upstreams: ${upstreams})`);
    return 0;
  },
};
