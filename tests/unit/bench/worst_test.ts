/**
 * Holds every parser to work that grows no faster than its input, by the table of `task bench:worst`.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { costOfTwice, CUTS, Meter, type Worst } from "../../../bench/worst/feed.ts";
import { WORST } from "../../../bench/worst/inputs.ts";
import { DETECTORS } from "../../../src/detect/mod.ts";

/** What twice the input may cost; n log n costs 2.2 at most, a square costs 4. */
const MOST = 2.5;
/** What else the machine does makes single tries wrong, but not all of them. */
const TRIES = 12;
/** What is so slow is not tried again: no noise adds that much. */
const SLOW_MS = 3000;
/** A doubling in the middle, below most caps, and the last one. */
const FRACTIONS = [8, 2];

/** The least of several tries: noise adds to a cost, and takes nothing away. */
function ratio(worst: Worst, cut: number, size: number): number {
  let least = Infinity;
  const start = performance.now();
  for (let i = 0; i < TRIES && least > MOST && performance.now() - start < SLOW_MS; i++) {
    least = Math.min(least, costOfTwice(worst, cut, { size, rounds: 2 + i }));
  }
  return least;
}

for (const parser of new Set(WORST.map((worst) => worst.parser))) {
  Deno.test(`bench worst: ${parser}: twice the input costs at most ${MOST} times as much`, () => {
    const dear: string[] = [];
    for (const worst of WORST.filter((one) => one.parser === parser)) {
      for (const cut of (worst.cuts ?? CUTS).filter((cut) => cut !== 64)) {
        for (const fraction of FRACTIONS) {
          const least = ratio(worst, cut, Math.floor(worst.cap / fraction));
          if (least > MOST) {
            dear.push(
              `${worst.name}, pieces of ${cut}, to ${2 / fraction} of the cap: ${least.toFixed(2)}`,
            );
          }
        }
      }
    }
    assertEquals(dear, []);
  });
}

Deno.test("bench worst: references to a host cost no more than references to any field", () => {
  const [host, field] = ["references to a host", "references to a field"].map((name) =>
    WORST.find((one) => one.name === name)!
  );
  let least = Infinity;
  for (let i = 0; i < TRIES && least > MOST; i++) {
    const [dear, cheap] = [host!, field!].map((worst) => new Meter(worst, worst.cap, Infinity));
    for (const meter of [dear!, cheap!]) meter.warmUp();
    for (let round = 0; round < 3; round++) {
      for (const meter of [dear!, cheap!]) meter.round();
    }
    least = Math.min(least, dear!.best / cheap!.best);
  }
  assert(least <= MOST, `${least.toFixed(1)} times`);
});

Deno.test("bench worst: the table has every protocol, and no protocol twice by one name", () => {
  const parsers = new Set(WORST.map(({ parser }) => parser));
  assertEquals(DETECTORS.filter(({ name }) => !parsers.has(name)).map(({ name }) => name), []);
  const names = WORST.map(({ parser, name }) => `${parser}: ${name}`);
  assertEquals(new Set(names).size, names.length);
});

Deno.test("bench worst: quadratic cost is told from linear cost", () => {
  const make = (size: number) => [new Uint8Array(size)];
  const worst = { parser: "none", name: "none", cap: 1024, make };
  let sum = 0;
  const line: Worst = { ...worst, feed: ([bytes]) => bytes!.forEach((byte) => sum += byte) };
  const square: Worst = {
    ...worst,
    feed: ([bytes]) => bytes!.forEach(() => bytes!.forEach((byte) => sum += byte)),
  };
  assert(ratio(line, Infinity, 512) <= MOST);
  assert(ratio(square, Infinity, 512) > MOST);
  assertEquals(sum, 0);
});
