import { assert, assertEquals, AssertionError } from "@std/assert";
import { DAY_MS, type Profile, World } from "./_flow_world.ts";

const PROFILES: readonly Profile[] = [
  { name: "calm", hostile: false, stepMs: 500 },
  { name: "hostile", hostile: true, stepMs: 500 },
  { name: "hostile", hostile: true, stepMs: 5000 },
  { name: "years", hostile: true, stepMs: 60 * DAY_MS },
];

function run(seed: number, steps: number): World {
  const profile = PROFILES[seed % PROFILES.length];
  assert(profile !== undefined);
  let step = 0;
  try {
    const world = new World(seed, profile);
    for (; step < steps; step++) {
      world.step();
      if (step % 250 === 0) world.audit();
    }
    world.end();
    return world;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new AssertionError(`Seed ${seed} (${profile.name}), step ${step}: ${reason}`, {
      cause: error,
    });
  }
}

Deno.test("flow table simulation: every world agrees with its model and ends empty", () => {
  const reasons = new Set<string>();
  let years = 0;
  let displaced = 0;
  for (let seed = 1; seed <= 200; seed++) {
    const world = run(seed, 5000);
    for (const reason of world.drops.keys()) reasons.add(reason);
    displaced += world.displaced;
    years = Math.max(years, world.now / (365 * DAY_MS));
  }
  // The worlds are hostile enough to meet every way of losing a datagram, and old enough.
  assertEquals([...reasons].sort(), [
    "detect_memory",
    "draining",
    "flow_closed",
    "held_bytes",
    "held_datagrams",
    "limit_flows",
    "limit_rate",
    "limit_source",
  ]);
  assert(displaced > 1000, `${displaced} flows made room`);
  assert(years > 10, `The oldest world saw ${years} years`);
});

Deno.test("flow table simulation: one seed gives one history", () => {
  assertEquals(run(3, 2000).summary(), run(3, 2000).summary());
});
