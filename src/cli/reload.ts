/**
 * `shunt reload`: has a running shunt read its configuration again.
 *
 * @module
 */

import { RefusedSchema, ReloadedSchema } from "../admin/answers.ts";
import { ADMIN_HELP, ADMIN_OPTIONS, expectBody, openAdmin } from "../service/admin_client.ts";
import { harmless } from "./table.ts";
import type { Options, Terminal, Verb } from "./verb.ts";

const HELP = `Usage: shunt reload [-c FILE | --admin ADDRESS]

Has a running shunt read its configuration again and go on with it, whole or not at all. What runs is
not touched where the configuration has errors: they are printed as "shunt check" prints them.

${ADMIN_HELP}

Exit codes: 0 it runs, 1 it was refused or nobody answered, 2 bad usage or bad configuration`;

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
  summary: "have a running shunt read its configuration again",
  help: HELP,
  options: ADMIN_OPTIONS,
  run,
};
