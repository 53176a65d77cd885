/**
 * The command line: one table of verbs. Knows their names and how to find one, not what they do.
 *
 * @module
 */

import { messageOf } from "../errors.ts";
import { nearest } from "../config/near.ts";
import { checkVerb } from "./check.ts";
import { convertVerb } from "./convert.ts";
import { detectVerb } from "./detect.ts";
import { drainVerb } from "./drain.ts";
import { explainVerb } from "./explain.ts";
import { initVerb } from "./init.ts";
import { reloadVerb } from "./reload.ts";
import { runVerb } from "./run.ts";
import { schemaVerb } from "./schema.ts";
import { statusVerb } from "./status.ts";
import { topVerb } from "./top.ts";
import { InputError, parseOptions, type Terminal, UsageError } from "../service/options.ts";
import type { Verb } from "./verb.ts";
import { versionVerb } from "./version.ts";

/** Every verb. */
export const VERBS: readonly Verb[] = [
  runVerb,
  checkVerb,
  explainVerb,
  detectVerb,
  initVerb,
  convertVerb,
  schemaVerb,
  statusVerb,
  topVerb,
  reloadVerb,
  drainVerb,
  versionVerb,
];

function overview(): string {
  const verbs = VERBS.map(({ name, summary }) => `  ${name.padEnd(10)}${summary}`).join("\n");
  return `shunt: many protocols on one port, each to its own target

Usage: shunt [VERB] [OPTIONS]

${verbs}

Run "shunt VERB --help" for the options of a verb. Without a verb, "run" is meant: shunt -c config.yaml`;
}

function suggestion(word: string): string {
  const meant = nearest(word, VERBS.map(({ name }) => name));
  return meant === undefined ? "" : `did you mean "${meant}"? `;
}

const ENCODER = new TextEncoder();

function writer(stream: { writeSync(bytes: Uint8Array): number }): (line: string) => void {
  return (line) => {
    const bytes = ENCODER.encode(`${line}\n`);
    let written = 0;
    try {
      while (written < bytes.length) written += stream.writeSync(bytes.subarray(written));
    } catch (error) {
      // No one reads the output any more, which is no reason to stop.
      if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
    }
  };
}

/**
 * Runs the command line.
 *
 * @param args The arguments after the program's name
 * @param terminal Where to write; by default the process's own streams
 * @returns The exit code
 */
export async function main(
  args: readonly string[],
  terminal: Terminal = { out: writer(Deno.stdout), err: writer(Deno.stderr) },
): Promise<number> {
  const [first = "run"] = args;
  if (first === "--help" || first === "-h" || (first === "help" && args.length === 1)) {
    terminal.out(overview());
    return 0;
  }
  if (first === "--version" || first === "-V") return main(["version"], terminal);
  if (first === "help") return main([args[1] ?? "", "--help"], terminal);
  const named = !first.startsWith("-");
  const verb = named ? VERBS.find(({ name }) => name === first) : runVerb;
  if (verb === undefined) {
    terminal.err(
      `error: Verb "${first}" is unknown; ${suggestion(first)}"shunt --help" lists them`,
    );
    return 2;
  }
  try {
    const options = parseOptions(args.slice(named && args.length > 0 ? 1 : 0), verb.options);
    if (options.has("help")) {
      terminal.out(verb.help);
      return 0;
    }
    return await verb.run(options, terminal);
  } catch (error) {
    terminal.err(`error: ${messageOf(error)}`);
    if (!(error instanceof UsageError)) return 1;
    if (!(error instanceof InputError)) {
      terminal.err(`"shunt ${verb.name} --help" lists the options`);
    }
    return 2;
  }
}
