/**
 * `shunt drain`: makes a running shunt finish its sessions and flows, then exit.
 *
 * @module
 */

import { DrainingSchema } from "../admin/answers.ts";
import { ADMIN_HELP, ADMIN_OPTIONS, expectBody, openAdmin } from "../service/admin_client.ts";
import type { Options, Terminal } from "../service/options.ts";
import type { Verb } from "./verb.ts";

const HELP = `Usage: shunt drain [-c FILE | --admin ADDRESS]

Makes a running shunt take nothing new, let sessions and flows finish within "drain_timeout", and
exit. Does not wait for that.

${ADMIN_HELP}

Exit codes: 0 draining has started, 1 refused or no answer, 2 bad usage or bad configuration`;

async function run(options: Options, terminal: Terminal): Promise<number> {
  const admin = await openAdmin(options);
  const answer = await admin.ask("POST", "/api/drain");
  const { sessions, flows } = expectBody(answer, DrainingSchema);
  terminal.out(`Draining: ${sessions} sessions and ${flows} flows may finish`);
  return 0;
}

/** The verb `drain`. */
export const drainVerb: Verb = {
  name: "drain",
  summary: "make a running shunt finish its sessions and flows, then exit",
  help: HELP,
  options: ADMIN_OPTIONS,
  run,
};
