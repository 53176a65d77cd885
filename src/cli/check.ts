/**
 * `shunt check`: reports every error and warning of a configuration.
 *
 * @module
 */

import { isLocalBind } from "../config/check_admin.ts";
import { listenerLimits } from "../config/per_source.ts";
import type { Config } from "../config/schema.ts";
import { CONFIG_OPTIONS, readConfig } from "../service/config_file.ts";
import type { Verb } from "./verb.ts";

/** Listeners to name; the rest are counted. */
const MAX_NAMED = 8;

/** Describes `limits.per_source: auto` of the listeners that other machines can reach. */
function sourceLine({ listeners }: Config): string | undefined {
  const open = Object.entries(listeners).filter(([, { bind, limits }]) =>
    limits.per_source === "auto" && !bind.every(isLocalBind)
  );
  if (open.length === 0) return undefined;
  const named = open.slice(0, MAX_NAMED).map(([name, listener]) =>
    `${listenerLimits(listener).per_source} of ${name}`
  );
  if (open.length > MAX_NAMED) named.push(`and so on for ${open.length - MAX_NAMED} more`);
  return `One source address may have at once, sessions and flows together: ${named.join(", ")}. ` +
    "Set limits.per_source if many clients share an address: behind a NAT, or a proxy without PROXY headers";
}

/** The verb `check`. */
export const checkVerb: Verb = {
  name: "check",
  summary: "report every error and warning of a configuration",
  help: `Usage: shunt check [-c FILE] [--set PATH=VALUE]...

Reads a configuration and prints everything that is wrong with it: file, line, key and what to do. If
it is usable, also prints how many sessions and flows one source may have at listeners that others
can reach, unless "per_source" is set.

  -c, --config FILE    the configuration (default: config.yaml in this folder)
  --set PATH=VALUE     replaces one value of the configuration

Exit codes: 0 usable, perhaps with warnings; 2 not usable`,
  options: CONFIG_OPTIONS,
  async run(options, terminal) {
    const { file, config, problems } = await readConfig(options, terminal);
    if (config === undefined) return 2;
    const listeners = Object.keys(config.listeners).length;
    const upstreams = Object.keys(config.upstreams).length;
    const verdict = problems.length === 0 ? "no problems" : "usable, with warnings";
    terminal.out(`${file}: ${verdict} (listeners: ${listeners}, upstreams: ${upstreams})`);
    const sources = sourceLine(config);
    if (sources !== undefined) terminal.out(sources);
    return 0;
  },
};
