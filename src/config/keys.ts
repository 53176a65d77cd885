/**
 * Lists every key that a JSON Schema describes, for suggestions and the reference. Knows JSON Schema, but
 * no key of shunt's.
 *
 * @module
 */

import type { Path } from "./problem.ts";

/** The parts of a JSON Schema that shunt's has. */
export interface JsonSchema {
  readonly type?: string;
  title?: string;
  description?: string;
  readonly default?: unknown;
  enum?: readonly unknown[];
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly propertyNames?: JsonSchema;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
}

/** One key. */
export interface Key {
  /** Its path, with `*` for any name and `[]` for any element of a list. */
  readonly pattern: readonly string[];
  readonly required: boolean;
  readonly schema: JsonSchema;
}

/**
 * Lists the keys of a schema, each before those within it.
 *
 * @param above The path of what the schema describes
 */
export function listKeys(schema: JsonSchema, above: readonly string[] = []): Key[] {
  const keys: Key[] = [];
  for (const [name, inner] of Object.entries(schema.properties ?? {})) {
    const pattern = [...above, name];
    keys.push({ pattern, required: schema.required?.includes(name) ?? false, schema: inner });
    keys.push(...listKeys(inner, pattern));
  }
  if (typeof schema.additionalProperties === "object") {
    keys.push(...listKeys(schema.additionalProperties, [...above, "*"]));
  }
  if (schema.items !== undefined) keys.push(...listKeys(schema.items, [...above, "[]"]));
  for (const branch of schema.anyOf ?? []) keys.push(...listKeys(branch, above));
  return keys;
}

/** Reports whether a path, no longer than the pattern, fits the beginning of the pattern. */
export function startsPattern(pattern: readonly string[], path: Path): boolean {
  return path.every((part, i) =>
    pattern[i] === part || pattern[i] === (typeof part === "number" ? "[]" : "*")
  );
}

/** Writes a pattern for people, such as `listeners.NAME.routes[].match.sni`. */
export function formatPattern(pattern: readonly string[]): string {
  return pattern.map((part) => part === "*" ? "NAME" : part).join(".").replaceAll(".[]", "[]");
}
