import { assert, assertEquals, assertLess } from "@std/assert";
import fc from "fast-check";
import { NameSet, normalizeName } from "../../../src/facts/host_names.ts";

const CASES: readonly [string, string, boolean][] = [
  ["example.com", "example.com", true],
  ["example.com", "EXAMPLE.com", true],
  ["Example.COM", "example.com", true],
  ["example.com.", "example.com", true],
  ["example.com", "www.example.com", false],
  ["example.com", "example.co", false],
  ["*.example.com", "www.example.com", true],
  ["*.Example.com", "WWW.example.COM", true],
  ["*.example.com", "a.b.example.com", true],
  ["*.example.com", "example.com", false],
  ["*.example.com", ".example.com", false],
  ["*.example.com", "badexample.com", false],
  ["*.example.com", "www.example.com.evil", false],
  ["*.com", "example.com", true],
  ["*", "anything", true],
  ["*", "a.b.c", true],
];

const MANY = Array.from({ length: 20 }, (_, i) => `*.other${i}.test`);

for (const [pattern, name, expected] of CASES) {
  const verb = expected ? "matches" : "does not match";
  Deno.test(`resolve names: "${pattern}" ${verb} "${name}"`, () => {
    assertEquals(new NameSet([pattern]).has(normalizeName(name)), expected);
    assertEquals(new NameSet([...MANY, pattern]).has(normalizeName(name)), expected);
  });
}

Deno.test("resolve names: an empty set matches nothing", () => {
  assert(!new NameSet([]).has("example.com"));
});

Deno.test("resolve names: suffixes with the same hash are told apart", () => {
  // 31 * 97 + 110 = 31 * 99 + 48: read from the end, "na" and "0c" hash alike.
  const set = new NameSet([...MANY, "*.na", "*.0c"]);
  assert(set.has("x.na"));
  assert(set.has("x.0c"));
  assert(!new NameSet([...MANY, "*.na"]).has("x.0c"));
});

/** The rule as DESIGN.md words it, without any cleverness. */
function matches(pattern: string, name: string): boolean {
  const [wanted, given] = [normalizeName(pattern), normalizeName(name)];
  if (wanted === "*" || wanted === given) return true;
  return wanted.startsWith("*.") && given.endsWith(wanted.slice(1)) &&
    given.length > wanted.length - 1;
}

Deno.test("resolve names: agrees with the naive rule on any patterns and names", () => {
  const label = fc.constantFrom("a", "b", "A", "aa", "x-1", "example");
  const name = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join("."));
  const pattern = fc.oneof(
    { weight: 4, arbitrary: name },
    { weight: 8, arbitrary: name.map((suffix) => `*.${suffix}`) },
    { weight: 1, arbitrary: fc.constant("*") },
  );
  fc.assert(
    fc.property(fc.array(pattern, { maxLength: 20 }), fc.oneof(name, fc.string()), (all, given) => {
      const expected = all.some((one) => matches(one, given));
      assertEquals(new NameSet(all).has(normalizeName(given)), expected);
    }),
    { numRuns: 1000 },
  );
});

Deno.test("resolve names: a name of 64 KiB of dots costs no more than the longest pattern", () => {
  const set = new NameSet([...MANY, `*.${"b.".repeat(120)}com`]);
  const started = performance.now();
  for (let i = 0; i < 20; i++) assert(!set.has("a.".repeat(32_768)));
  // Looking up each of its suffixes as text would take seconds.
  assertLess(performance.now() - started, 500);
});
