/**
 * `shunt version`: prints what this is and what it runs on.
 *
 * @module
 */

import { BUILD } from "../build.ts";
import project from "../../deno.json" with { type: "json" };
import type { Verb } from "./verb.ts";

/** The verb `version`. */
export const versionVerb: Verb = {
  name: "version",
  summary: "print the version",
  help: `Usage: shunt version [--json]

Prints the version of shunt, the commit it was built from, and what it runs on.

  --json    as JSON: version, commit (null when run from source), deno, v8, target`,
  options: { boolean: ["json"] },
  run(options, terminal) {
    const version = {
      version: project.version,
      commit: BUILD?.commit ?? null,
      deno: Deno.version.deno,
      v8: Deno.version.v8,
      target: Deno.build.target,
    };
    const commit = version.commit === null ? "" : `${version.commit}, `;
    terminal.out(
      options.has("json")
        ? JSON.stringify(version)
        : `shunt ${version.version} (${commit}deno ${version.deno}, ${version.target})`,
    );
    return 0;
  },
};
