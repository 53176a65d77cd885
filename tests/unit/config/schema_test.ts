import { assert, assertEquals } from "@std/assert";
import { parse } from "yaml";
import { configJsonSchema } from "../../../src/config/json_schema.ts";
import { formatPattern, type JsonSchema, listKeys } from "../../../src/config/keys.ts";
import { configReference } from "../../../scripts/_config_reference.ts";
import { PROTOCOLS } from "../../../src/detect/mod.ts";
import { assertGolden } from "../_golden.ts";

const EXAMPLE = new URL("../../../config.example.yaml", import.meta.url);

const schema = configJsonSchema(PROTOCOLS);
const keys = new Map(listKeys(schema).map((key) => [formatPattern(key.pattern), key]));

/** The schema of the key that a path such as `listeners.NAME.bind` names. */
function at(path: string): JsonSchema {
  const key = keys.get(path);
  assert(key !== undefined, `No key ${path}`);
  return key.schema;
}

/** Judges a value by the few words of JSON Schema that shunt's schema uses. */
function faults(value: unknown, { schema, path }: { schema: JsonSchema; path: string }): string[] {
  if (schema.anyOf !== undefined) {
    const results = schema.anyOf.map((branch) => faults(value, { schema: branch, path }));
    return results.some((result) => result.length === 0) ? [] : results[0] ?? [];
  }
  const type = value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
  const wanted = schema.type === "integer" ? "number" : schema.type;
  if (wanted !== undefined && type !== wanted) return [`${path}: ${type} is not ${wanted}`];
  if (schema.enum !== undefined && !schema.enum.includes(value)) return [`${path}: not in enum`];
  if (Array.isArray(value)) {
    return value.flatMap((item, i) =>
      faults(item, { schema: schema.items ?? {}, path: `${path}[${i}]` })
    );
  }
  if (typeof value !== "object" || value === null) return [];
  const missing = (schema.required ?? []).filter((key) => !(key in value));
  return [
    ...missing.map((key) => `${path}.${key} is missing`),
    ...Object.entries(value).flatMap(([key, inner]) => {
      const additional = schema.additionalProperties;
      const below = schema.properties?.[key] ??
        (typeof additional === "object" ? additional : undefined);
      return below === undefined
        ? [`${path}.${key} is unknown`]
        : faults(inner, { schema: below, path: `${path}.${key}` });
    }),
  ];
}

Deno.test("config schema: describes every key", () => {
  assert(keys.size > 50);
  for (const [path, { schema }] of keys) {
    const { description } = schema;
    assert(description !== undefined && description.length > 2, `${path} is not described`);
    assert(/^[A-Z`].*[^.]$/.test(description), `${path}: ${description}`);
  }
});

Deno.test("config schema: names each key's values, default and need", () => {
  assertEquals(
    schema["$schema" as keyof JsonSchema],
    "https://json-schema.org/draft/2020-12/schema",
  );
  assertEquals(schema.required, ["listeners", "upstreams"]);
  assertEquals(at("listeners.NAME.detect.timeout").default, "3s");
  assertEquals(at("listeners.NAME.transports").default, ["tcp", "udp"]);
  assertEquals(at("upstreams.NAME.send_proxy_protocol").enum, ["off", "v1", "v2"]);
  assertEquals(at("admin.bind").default, "127.0.0.1:9901");
  assertEquals(keys.get("listeners.NAME.bind")?.required, true);
  assertEquals(keys.get("upstreams.NAME.idle_timeout")?.required, false);
  const protocols = at("listeners.NAME.routes[].match.protocol").anyOf?.[0]?.items?.enum;
  assertEquals(protocols, [...PROTOCOLS.map(({ name }) => name), "unknown", "silent"]);
});

Deno.test("config schema: accepts the example", async () => {
  const example: unknown = parse(await Deno.readTextFile(EXAMPLE));
  assertEquals(faults(example, { schema, path: "" }), []);
});

Deno.test("config schema: refuses unknown keys and wrong types", () => {
  const edge = { bind: "127.0.0.1:80", routes: [{ upstream: "web" }] };
  const judge = (listener: unknown) =>
    faults({ listeners: { edge: listener }, upstreams: {} }, { schema, path: "" });
  assertEquals(judge(edge), []);
  assertEquals(judge({ ...edge, timeout: "3s" }), [".listeners.edge.timeout is unknown"]);
  assertEquals(judge({ ...edge, routes: [{}] }), [".listeners.edge.routes[0].upstream is missing"]);
  assertEquals(judge({ ...edge, detect: { timeout: 3 } }).length, 1);
  assertEquals(judge({ ...edge, transports: ["sctp"] }).length, 1);
});

Deno.test("config reference: docs/config.md is up to date", async () => {
  await assertGolden("docs/config.md", configReference(PROTOCOLS));
});

Deno.test("config reference: has a row for every key", () => {
  const reference = configReference(PROTOCOLS);
  for (const { pattern } of listKeys(schema)) {
    assert(reference.includes(`| \`${pattern.at(-1)}\` |`), pattern.join("."));
  }
});
