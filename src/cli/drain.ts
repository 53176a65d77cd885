/**
 * `shunt drain`: has a running shunt finish what it carries and end.
 *
 * @module
 */

import { DrainingSchema } from "../admin/answers.ts";
import { ADMIN_HELP, ADMIN_OPTIONS, expectBody, openAdmin } from "../service/admin_client.ts";
import type { Options, Terminal, Verb } from "./verb.ts";

const HELP = `Usage: shunt drain [-c FILE | --admin ADDRESS]

Has a running shunt take nothing new, let what runs finish within "drain_timeout", and end. Does not
wait for the end.

${ADMIN_HELP}

Exit codes: 0 it has begun, 1 it was refused or nobody answered, 2 bad usage or bad configuration`;

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
  summary: "have a running shunt finish what it carries and end",
  help: HELP,
  options: ADMIN_OPTIONS,
  run,
};
