/**
 * Every key that a JSON Schema describes, as a flat list: for suggestions and for the reference.
 * Knows JSON Schema; knows no key of shunt's.
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
 * @param schema The schema
 * @param above The path of what it describes
 * @returns The keys
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

/**
 * Reports whether a path leads towards a pattern.
 *
 * @param pattern The pattern
 * @param path The path, not longer than the pattern
 * @returns `true` where its first parts are those of the path
 */
export function startsPattern(pattern: readonly string[], path: Path): boolean {
  return path.every((part, i) =>
    pattern[i] === part || pattern[i] === (typeof part === "number" ? "[]" : "*")
  );
}

/**
 * Writes a pattern as people read it.
 *
 * @param pattern The pattern
 * @returns Text such as `listeners.NAME.routes[].match.sni`
 */
export function formatPattern(pattern: readonly string[]): string {
  return pattern.map((part) => part === "*" ? "NAME" : part).join(".").replaceAll(".[]", "[]");
}
