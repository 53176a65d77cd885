/**
 * The JSON Schema of the configuration, for editors. Knows how zod writes one; what it says comes
 * from schema.ts.
 *
 * @module
 */

import { z } from "zod";
import { protocol } from "./fields.ts";
import type { JsonSchema } from "./keys.ts";
import { ConfigSchema } from "./schema.ts";

/** A protocol that shunt detects, and what it occurs on. */
export interface ProtocolInfo {
  readonly name: string;
  readonly transports: readonly ("tcp" | "udp")[];
  /** The conditions beside `protocol` and `source` that it can meet. */
  readonly facts: readonly ("sni" | "alpn" | "ja4" | "host")[];
  /** Whether it meets those only if a route names it and asks for one of them. */
  readonly behind?: boolean;
}

/** What `match: { protocol }` may be beside the protocols that shunt detects. */
export const PSEUDO_PROTOCOLS: readonly ProtocolInfo[] = [
  { name: "unknown", transports: ["tcp", "udp"], facts: [] },
  // A flow begins with a datagram, so it is never silent.
  { name: "silent", transports: ["tcp"], facts: [] },
];

/**
 * Describes the configuration as a JSON Schema (draft 2020-12).
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
