/**
 * Writes the configuration's reference as Markdown from its JSON Schema, so that it always says what
 * applies.
 *
 * @module
 */

import { configJsonSchema } from "../src/config/json_schema.ts";
import { formatPattern, type JsonSchema, type Key, listKeys } from "../src/config/keys.ts";
import type { ProtocolInfo } from "../src/facts/mod.ts";

const HEAD = `<!-- deno-fmt-ignore-file -->
# Configuration reference

<!-- Written by scripts/_config_reference.ts from the schema. Change descriptions and defaults in src/config/schema.ts. -->

One YAML file. Every listener and upstream has a name of your choice, \`NAME\` below; \`[]\` is each
element of a list. Unknown keys, unknown names, wrong types and routes that can never match are
errors, and \`shunt check\` reports all of them with their lines. \`shunt schema\` prints a JSON Schema
for editors.

| value | written as |
| --- | --- |
| duration | \`250ms\`, \`5s\`, \`1m\`, \`1h\` |
| size | \`512B\`, \`64KiB\`, \`1MiB\`, \`1GiB\`, or a number of bytes |
| rate | \`100/s\`; \`0.5/s\` is one every two seconds |
| list | \`[a, b]\`; with "or a list of such", a list of one may be written as \`a\` |
`;

/**
 * Writes the reference.
 *
 * @param protocols The protocols that shunt detects
 * @returns Markdown
 */
export function configReference(protocols: readonly ProtocolInfo[]): string {
  const keys = listKeys(configJsonSchema(protocols));
  const sections = new Map<string, Key[]>();
  for (const key of keys) {
    const section = formatPattern(key.pattern.slice(0, -1));
    sections.set(section, [...sections.get(section) ?? [], key]);
  }
  const text = [HEAD];
  for (const [section, inner] of sections) {
    text.push(`## ${section === "" ? "Top level" : `\`${section}\``}\n`);
    text.push("| key | value | default | meaning |", "| --- | --- | --- | --- |");
    for (const key of inner) text.push(row(key));
    text.push("");
  }
  return text.join("\n");
}

function row({ pattern, required, schema }: Key): string {
  const standard = schema.default === undefined
    ? ""
    : code(JSON.stringify(schema.default).replaceAll(",", ", "));
  const cells = [
    code(pattern.at(-1)!),
    valueOf(schema),
    required ? "required" : standard === code("{}") ? "" : standard.replaceAll('"', ""),
    schema.description ?? "",
  ];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

function valueOf(schema: JsonSchema): string {
  const words = schema.enum ?? listWordsOf(schema);
  if (words !== undefined) {
    const text = words.map((word) => code(String(word))).join(", ");
    return schema.enum === undefined ? `${text}, or a list of such` : text;
  }
  if (schema.title !== undefined) return schema.title.replaceAll(/"([^"]*)"/g, "`$1`");
  if (schema.type === "boolean") return "`true`, `false`";
  if (schema.type === "array") return "list";
  if (schema.anyOf?.some(({ type }) => type === "null")) return "map or null";
  return "map";
}

/** The words that the elements of a list are taken from. */
function listWordsOf(schema: JsonSchema): readonly unknown[] | undefined {
  return schema.anyOf?.find(({ type }) => type === "array")?.items?.enum;
}

function code(text: string): string {
  return `\`${text}\``;
}
