import { assert, assertEquals } from "@std/assert";
import { type TrafficAnswer, trafficOf, TrafficSchema } from "../../../src/admin/traffic.ts";
import { viewOf } from "../../../src/admin/view.ts";
import { FakeControl } from "./_control.ts";

type Listener = TrafficAnswer["listeners"][string];

function life(total: number, more: Partial<NonNullable<Listener["sessions"]>> = {}) {
  return { total, active: 1, bytes_up: 0, bytes_down: 0, detected: {}, closes: {}, ...more };
}

function traffic(at_ms: number, more: Partial<TrafficAnswer> = {}): TrafficAnswer {
  return {
    version: "0.1.0",
    pid: 1,
    state: "ready",
    started_at: "2026-01-02T03:04:05Z",
    uptime_s: 1,
    io: "deno",
    workers: 1,
    at_ms,
    listeners: {},
    upstreams: [],
    ...more,
  };
}

function edge(
  sessions: Listener["sessions"],
  more: Partial<Listener> = {},
): TrafficAnswer["listeners"] {
  return {
    edge: { addresses: ["tcp 127.0.0.1:1"], ...sessions && { sessions }, drops: {}, ...more },
  };
}

Deno.test("traffic: returns the counts, without zeros", () => {
  const answer = trafficOf(new FakeControl());
  assertEquals(TrafficSchema.parse(answer), answer);
  const { sessions, flows, drops, addresses } = answer.listeners["edge"]!;
  assertEquals(addresses, ["tcp 127.0.0.1:4001", "udp 127.0.0.1:4001"]);
  assertEquals(sessions, {
    total: 1234,
    active: 12,
    bytes_up: 3_400_000,
    bytes_down: 120,
    detected: {},
    closes: { done: 1200, idle_timeout: 22 },
  });
  assertEquals([flows?.total, flows?.closes, drops], [56, { idle_timeout: 49 }, {}]);
  const [first] = answer.upstreams[0]!.targets;
  assertEquals([first?.target, first?.health], ["10.0.0.5:443", "down"]);
  assertEquals(first?.totals, { sessions: 0, flows: 0, bytes_up: 0, bytes_down: 0, failures: 0 });
});

Deno.test("view: rates are the counts per second between two answers", () => {
  const before = traffic(1000, {
    listeners: edge(life(10, { bytes_up: 100, detected: { tls: 4 }, closes: { done: 9 } })),
  });
  const now = traffic(3000, {
    listeners: edge(
      life(14, {
        bytes_up: 1100,
        bytes_down: 4,
        detected: { tls: 6, ssh: 1 },
        closes: { done: 9 },
      }),
      { flows: life(6, { active: 3, detected: { tls: 1 } }), drops: { limit_flows: 8 } },
    ),
  });
  const { all, listeners, protocols, closes, drops } = viewOf(now, before);
  assertEquals([all.sessions, all.flows, all.begun, all.up, all.down], [1, 3, 5, 500, 2]);
  assertEquals(listeners.map(({ name, begun }) => [name, begun]), [["edge", 5]]);
  assertEquals(protocols, [
    { name: "tls", total: 7, rate: 1.5 },
    { name: "ssh", total: 1, rate: 0.5 },
  ]);
  assertEquals(closes, [{ name: "done", total: 9, rate: 0 }]);
  assertEquals(drops, [{ name: "limit_flows", total: 8, rate: 4 }]);
});

Deno.test("view: there are no rates without an earlier answer, or with one of another process", () => {
  const now = traffic(3000, { listeners: edge(life(14)) });
  const others: readonly (TrafficAnswer | undefined)[] = [
    undefined,
    traffic(3000),
    traffic(4000),
    traffic(1000, { pid: 2 }),
    traffic(1000, { started_at: "2026-01-02T03:04:06Z" }),
  ];
  for (const before of others) {
    const { all, listeners } = viewOf(now, before);
    assertEquals([all.begun, all.up, listeners[0]?.down], [undefined, undefined, undefined]);
  }
});

Deno.test("view: a counter that starts again after a reload has no negative rate", () => {
  const before = traffic(1000, { listeners: edge(life(100)) });
  const now = traffic(2000, { listeners: edge(life(3)) });
  assertEquals(viewOf(now, before).all.begun, 0);
});

Deno.test("view: targets are compared by upstream and address", () => {
  const control = new FakeControl();
  const before = { ...trafficOf(control), at_ms: 5000 };
  const now = trafficOf(control);
  const later: TrafficAnswer = {
    ...now,
    at_ms: before.at_ms + 1000,
    upstreams: now.upstreams.map((upstream) => ({
      ...upstream,
      targets: upstream.targets.map((target, i) => ({
        ...target,
        totals: { ...target.totals, sessions: i, bytes_down: 10 * i, failures: 7 },
      })),
    })),
  };
  const { targets } = viewOf(later, before);
  assertEquals(targets.map(({ begun, down }) => [begun, down]), [[0, 0], [1, 10], [2, 20]]);
  assertEquals(targets.map(({ state, backup }) => [state, backup]), [
    ["ready", false],
    ["drain", false],
    ["ready", true],
  ]);
  assert(targets.every(({ upstream, failures }) => upstream === "web" && failures === 7));
});
