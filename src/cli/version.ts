/**
 * `shunt version`: prints what this is and what it runs on.
 *
 * @module
 */

import project from "../../deno.json" with { type: "json" };
import type { Verb } from "./verb.ts";

/** The verb `version`. */
export const versionVerb: Verb = {
  name: "version",
  summary: "print the version",
  help: `Usage: shunt version [--json]

Prints the version of shunt and of what it runs on.

  --json    as JSON`,
  options: { boolean: ["json"] },
  run(options, terminal) {
    const version = {
      shunt: project.version,
      deno: Deno.version.deno,
      v8: Deno.version.v8,
      target: Deno.build.target,
    };
    terminal.out(
      options.has("json")
        ? JSON.stringify(version)
        : `shunt ${version.shunt} (deno ${version.deno}, ${version.target})`,
    );
    return 0;
  },
};
