import { assert, assertEquals, assertRejects } from "@std/assert";
import { atOnce, GivenUp, inSlices, type Steps } from "../../src/slices.ts";

/** Work in steps, each of which takes some of the processor's time. */
function* busy(steps: number, ms = 1): Steps<number> {
  for (let step = 0; step < steps; step++) {
    const end = performance.now() + ms;
    while (performance.now() < end);
    yield;
  }
  return steps;
}

Deno.test("slices: all at once returns the work's result", () => {
  assertEquals(atOnce(busy(3)), 3);
});

Deno.test("slices: others have their turn many times while long work is done", async () => {
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  assertEquals(await inSlices(busy(60)), 60);
  clearInterval(timer);
  // 60 ms in slices of 4 ms.
  assert(turns >= 10, `${turns} turns`);
});

Deno.test("slices: work that is given up closes what it has open, and stops", async () => {
  const seen: string[] = [];
  function* work(): Steps<void> {
    try {
      yield* busy(1000);
      seen.push("done");
    } finally {
      seen.push("closed");
    }
  }
  let over = false;
  const working = inSlices(work(), () => over);
  over = true;
  await assertRejects(() => working, GivenUp);
  assertEquals(seen, ["closed"]);
});

Deno.test("slices: work that is given up before its first step does not start", async () => {
  let begun = false;
  function* work(): Steps<void> {
    begun = true;
    yield;
  }
  await assertRejects(() => inSlices(work(), () => true), GivenUp);
  assertEquals(begun, false);
});
