import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  Histogram,
  histogramCells,
  LIFE_BOUNDS,
  WAIT_BOUNDS,
} from "../../../../src/observe/metrics/histogram.ts";

Deno.test("histogram: a value that equals a bound belongs to its bucket", () => {
  const histogram = new Histogram([1, 10]);
  for (const value of [0, 1, 1.001, 10, 10.5, 1000]) histogram.observe(value);
  assertEquals([...histogram.buckets], [2, 2, 2]);
  assertEquals(histogram.sum, 1022.501);
});

Deno.test("histogram: two in the same memory do not touch each other", () => {
  const cells = new Float64Array(2 * histogramCells([1]));
  const [a, b] = [new Histogram([1], cells), new Histogram([1], cells, histogramCells([1]))];
  a.observe(5);
  b.observe(0.5);
  assertEquals([...cells], [0, 1, 5, 1, 0, 0.5]);
});

for (const [name, bounds] of Object.entries({ WAIT_BOUNDS, LIFE_BOUNDS })) {
  Deno.test(`histogram: ${name} ascend, by no more than four times`, () => {
    for (let i = 1; i < bounds.length; i++) {
      const step = bounds[i]! / bounds[i - 1]!;
      assert(step > 1 && step < 4, `${bounds[i - 1]} to ${bounds[i]}`);
    }
  });
}

Deno.test("histogram: every value lands in the first bucket that can take it", () => {
  fc.assert(fc.property(fc.double({ min: 0, max: 1e6, noNaN: true }), (value) => {
    const histogram = new Histogram(LIFE_BOUNDS);
    histogram.observe(value);
    const found = LIFE_BOUNDS.findIndex((bound) => value <= bound);
    const expected = found < 0 ? LIFE_BOUNDS.length : found;
    return [...histogram.buckets].every((count, i) => count === Number(i === expected));
  }));
});
