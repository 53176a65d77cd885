/**
 * Tests of the statistics of the bench against peers.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { Results } from "../../../bench/peers/results.ts";
import { best, median, ratioToBest } from "../../../bench/peers/stats.ts";

Deno.test("bench stats: the median is the middle value, or the mean of both", () => {
  assertEquals(median([]), undefined);
  assertEquals(median([5]), 5);
  assertEquals(median([9, 1, 4]), 4);
  assertEquals(median([10, 9, 1, 2]), 5.5);
});

Deno.test("bench stats: the best is the greatest if more is better, else the least", () => {
  assertEquals(best([3, 7, 5], "more"), 7);
  assertEquals(best([3, 7, 5], "less"), 3);
  assertEquals(best([], "more"), undefined);
});

Deno.test("bench stats: compares within each round, then takes the median of the ratios", () => {
  // Ratios 10/20, 30/15 and 8/8; the medians alone, 10 and 15, would give 0.67.
  const ratio = ratioToBest([10, 30, 8], [[20, 15, 1], [2, 3, 8]], { better: "more" });
  assertEquals(ratio, 1);
});

Deno.test("bench stats: the best peer is chosen anew in each round", () => {
  const ratio = ratioToBest([10, 10], [[5, 40], [20, 10]], { better: "less" });
  assertEquals(ratio, 1.5);
});

Deno.test("bench stats: a round in which a participant failed does not count for it", () => {
  const own = [undefined, 6];
  assertEquals(ratioToBest(own, [[1, 3], [undefined, undefined]], { better: "more" }), 2);
  assertEquals(ratioToBest(own, [[1, undefined]], { better: "more" }), undefined);
});

Deno.test("bench stats: values below the floor count as the floor", () => {
  const options = { better: "less", floor: 5 } as const;
  assertEquals(ratioToBest([-3], [[1]], options), 1);
  assertEquals(ratioToBest([10], [[-40]], options), 2);
  assertEquals(ratioToBest([1], [[0]], { better: "less" }), undefined);
});

Deno.test("bench results: keep values by round and report which participant failed", () => {
  const results = new Results(3);
  results.add("a", 0, { kept: 4 });
  results.add("a", 2, { kept: 8 });
  results.failures.push({ participant: "a", measure: "kept", round: 1, message: "no" });
  assertEquals(results.values("a", "kept"), [4, undefined, 8]);
  assertEquals(results.median("a", "kept"), 6);
  assertEquals(results.median("a", "new"), undefined);
  assertEquals(results.failed("a", "kept"), true);
  assertEquals(results.failed("b", "kept"), false);
  assertEquals(results.toJSON(), { a: { kept: [4, null, 8] } });
});
