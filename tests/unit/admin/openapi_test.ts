import { assert, assertEquals } from "@std/assert";
import { OPERATIONS } from "../../../src/admin/operations.ts";
import { startTestAdmin } from "./_control.ts";

/** The parts of JSON Schema that the document uses. */
interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | boolean;
  readonly minimum?: number;
  readonly maximum?: number;
}

interface Described {
  readonly summary: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: unknown;
  readonly responses: Readonly<
    Record<string, { readonly content: Readonly<Record<string, { readonly schema: Schema }>> }>
  >;
}

interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

function faults(value: unknown, schema: Schema, at: string, document: Document): string[] {
  if (schema.$ref !== undefined) {
    const named = document.components.schemas[schema.$ref.split("/").at(-1)!];
    return named === undefined
      ? [`${at}: ${schema.$ref} leads nowhere`]
      : faults(value, named, at, document);
  }
  if (schema.anyOf !== undefined) {
    const all = schema.anyOf.map((one) => faults(value, one, at, document));
    return all.some((found) => found.length === 0) ? [] : all.flat();
  }
  if ("const" in schema && value !== schema.const) return [`${at}: is not ${schema.const}`];
  if (schema.enum?.includes(value) === false) return [`${at}: not in enum`];
  const type = value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
  const legal = [schema.type ?? type].flat().map((one) => one === "integer" ? "number" : one);
  if (!legal.includes(type)) return [`${at}: ${type} is not ${legal}`];
  if (typeof value === "number") {
    const { minimum = -Infinity, maximum = Infinity } = schema;
    return value < minimum || value > maximum ? [`${at}: ${value} is out of bounds`] : [];
  }
  if (Array.isArray(value)) {
    return value.flatMap((item, i) => faults(item, schema.items ?? {}, `${at}[${i}]`, document));
  }
  if (typeof value !== "object" || value === null) return [];
  const missing = (schema.required ?? []).filter((key) => !(key in value));
  return [
    ...missing.map((key) => `${at}.${key}: missing`),
    ...Object.entries(value).flatMap(([key, inner]) => {
      const below = schema.properties?.[key] ?? schema.additionalProperties ?? {};
      return typeof below === "boolean"
        ? below ? [] : [`${at}.${key}: unknown`]
        : faults(inner, below, `${at}.${key}`, document);
    }),
  ];
}

async function fetchDocument(shunt: Awaited<ReturnType<typeof startTestAdmin>>): Promise<Document> {
  return JSON.parse((await shunt.ask("GET", "/api/openapi.json")).text) as Document;
}

Deno.test("admin openapi: describes every operation with its parameters and answers", async () => {
  await using shunt = await startTestAdmin();
  const document = await fetchDocument(shunt);
  assertEquals(document.openapi, "3.1.0");
  let count = 0;
  for (const methods of Object.values(document.paths)) count += Object.keys(methods).length;
  assertEquals(count, OPERATIONS.length);
  for (const { method, path, query, body, answers } of OPERATIONS) {
    const described = document.paths[path]?.[method.toLowerCase()];
    assert(described !== undefined, `${method} ${path} is not described`);
    assert(described.summary.length > 5);
    const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
    assertEquals(
      (described.parameters ?? []).map(({ name }) => name),
      [...names, ...Object.keys(query?.shape ?? {})],
    );
    assertEquals(described.requestBody !== undefined, body !== undefined);
    for (const status of Object.keys(answers)) assert(status in described.responses);
  }
});

const JSON_TYPE = { "content-type": "application/json" };
const UPSTREAM = "/api/upstreams/{name}";
const TARGET = "/api/upstreams/{name}/targets/{target}";
/** Method, path in the document, path asked, body, status. */
const CALLS: readonly (readonly [string, string, string, string, number])[] = [
  ["get", "/", "/", "", 200],
  ["get", "/page.js", "/page.js", "", 200],
  ["get", "/page.css", "/page.css", "", 200],
  ["get", "/icon.svg", "/icon.svg", "", 200],
  ["get", "/healthz", "/healthz", "", 200],
  ["get", "/readyz", "/readyz", "", 200],
  ["get", "/metrics", "/metrics", "", 200],
  ["get", "/api/status", "/api/status", "", 200],
  ["get", "/api/traffic", "/api/traffic", "", 200],
  ["get", "/api/sessions", "/api/sessions", "", 200],
  ["get", "/api/sessions", "/api/sessions?limit=x", "", 400],
  ["get", "/api/flows", "/api/flows?q=nothing-has-this", "", 200],
  ["get", "/api/upstreams", "/api/upstreams", "", 200],
  ["get", "/api/config", "/api/config", "", 200],
  ["get", "/api/openapi.json", "/api/openapi.json", "", 200],
  ["post", "/api/reload", "/api/reload", "{}", 200],
  ["patch", TARGET, "/api/upstreams/web/targets/10.0.0.5:443", '{"state":"drain"}', 200],
  ["patch", TARGET, "/api/upstreams/web/targets/10.0.0.5:443", "{}", 400],
  ["patch", TARGET, "/api/upstreams/wep/targets/x", '{"state":"drain"}', 404],
  ["patch", UPSTREAM, "/api/upstreams/web", '{"faults":{"latency":"20ms","loss":"5%"}}', 200],
  ["patch", UPSTREAM, "/api/upstreams/web", '{"faults":null}', 200],
  ["patch", UPSTREAM, "/api/upstreams/web", '{"faults":{"latency":20}}', 400],
  ["patch", UPSTREAM, "/api/upstreams/wep", '{"faults":null}', 404],
  ["post", "/api/drain", "/api/drain?handover=ask", "{}", 200],
  ["post", "/api/drain", "/api/drain?handover=perhaps", "{}", 400],
  ["get", "/readyz", "/readyz", "", 200],
  ["post", "/api/drain", "/api/drain", "{}", 202],
  ["get", "/readyz", "/readyz", "", 503],
  ["patch", UPSTREAM, "/api/upstreams/web", '{"faults":null}', 409],
  ["post", "/api/reload", "/api/reload", "{}", 422],
];

Deno.test("admin openapi: every operation answers what the document says", async () => {
  await using shunt = await startTestAdmin();
  const document = await fetchDocument(shunt);
  for (const [method, path, url, body, status] of CALLS) {
    if (status === 422) shunt.control.reloaded = { ok: false, problems: ["c.yaml:1:1: error: x"] };
    const answer = await shunt.ask(method.toUpperCase(), url, { headers: JSON_TYPE, body });
    assertEquals([method, url, answer.status], [method, url, status]);
    const { content } = document.paths[path]![method]!.responses[status]!;
    const [[type, { schema }]] = Object.entries(content) as [[string, { schema: Schema }]];
    assertEquals(answer.headers["content-type"], type, url);
    const value: unknown = type === "application/json" ? JSON.parse(answer.text) : answer.text;
    assertEquals(faults(value, schema, url, document), []);
  }
  const asked = new Set(CALLS.map(([method, path]) => `${method.toUpperCase()} ${path}`));
  const all = OPERATIONS.map(({ method, path }) => `${method} ${path}`);
  assertEquals(all.filter((operation) => !asked.has(operation)), []);
});
