/**
 * `shunt reload`: makes a running shunt read its configuration again.
 *
 * @module
 */

import { RefusedSchema, ReloadedSchema } from "../admin/answers.ts";
import { ADMIN_HELP, ADMIN_OPTIONS, expectBody, openAdmin } from "../service/admin_client.ts";
import { harmless } from "./table.ts";
import type { Options, Terminal } from "../service/options.ts";
import type { Verb } from "./verb.ts";

const HELP = `Usage: shunt reload [-c FILE | --admin ADDRESS]

Makes a running shunt read its configuration again and use all of it, or none of it: if it has errors,
they are printed as "shunt check" prints them, and the old configuration stays.

${ADMIN_HELP}

Exit codes: 0 it is in use, 1 refused or no answer, 2 bad usage or bad configuration`;

async function run(options: Options, terminal: Terminal): Promise<number> {
  const admin = await openAdmin(options);
  const answer = await admin.ask("POST", "/api/reload");
  if (answer.status === 422) {
    const { error, problems } = expectBody(answer, RefusedSchema);
    for (const problem of problems) terminal.err(harmless(problem));
    terminal.err(`error: ${harmless(error.message)}`);
    return 1;
  }
  const { changed } = expectBody(answer, ReloadedSchema);
  terminal.out(
    changed.length === 0
      ? "Reloaded, nothing is different"
      : `Reloaded: ${changed.map(harmless).join(", ")}`,
  );
  return 0;
}

/** The verb `reload`. */
export const reloadVerb: Verb = {
  name: "reload",
  summary: "make a running shunt read its configuration again",
  help: HELP,
  options: ADMIN_OPTIONS,
  run,
};
