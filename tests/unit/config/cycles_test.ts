import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { components } from "../../../src/config/cycles.ts";

function reaches(next: readonly (readonly number[])[], from: number): ReadonlySet<number> {
  const seen = new Set([from]);
  for (const node of seen) for (const to of next[node]!) seen.add(to);
  return seen;
}

Deno.test("config cycles: two nodes share a component if each leads to the other", () => {
  const graph = fc.integer({ min: 1, max: 9 }).chain((size) =>
    fc.array(fc.array(fc.nat(size - 1), { maxLength: 3 }), { minLength: size, maxLength: size })
  );
  fc.assert(
    fc.property(graph, (next) => {
      const found = components(next);
      const reached = next.map((_, node) => reaches(next, node));
      for (let a = 0; a < next.length; a++) {
        for (let b = 0; b < next.length; b++) {
          const both = reached[a]!.has(b) && reached[b]!.has(a);
          assertEquals(found[a] === found[b], both, `${a} and ${b}`);
        }
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("config cycles: a long chain and a long ring overflow no stack", () => {
  const size = 200_000;
  const chain = Array.from({ length: size }, (_, i) => i + 1 < size ? [i + 1] : []);
  assertEquals(new Set(components(chain)).size, size);
  const ring = Array.from({ length: size }, (_, i) => [(i + 1) % size]);
  assertEquals(new Set(components(ring)).size, 1);
});
