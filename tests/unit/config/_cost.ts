/**
 * Measures how cost grows with the input: a ratio within one run, of processor time, so that a busy machine
 * does not matter.
 */

import { assert } from "@std/assert";
import process from "node:process";

/** Allowed ratio of cost for twice the input: n log n, and some noise. */
const MOST = 2.5;
const ROUNDS = 24;

function cpuOf(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

/**
 * Fails if the cost of twice the input is more than 2.5 times as much, taking the best of many rounds of
 * each.
 *
 * @param n The size of the smaller input
 * @param work Makes the work for a size
 */
export function assertLinear(n: number, work: (n: number) => () => void): void {
  const [once, twice] = [work(n), work(2 * n)];
  // The first runs are those of a cold engine.
  once();
  let [less, more] = [Infinity, Infinity];
  for (let round = 0; round < ROUNDS; round++) {
    less = Math.min(less, cpuOf(once));
    more = Math.min(more, cpuOf(twice));
    if (round > 0 && more <= MOST * less) return;
  }
  assert(more <= MOST * less, `${n} cost ${less} µs, ${2 * n} cost ${more} µs`);
}
