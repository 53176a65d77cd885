import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { networks } from "../../../src/facts/networks.ts";
import { patternCoverers } from "../../../src/facts/host_names.ts";
import { editDistance, nearest } from "../../../src/config/near.ts";

const PATTERNS: readonly (readonly [wide: string, narrow: string, covers: boolean])[] = [
  ["a.example", "a.example", true],
  ["a.example", "b.example", false],
  ["*.example", "a.example", true],
  ["*.example", "a.b.example", true],
  ["*.example", "example", false],
  ["*.example", "*.example", true],
  ["*.example", "*.a.example", true],
  ["*.a.example", "*.example", false],
  ["*.example", "aexample", false],
  ["*.example", "*", false],
  ["*", "*", true],
  ["*", "a.example", true],
  ["*", "*.example", true],
  ["a.example", "*.example", false],
];

for (const [wide, narrow, covers] of PATTERNS) {
  Deno.test(`config names: "${wide}" ${covers ? "covers" : "does not cover"} "${narrow}"`, () => {
    assertEquals(patternCoverers(narrow).includes(wide), covers);
  });
}

const NETWORKS: readonly (readonly [wide: string, narrow: string, covers: boolean])[] = [
  ["10.0.0.0/8", "10.1.0.0/16", true],
  ["10.0.0.0/8", "10.0.0.1", true],
  ["10.0.0.0/16", "10.0.0.0/8", false],
  ["10.0.0.0/8", "11.0.0.0/16", false],
  ["10.0.0.7/8", "10.9.9.9", true],
  ["10.0.0.1", "10.0.0.1", true],
  ["0.0.0.0/0", "192.0.2.1", true],
  ["0.0.0.0/0", "::1", false],
  ["2001:db8::/32", "2001:db8:1::/48", true],
  ["2001:db8::/32", "2001:db9::1", false],
  ["::/0", "10.0.0.1", false],
  ["::/0", "::ffff:10.0.0.0/104", false],
  ["0.0.0.0/0", "::ffff:10.0.0.0/104", true],
  ["::ffff:0:0/96", "10.0.0.1", true],
  ["::/0", "::ffff:0:0/90", true],
];

for (const [wide, narrow, covers] of NETWORKS) {
  Deno.test(`config names: ${wide} ${covers ? "contains" : "does not contain"} ${narrow}`, () => {
    const [outer, inner] = [wide, narrow].map((one) => networks.key!(one));
    assertEquals(networks.coverers(inner!).includes(outer!), covers);
  });
}

Deno.test("config near: counts edits, a swap of neighbours as one", () => {
  assertEquals(editDistance("", "abc"), 3);
  assertEquals(editDistance("abc", "abc"), 0);
  assertEquals(editDistance("abc", "axc"), 1);
  assertEquals(editDistance("abcd", "acbd"), 1);
  assertEquals(editDistance("kitten", "sitting"), 3);
});

Deno.test("config near: is a distance", () => {
  const word = fc.string({ maxLength: 8 });
  fc.assert(fc.property(word, word, (a, b) => {
    const distance = editDistance(a, b);
    assertEquals(distance, editDistance(b, a));
    assertEquals(distance === 0, a === b);
  }));
});

Deno.test("config near: suggests what is near and nothing else", () => {
  assertEquals(nearest("upstraem", ["upstream", "match"]), "upstream");
  assertEquals(nearest("warn", ["debug", "warning"]), "warning");
  assertEquals(nearest("Drain-Timeout", ["drain_timeout"]), "drain_timeout");
  assertEquals(nearest("snii", ["sni", "alpn"]), "sni");
  assertEquals(nearest("colour", ["listeners", "log"]), undefined);
  assertEquals(nearest("x", ["io"]), undefined);
  assertEquals(nearest("", ["io", "a"]), undefined);
  assertEquals(nearest("x".repeat(100_000), ["x".repeat(99_999)]), undefined);
});
