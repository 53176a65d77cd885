/**
 * The JSON Schema of the configuration, for editors. Knows how zod writes one; its content comes from
 * schema.ts.
 *
 * @module
 */

import { z } from "zod";
import { type ProtocolInfo, PSEUDO_PROTOCOLS } from "../facts/mod.ts";
import { protocol } from "./fields.ts";
import type { JsonSchema } from "./keys.ts";
import { ConfigSchema } from "./schema.ts";

/** Describes the configuration as a JSON Schema (draft 2020-12), in plain JSON. */
export function configJsonSchema(protocols: readonly ProtocolInfo[]): JsonSchema {
  const names = [...protocols, ...PSEUDO_PROTOCOLS].map(({ name }) => name);
  const schema = z.toJSONSchema(ConfigSchema, {
    io: "input",
    override: ({ zodSchema, jsonSchema }) => {
      if (zodSchema === protocol as z.core.$ZodType) jsonSchema.enum = names;
    },
  }) as JsonSchema;
  schema.title = "shunt configuration";
  return schema;
}
