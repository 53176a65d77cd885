import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { parse, stringify } from "smol-toml";
import { ConfigError } from "../../../src/errors.ts";
import { readLibconfig } from "../../../src/convert/libconfig.ts";
import { readDirectives } from "../../../src/convert/nginx_syntax.ts";
import { readKey } from "../../../src/convert/nginx_keys.ts";
import { sizeOf, timeOf } from "../../../src/convert/nginx_scope.ts";
import type { Entry, Value } from "../../../src/convert/group.ts";
import { readToml } from "../../../src/convert/toml.ts";

/** The line of a key, or of the nearest one around it; of a list of tables the last one is meant. */
function lineOf(entries: readonly Entry[], [name, ...rest]: readonly string[], around = 1): number {
  const entry = entries.find((entry) => entry.name === name);
  if (entry === undefined) return around;
  const last = entry.value.kind === "list" ? entry.value.items.at(-1) : entry.value;
  return lineOf(last?.kind === "group" ? last.settings : [], rest, entry.line);
}

/** A value as another parser of TOML gives it. */
function plain(value: Value): unknown {
  if (value.kind === "scalar") return value.value;
  if (value.kind === "list") return value.items.map(plain);
  return plainTable(value.settings);
}

function plainTable(entries: readonly Entry[]): unknown {
  return Object.fromEntries(entries.map(({ name, value }) => [name, plain(value)]));
}

Deno.test("toml lines: finds keys behind strings, lists and tables that look like others", () => {
  const text = [
    "a = 1",
    "# b = 2",
    '[protocols."x y"] # [c]',
    "alpn = [ # list ]",
    " \"h2]\", 'x[',",
    "]",
    'long = """',
    "[not.a.table]",
    'b = 1 \\""""',
    'dot.ted."k\\u0041" = { x = "}" }',
    "[[list]]",
    "z = 1",
  ].join("\n");
  const lines = readToml(text);
  assertEquals(plainTable(lines), parse(text));
  const table: readonly [readonly string[], number][] = [
    [["a"], 1],
    [["protocols"], 3],
    [["protocols", "x y"], 3],
    [["protocols", "x y", "alpn"], 4],
    [["protocols", "x y", "long"], 7],
    [["protocols", "x y", "dot", "ted", "kA"], 10],
    [["list"], 11],
    [["list", "z"], 12],
    [["a", "absent"], 1],
  ];
  for (const [path, line] of table) assertEquals(lineOf(lines, path), line, path.join("."));
});

Deno.test("toml lines: finds every top-level key of any text", () => {
  const scalar = fc.oneof(fc.string(), fc.integer(), fc.array(fc.string()));
  fc.assert(fc.property(fc.dictionary(fc.string({ minLength: 1 }), scalar), (value) => {
    const text = stringify(value);
    const lines = readToml(text);
    Object.keys(value).forEach((key, i) => assertEquals(lineOf(lines, [key]), i + 1, text));
  }));
});

Deno.test("toml: reads what another parser reads", () => {
  const scalar = fc.oneof(fc.string({ unit: "grapheme" }), fc.integer(), fc.boolean());
  const { tree } = fc.letrec<{ tree: unknown; value: unknown }>((tie) => ({
    tree: fc.dictionary(fc.string(), tie("value"), { maxKeys: 5, noNullPrototype: true }),
    value: fc.oneof(
      { maxDepth: 4 },
      scalar,
      fc.array(scalar),
      fc.array(tie("tree"), { minLength: 1, maxLength: 3 }),
      tie("tree"),
    ),
  }));
  fc.assert(fc.property(tree, (value) => {
    const text = stringify(value);
    assertEquals(plainTable(readToml(text)), parse(text), text);
  }));
});

Deno.test("toml: keys that every object has are keys like others", () => {
  const entries = readToml("[__proto__]\nx = 1\n[constructor.prototype]\nx = 1\n");
  assertEquals(entries.map(({ name, line }) => [name, line]), [["__proto__", 1], [
    "constructor",
    3,
  ]]);
  assertEquals(Object.hasOwn(Object.prototype, "x"), false);
});

Deno.test("libconfig: reads values, comments and lines", () => {
  const [a, b, c, d] = readLibconfig(
    '// one\na = 0x1F;\n/* two\n */ b: "x" # three\n "\\x41\\n\\"";\nc = ( { d: true, e = 1.5L }, [ 1, 2 ], );\n@include "other.cfg"',
  );
  assertEquals(a, { name: "a", value: { kind: "scalar", value: 31, line: 2 }, line: 2 });
  assertEquals(b, { name: "b", value: { kind: "scalar", value: 'xA\n"', line: 4 }, line: 4 });
  assertEquals(c?.value.kind === "list" && c.value.items.map(({ kind }) => kind), [
    "group",
    "list",
  ]);
  assertEquals([d?.name, d?.line], ["@include", 7]);
});

Deno.test("nginx syntax: reads words, quotes, comments and blocks", () => {
  const [a, b] = readDirectives(
    'a \'x;{\' "y\\"z" ${v}w; # c;\nmap $x $y {\n "" 1;\n ~^(?<n>.+)\\.com$ $n; }',
  );
  assertEquals(a, { name: "a", args: ["x;{", 'y"z', "${v}w"], line: 1 });
  assertEquals(b?.block, [
    { name: "", args: ["1"], line: 3 },
    { name: "~^(?<n>.+)\\.com$", args: ["$n"], line: 4 },
  ]);
});

const WRONG: readonly [read: (text: string) => unknown, text: string, line: number][] = [
  [readLibconfig, "a = 1;\nb 2;", 2],
  [readLibconfig, "a = nobody;", 1],
  [readLibconfig, 'a = "x', 1],
  [readLibconfig, "a = (\n1, 2\n", 3],
  [readLibconfig, "a = { b = 1;\n", 2],
  [readLibconfig, "a = 1;\n}", 2],
  [readLibconfig, `a = ${"(".repeat(1000)}`, 1],
  [readLibconfig, `a = ${"{ a = ".repeat(1000)}`, 1],
  [readToml, "a = 1\nb", 2],
  [readToml, "a = 1\nb\n", 2],
  [readToml, "a = 1\nb\n\n# c\n[d]\n", 2],
  [readToml, "a = 1\nb =\n2", 2],
  [readToml, "a = 1\n= 2", 2],
  [readToml, "a = 1\n# \b\n", 2],
  [readToml, "a = 1\nb = [\n1 2]", 3],
  [readToml, "a = 1\na.b = 2", 2],
  [readToml, "[a]\n[b]\n[a]", 3],
  [readToml, "a = 1979-02-30", 1],
  [readToml, 'a = 1\nb = "x', 2],
  [readToml, `a = 1\nb = ${"[".repeat(100)}${"]".repeat(100)}`, 2],
  [readToml, `a = ${"{ a = ".repeat(100)}1${" }".repeat(100)}`, 1],
  [readToml, `a = ${"[".repeat(100_000)}${"]".repeat(100_000)}`, 0],
  [readToml, `a = ${"[".repeat(1000)}`, 1],
  [readToml, `a = "${"x".repeat(1_000_000)}"`, 0],
  [readDirectives, "a b", 1],
  [readDirectives, "a {\nb c;\n", 1],
  [readDirectives, "a b;\n}", 2],
  [readDirectives, "a;\n'b;", 2],
  [readDirectives, "a { ".repeat(1000), 1],
];

for (const [read, text, line] of WRONG) {
  Deno.test(`convert: ${read.name} refuses ${JSON.stringify(text.slice(0, 20))} with its line`, () => {
    const error = assertThrows(() => read(text), ConfigError);
    assertEquals([error.code, error.context.line], ["unreadable", line]);
  });
}

const KEYS: readonly [key: string, patterns: readonly string[] | undefined][] = [
  ["example.com", ["example.com"]],
  ["*.example.com", ["*.example.com"]],
  [".example.com", ["example.com", "*.example.com"]],
  ["www.example.*", undefined],
  ["~^www\\.example\\.com$", ["www.example.com"]],
  ["~*^(a|b)\\.example\\.com$", ["a.example.com", "b.example.com"]],
  ["~^(www\\.a\\.com|b\\.org)$", ["www.a.com", "b.org"]],
  ["~\\.example\\.com$", ["*.example.com"]],
  ["~^.+\\.example\\.com$", ["*.example.com"]],
  ["~^(.+\\.)?example\\.com$", ["example.com", "*.example.com"]],
  ["~(^|\\.)example\\.com$", ["example.com", "*.example.com"]],
  ["~^[^.]+\\.example\\.com$", undefined],
  ["~^www.example.com$", undefined],
  ["~example", undefined],
];

Deno.test("nginx keys: become patterns only if they mean the same", () => {
  for (const [key, patterns] of KEYS) {
    const read = readKey(key, { hostnames: true });
    assertEquals(read.kind === "none" ? undefined : read.patterns, patterns, key);
  }
  assertEquals(readKey(".example.com", { hostnames: false }).kind, "none");
});

Deno.test("nginx values: times and sizes", () => {
  const times = {
    "60": "1m",
    "1h30m": "90m",
    "1h 30m": "90m",
    "500ms": "500ms",
    "1d": "24h",
    x: "x",
  };
  for (const [text, duration] of Object.entries(times)) assertEquals(timeOf(text), duration);
  const sizes = { "16k": "16KiB", "1M": "1MiB", "512": "512B", "1.5k": "1.5k" };
  for (const [text, size] of Object.entries(sizes)) assertEquals(sizeOf(text), size);
});
