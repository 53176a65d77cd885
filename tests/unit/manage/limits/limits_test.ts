import { assertEquals, assertLessOrEqual } from "@std/assert";
import fc from "fast-check";
import { type LimitReason, Limits } from "../../../../src/manage/limits/limits.ts";
import type { LifeKind } from "../../../../src/resolve/target.ts";
import { SharedCount } from "../../../../src/shared_count.ts";

const FREE = {
  sessions: 1_000,
  flows: 1_000,
  per_source: 0,
  new_per_source: 0,
  unanswered_flow_timeout: 5_000,
};

/** Limits with a clock that a test moves. */
class World {
  now = 0;
  readonly limits: Limits;

  constructor(config: Partial<typeof FREE>) {
    this.limits = new Limits({ ...FREE, ...config }, { now: () => this.now });
  }

  /** Admits one of a kind that is known only here. */
  admit(kind: LifeKind, source?: string): LimitReason | undefined {
    return kind === "session"
      ? this.limits.admit("session", source)
      : this.limits.admit("flow", source);
  }

  /** How many of some attempts are admitted. */
  admitted(attempts: number, source: string): number {
    let count = 0;
    for (let i = 0; i < attempts; i++) {
      if (this.limits.admit("session", source) === undefined) count++;
    }
    return count;
  }
}

Deno.test("manage limits: sessions and flows have limits of their own", () => {
  const world = new World({ sessions: 2, flows: 1 });
  const { limits } = world;
  const answers: [LifeKind, LimitReason | undefined][] = [
    ["session", undefined],
    ["session", undefined],
    ["session", "limit_sessions"],
    ["flow", undefined],
    ["flow", "limit_flows"],
  ];
  for (const [kind, expected] of answers) assertEquals(world.admit(kind, "192.0.2.1"), expected);
  assertEquals([limits.sessions, limits.flows], [2, 1]);
  limits.release("session", "192.0.2.1");
  assertEquals(limits.admit("flow", "192.0.2.1"), "limit_flows");
  assertEquals(limits.admit("session", "192.0.2.1"), undefined);
});

Deno.test("manage limits: a source's sessions and flows count together", () => {
  const { limits } = new World({ per_source: 2 });
  assertEquals(limits.admit("session", "192.0.2.1"), undefined);
  assertEquals(limits.admit("flow", "192.0.2.1"), undefined);
  assertEquals(limits.admit("session", "192.0.2.1"), "limit_source");
  assertEquals(limits.admit("flow", "192.0.2.1"), "limit_source");
  assertEquals(limits.admit("flow", "192.0.2.2"), undefined);
  limits.release("flow", "192.0.2.1");
  assertEquals(limits.admit("session", "192.0.2.1"), undefined);
});

const SAME: readonly [string, string, boolean][] = [
  ["192.0.2.1", "192.0.2.1", true],
  ["192.0.2.1", "::ffff:192.0.2.1", true],
  ["192.0.2.1", "192.0.2.2", false],
  ["2001:db8::1", "2001:db8::ffff:1", true],
  ["2001:db8:0:1::1", "2001:DB8:0:1:ffff::", true],
  ["2001:db8:0:1::1", "2001:db8:0:2::1", false],
];
for (const [a, b, same] of SAME) {
  Deno.test(`manage limits: ${a} and ${b} are ${same ? "one source" : "two sources"}`, () => {
    const { limits } = new World({ per_source: 1 });
    assertEquals(limits.admit("session", a), undefined);
    assertEquals(limits.admit("session", b), same ? "limit_source" : undefined);
  });
}

for (const [rate, burst, waitMs] of [[10, 10, 100], [1, 1, 1_000], [0.5, 1, 2_000]] as const) {
  Deno.test(`manage limits: ${rate}/s lets ${burst} in at once and one each ${waitMs} ms`, () => {
    const world = new World({ new_per_source: rate });
    assertEquals(world.admitted(50, "192.0.2.1"), burst);
    assertEquals(world.limits.admit("flow", "192.0.2.1"), "limit_rate");
    assertEquals(world.limits.admit("flow", "192.0.2.2"), undefined);
    world.now += waitMs;
    assertEquals(world.admitted(50, "192.0.2.1"), 1);
    world.now += 3_600_000;
    assertEquals(world.admitted(50, "192.0.2.1"), burst);
  });
}

Deno.test("manage limits: the rate outlives the sessions that used it up", () => {
  const world = new World({ new_per_source: 2 });
  for (const expected of [undefined, undefined, "limit_rate", "limit_rate"] as const) {
    const refused = world.limits.admit("session", "192.0.2.1");
    assertEquals(refused, expected);
    if (refused === undefined) world.limits.release("session", "192.0.2.1");
  }
});

Deno.test("manage limits: a refusal takes no place and no token", () => {
  const world = new World({ per_source: 1, new_per_source: 2, sessions: 2 });
  const { limits } = world;
  assertEquals(limits.admit("session", "192.0.2.1"), undefined);
  for (let i = 0; i < 5; i++) assertEquals(limits.admit("session", "192.0.2.1"), "limit_source");
  limits.release("session", "192.0.2.1");
  assertEquals(limits.admit("session", "192.0.2.1"), undefined);
  assertEquals(limits.admit("session", "192.0.2.2"), undefined);
  assertEquals(limits.admit("session", "192.0.2.3"), "limit_sessions");
  assertEquals([limits.sessions, limits.sources], [2, 2]);
});

Deno.test("manage limits: a source can be charged once it is known", () => {
  const world = new World({ per_source: 1 });
  const { limits } = world;
  assertEquals(limits.admit("session"), undefined);
  assertEquals(limits.admit("session"), undefined);
  assertEquals([limits.sessions, limits.sources], [2, 0]);
  assertEquals(limits.charge("192.0.2.1"), undefined);
  assertEquals(limits.charge("192.0.2.1"), "limit_source");
  limits.release("session", "192.0.2.1");
  limits.release("session");
  world.now += 10_000;
  limits.sweep();
  assertEquals([limits.sessions, limits.sources], [0, 0]);
});

Deno.test("manage limits: no source is remembered if none is limited", () => {
  const { limits } = new World({});
  for (let i = 0; i < 100; i++) limits.admit("session", `192.0.2.${i}`);
  assertEquals([limits.sessions, limits.sources], [100, 0]);
});

Deno.test("manage limits: the sweep forgets quiet sources with full buckets and no other", () => {
  const world = new World({ new_per_source: 0.05 });
  const { limits } = world;
  limits.admit("session", "192.0.2.1");
  limits.admit("session", "192.0.2.2");
  limits.release("session", "192.0.2.2");
  world.now = 15_000;
  limits.sweep();
  assertEquals(limits.sources, 2);
  world.now = 30_000;
  limits.sweep();
  assertEquals(limits.sources, 1);
  assertEquals(limits.admit("session", "192.0.2.1"), undefined);
});

Deno.test("manage limits: a flood of sources is remembered within bounds", () => {
  const world = new World({ new_per_source: 1 });
  const { limits } = world;
  limits.admit("session", "192.0.2.1");
  for (let i = 0; i < 70_000; i++) {
    const source = `10.${i >> 16}.${i >> 8 & 255}.${i & 255}`;
    assertEquals(limits.admit("flow", source), undefined);
    limits.release("flow", source);
    assertLessOrEqual(limits.sources, 65_536 + 1);
  }
  // The running session's source is not forgotten, nor are the last that came.
  assertEquals(limits.admit("session", "192.0.2.1"), "limit_rate");
  assertEquals(limits.admit("flow", "10.1.17.111"), "limit_rate");
  assertEquals(limits.admit("flow", "10.0.0.0"), undefined);
});

const SOURCES = ["192.0.2.1", "192.0.2.2", "::ffff:192.0.2.2", "2001:db8::1", "2001:db8::2", "x"];
const limit = fc.constantFrom(0, 1, 2, 5);
const anyConfig = fc.record({
  sessions: fc.integer({ min: 1, max: 8 }),
  flows: fc.integer({ min: 1, max: 8 }),
  per_source: limit,
  new_per_source: fc.constantFrom(0, 0.5, 3, 100),
});
const anyStep = fc.record({
  kind: fc.constantFrom<LifeKind>("session", "flow"),
  source: fc.option(fc.constantFrom(...SOURCES), { nil: undefined }),
  release: fc.boolean(),
  late: fc.boolean(),
  ms: fc.integer({ min: 0, max: 3_000 }),
});

Deno.test("manage limits: any admissions and releases end with nothing counted", () => {
  fc.assert(
    fc.property(anyConfig, fc.array(anyStep, { maxLength: 100 }), (config, steps) => {
      const world = new World(config);
      const { limits } = world;
      const held: { kind: LifeKind; source: string | undefined }[] = [];
      for (const { kind, source, release, late, ms } of steps) {
        world.now += ms;
        if (release && held.length > 0) {
          const one = held.splice(ms % held.length, 1)[0]!;
          limits.release(one.kind, one.source);
        } else if (late && source !== undefined) {
          if (world.admit(kind) === undefined) {
            const charged = limits.charge(source) === undefined;
            held.push({ kind, source: charged ? source : undefined });
          }
        } else if (world.admit(kind, source) === undefined) {
          held.push({ kind, source });
        }
        limits.sweep();
        const count = (of: LifeKind) => held.filter((one) => one.kind === of).length;
        assertEquals([limits.sessions, limits.flows], [count("session"), count("flow")]);
        assertLessOrEqual(limits.sessions, config.sessions);
        assertLessOrEqual(limits.flows, config.flows);
        if (config.per_source > 0) {
          const first = held.filter((one) => one.source === SOURCES[0]).length;
          assertLessOrEqual(first, config.per_source);
        }
      }
      for (const { kind, source } of held) limits.release(kind, source);
      world.now += 100_000;
      limits.sweep();
      assertEquals([limits.sessions, limits.flows, limits.sources], [0, 0, 0]);
    }),
    { numRuns: 500 },
  );
});

Deno.test("manage limits: flows leave their share of the descriptors to sessions, and sessions may have all", () => {
  const sockets = {
    count: new SharedCount(),
    most: 8,
    flows: { count: new SharedCount(), most: 6 },
  };
  const limits = new Limits(FREE, { now: () => 0, sockets });
  const admitted = (kind: LifeKind) => {
    let count = 0;
    while ((kind === "flow" ? limits.admit("flow") : limits.admit("session")) === undefined) {
      count++;
    }
    return count;
  };
  assertEquals([admitted("flow"), admitted("session")], [6, 1]);
  for (let i = 0; i < 6; i++) limits.release("flow");
  assertEquals([admitted("session"), admitted("flow")], [3, 0]);
  for (let i = 0; i < 4; i++) limits.release("session");
  assertEquals([sockets.count.total, sockets.flows.count.total, limits.flows], [0, 0, 0]);
});

Deno.test("manage limits: reports whether a source would be refused, without counting", () => {
  const world = new World({ per_source: 1, new_per_source: 2 });
  const { limits } = world;
  const would = () => limits.refusesSource("192.0.2.1");
  assertEquals([would(), would(), would()], [false, false, false]);
  assertEquals(limits.admit("flow", "192.0.2.1"), undefined);
  assertEquals(would(), true);
  limits.release("flow", "192.0.2.1");
  assertEquals(would(), false);
  limits.admit("flow", "192.0.2.1");
  limits.release("flow", "192.0.2.1");
  assertEquals(would(), true, "no token is left");
  world.now += 1000;
  assertEquals([would(), limits.refusesSource("192.0.2.2")], [false, false]);
});
