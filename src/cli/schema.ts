/**
 * `shunt schema`: prints the JSON Schema of the configuration.
 *
 * @module
 */

import { configJsonSchema } from "../config/json_schema.ts";
import { PROTOCOLS } from "../detect/mod.ts";
import type { Verb } from "./verb.ts";

/** The verb `schema`. */
export const schemaVerb: Verb = {
  name: "schema",
  summary: "print the JSON Schema of the configuration, for editors",
  help: `Usage: shunt schema > shunt.schema.json

Prints the JSON Schema of the configuration. In an editor with a YAML language server, begin the
file with: # yaml-language-server: $schema=shunt.schema.json`,
  options: {},
  run(_options, terminal) {
    terminal.out(JSON.stringify(configJsonSchema(PROTOCOLS), null, 2));
    return 0;
  },
};
