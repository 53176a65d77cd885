import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { stringify } from "yaml";
import { formatProblem } from "../../../src/config/problem.ts";
import { load, withTop } from "./_table.ts";

const TEXTS: Readonly<Record<string, string>> = {
  "open brackets": "[".repeat(200_000),
  "open braces": "{a: ".repeat(100_000),
  "lists in lists": "- ".repeat(20_000),
  "keys of keys": "? ".repeat(20_000),
  "colons": "a: ".repeat(20_000),
  "zero bytes": "\0".repeat(100_000),
  "half a surrogate": "a: \ud800",
  "one long key": `${"k".repeat(200_000)}: 1`,
  "many unknown keys": Array.from({ length: 5000 }, (_, i) => `k${i}: 1`).join("\n"),
  "a list within itself": "log: &a [*a]",
  "a map within itself": "listeners: &a { edge: *a }",
  "a merge key": "<<: { workers: 2 }",
  "a prototype in a map": "listeners: { __proto__: { bind: '127.0.0.1:1' } }",
  "names of Object.prototype": "constructor: 1\ntoString: 2\nlisteners: { hasOwnProperty: 1 }",
  "a file above the limit": "#".repeat(600_000),
  "a tag that makes binary data": "log: !!binary aGVsbG8=",
};

for (const [name, yaml] of Object.entries(TEXTS)) {
  Deno.test(`config hostile: reports ${name} with a line, and does not throw`, () => {
    const { config, problems } = load(yaml);
    assertEquals(config, undefined);
    assert(problems.length > 0);
    for (const problem of problems) {
      assert(problem.line !== undefined && problem.line > 0, formatProblem(problem));
      assert(formatProblem(problem).length < 1000 + problem.path.length);
    }
  });
}

Deno.test("config hostile: keys of a prototype reach no object", () => {
  load(withTop("__proto__: { polluted: true }"), ["__proto__.polluted=true", "log.__proto__.x=1"]);
  assertEquals(Reflect.get({}, "polluted"), undefined);
  assertEquals(Reflect.get({}, "x"), undefined);
});

/** Words that reach deep into the schema, so that arbitrary values get to where they matter. */
const WORDS = [
  ...["listeners", "upstreams", "edge", "web", "bind", "transports", "detect", "timeout", "limits"],
  ...["routes", "match", "protocol", "sni", "host", "source", "upstream", "targets", "address"],
  ...["health", "admin", "log", "file", "workers", "off", "127.0.0.1:80", "5s", "tls", "*.a.test"],
];

Deno.test("config hostile: arbitrary values give a config or problems with lines, never a throw", () => {
  const word = fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...WORDS) }, {
    weight: 1,
    arbitrary: fc.string(),
  });
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 7 },
      { weight: 2, arbitrary: word },
      { weight: 1, arbitrary: fc.constantFrom(null, true, 0, -1, 1.5, 2 ** 60) },
      { weight: 3, arbitrary: fc.dictionary(word, tie("tree"), { maxKeys: 5 }) },
      { weight: 2, arbitrary: fc.array(tie("tree"), { maxLength: 4 }) },
    ),
  }));
  fc.assert(
    fc.property(fc.dictionary(word, tree, { maxKeys: 5 }), word, tree, (value, path, set) => {
      const { config, problems } = load(stringify(value), [`${path}=${JSON.stringify(set)}`]);
      assertEquals(config === undefined, problems.some(({ severity }) => severity === "error"));
      for (const { file, line } of problems) assert(file !== "c.yaml" || line !== undefined);
    }),
    { numRuns: 300 },
  );
});

Deno.test("config hostile: arbitrary text gives a config or problems, never a throw", () => {
  const text = fc.array(
    fc.oneof(fc.constantFrom(..."[]{}:,-?&*!|>'\"%@`#\n\t ", "a: ", "- ", "---\n"), fc.string()),
  );
  fc.assert(
    fc.property(text, (parts) => {
      const { config, problems } = load(parts.join(""));
      assertEquals(config === undefined, problems.length > 0);
    }),
    { numRuns: 500 },
  );
});
