import { assert, assertEquals, assertLess } from "@std/assert";
import fc from "fast-check";
import { MAGLEV_SLOTS, maglevTable } from "../../../src/resolve/maglev.ts";

const named = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ name: `10.0.${i >> 8}.${i & 255}:80`, weight: 1 }));

function slotsOf(table: Uint16Array, count: number): number[] {
  const slots = new Array<number>(count).fill(0);
  for (const index of table) slots[index]!++;
  return slots;
}

Deno.test("resolve maglev: the number of slots is prime", () => {
  for (let i = 2; i * i <= MAGLEV_SLOTS; i++) assert(MAGLEV_SLOTS % i !== 0);
});

Deno.test("resolve maglev: equal targets of 100 differ by one slot", () => {
  const slots = slotsOf(maglevTable(named(100)), 100);
  assertLess(Math.max(...slots) - Math.min(...slots), 2);
});

Deno.test("resolve maglev: targets of one name do not hang it", () => {
  const twice = [...named(2), ...named(2)];
  assertEquals(slotsOf(maglevTable(twice), 4).reduce((sum, slots) => sum + slots), MAGLEV_SLOTS);
});

const anyTargets = fc.uniqueArray(
  fc.record({ name: fc.domain(), weight: fc.integer({ min: 1, max: 1000 }) }),
  { minLength: 1, maxLength: 12, selector: ({ name }) => name },
);

Deno.test("resolve maglev: fills every slot, each target by its weight", () => {
  fc.assert(
    fc.property(anyTargets, (targets) => {
      const slots = slotsOf(maglevTable(targets), targets.length);
      const total = targets.reduce((sum, { weight }) => sum + weight, 0);
      targets.forEach(({ weight }, i) => {
        const fair = MAGLEV_SLOTS * weight / total;
        // The last round may be cut short, by one turn of a target at most.
        assertLess(Math.abs(slots[i]! - fair), 2 + targets.length / 2);
      });
    }),
    { numRuns: 25 },
  );
});

Deno.test("resolve maglev: the order of the targets changes nothing", () => {
  fc.assert(
    fc.property(anyTargets, (targets) => {
      const reversed = targets.toReversed();
      const there = maglevTable(targets);
      const back = maglevTable(reversed);
      assert(there.every((index, slot) => targets[index] === reversed[back[slot]!]));
    }),
    { numRuns: 15 },
  );
});

Deno.test("resolve maglev: removing any one of n targets moves at most 2/n of the slots", () => {
  for (const count of [2, 5, 20]) {
    const targets = named(count);
    const before = maglevTable(targets);
    for (const gone of [0, count >> 1, count - 1]) {
      const left = targets.filter((_, i) => i !== gone);
      const after = maglevTable(left);
      const moved = before.filter((index, slot) => targets[index] !== left[after[slot]!]).length;
      assertLess(moved / MAGLEV_SLOTS, 2 / count);
    }
  }
});
