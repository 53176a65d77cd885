/**
 * The JSON Schema of the configuration, for editors. Knows how zod writes one; the contents come from
 * schema.ts.
 *
 * @module
 */

import { z } from "zod";
import { protocol } from "./fields.ts";
import type { JsonSchema } from "./keys.ts";
import { ConfigSchema } from "./schema.ts";

/** A protocol that shunt detects, and its transports. */
export interface ProtocolInfo {
  readonly name: string;
  readonly transports: readonly ("tcp" | "udp")[];
  /** The conditions other than `protocol` and `source` that it can meet. */
  readonly facts: readonly ("sni" | "alpn" | "ja4" | "host")[];
}

/** Values of `match: { protocol }` other than the protocols that shunt detects. */
export const PSEUDO_PROTOCOLS: readonly ProtocolInfo[] = [
  { name: "unknown", transports: ["tcp", "udp"], facts: [] },
  // A flow begins with a datagram, so it is never silent.
  { name: "silent", transports: ["tcp"], facts: [] },
];

/**
 * Returns the JSON Schema (draft 2020-12) of the configuration.
 *
 * @param protocols The protocols that shunt detects
 * @returns The schema, as plain JSON
 */
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
