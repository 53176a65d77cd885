import { assert, assertEquals } from "@std/assert";
import type { DatagramFate, Expiry, Flow, FlowLimits } from "../../../../src/manage/flow/flow.ts";
import { Counters } from "../../../../src/observe/metrics/counters.ts";
import type { DropReason } from "../../../../src/observe/reasons.ts";
import { FlowTable, HELD_OVERHEAD } from "../../../../src/manage/flow/table.ts";

const LIMITS: FlowLimits = { flows: 3, heldBytes: 100, heldDatagrams: 4, detectMs: 3000 };
const A = "192.0.2.1";
const B = "2001:db8::1";

interface Data {
  target?: string;
}

function fixture(
  limits: Partial<FlowLimits> = {},
  budgetBytes = 1_000_000,
  makeRoom?: () => boolean,
) {
  const world = {
    budget: budgetBytes,
    released: [] as string[],
    admitted: [] as string[],
    deny: undefined as DropReason | undefined,
    answer: undefined as (() => DropReason | undefined) | undefined,
    drops: new Counters().drops,
  };
  let ids = 0;
  const table = new FlowTable<Data>({
    limits: { ...LIMITS, ...limits },
    budget: {
      claim(bytes) {
        if (bytes > world.budget) return false;
        world.budget -= bytes;
        return true;
      },
      give(bytes) {
        world.budget += bytes;
      },
      note() {},
    },
    drops: world.drops,
    newId: () => `f${++ids}`,
    newData: () => ({}),
    ...(makeRoom && { makeRoom }),
    admit(host) {
      if (world.answer !== undefined) return world.answer();
      if (world.deny === undefined) world.admitted.push(host);
      return world.deny;
    },
    release: ({ host }) => void world.released.push(host),
  });
  return { table, world };
}

function datagram(...bytes: number[]): Uint8Array {
  return Uint8Array.from(bytes);
}

/** Sends one datagram and gives back the flow that it made. */
function begin(table: FlowTable<Data>, host = A, port = 1000, now = 0): Flow<Data> {
  assertEquals(table.arrive(0, host, port, datagram(1), now), "new");
  assert(table.flow !== undefined);
  return table.flow;
}

function open(table: FlowTable<Data>, flow: Flow<Data>, idleMs = 30_000): void {
  assert(table.resolving(flow, 5000));
  assert(table.opened(flow, idleMs));
  while (table.nextHeld(flow) !== undefined);
  assertEquals(flow.state, "open");
}

function expired(table: FlowTable<Data>, now: number): [string, Expiry][] {
  const seen: [string, Expiry][] = [];
  table.sweep(now, (flow, why) => seen.push([flow.id, why]));
  return seen;
}

Deno.test("flow table: a flow goes from detecting to open and passes on every datagram in order", () => {
  const { table } = fixture();
  const flow = begin(table);
  assertEquals([flow.id, flow.slot, flow.host, flow.port], ["f1", 0, A, 1000]);
  assertEquals(table.arrive(0, A, 1000, datagram(2, 2), 1), "held");
  assertEquals(flow.held, [datagram(1), datagram(2, 2)]);
  assert(table.resolving(flow, 5000));
  assertEquals(table.arrive(0, A, 1000, datagram(), 2), "held");
  assert(table.opened(flow, 30_000));
  assertEquals(table.nextHeld(flow), datagram(1));
  assertEquals(table.arrive(0, A, 1000, datagram(4), 3), "held");
  assertEquals(table.nextHeld(flow), datagram(2, 2));
  assertEquals(table.nextHeld(flow), datagram());
  assertEquals(table.nextHeld(flow), datagram(4));
  assertEquals(flow.state, "flushing");
  assertEquals(table.nextHeld(flow), undefined);
  assertEquals(flow.state, "open");
  assertEquals(table.arrive(0, A, 1000, datagram(5, 5, 5), 4), "forward");
  assertEquals([flow.upDatagrams, flow.upBytes, flow.heldBytes, table.held], [5, 7, 0, 0]);
});

Deno.test("flow table: copies what it holds", () => {
  const { table } = fixture();
  const buffer = datagram(7, 8, 9);
  table.arrive(0, A, 1, buffer.subarray(0, 2), 0);
  buffer.fill(0);
  assertEquals(table.flow?.held, [datagram(7, 8)]);
});

Deno.test("flow table: slot, host and port make the key", () => {
  const { table } = fixture({ flows: 10 });
  const ids = [[0, A, 1], [1, A, 1], [0, B, 1], [0, A, 2], [0, A, 1]].map(([slot, host, port]) => {
    table.arrive(slot as number, host as string, port as number, datagram(1), 0);
    return table.flow?.id;
  });
  assertEquals(ids, ["f1", "f2", "f3", "f4", "f1"]);
  assertEquals([table.size, table.hosts], [4, 3]);
});

Deno.test("flow table: counts flows by state", () => {
  const { table } = fixture();
  const [a, b, c] = [begin(table, A, 1), begin(table, A, 2), begin(table, B, 1)];
  open(table, a);
  table.resolving(b, 1);
  assertEquals(table.counts, { detecting: 1, resolving: 1, flushing: 0, open: 1 });
  for (const flow of [a, b, c]) table.close(flow, "drain");
  assertEquals(table.counts, { detecting: 0, resolving: 0, flushing: 0, open: 0 });
});

Deno.test("flow table: refuses new flows at the limit and leaves running ones alone", () => {
  const { table, world } = fixture({ flows: 2 });
  const flow = begin(table, A, 1);
  open(table, flow);
  begin(table, A, 2);
  assertEquals(table.arrive(0, A, 3, datagram(1), 0), "refused");
  assertEquals(table.flow, undefined);
  assertEquals(table.arrive(0, A, 1, datagram(1), 0), "forward");
  assertEquals(world.drops.limit_flows, 1);
  assertEquals(world.admitted.length, 2);
  table.limits = { ...table.limits, flows: 1 };
  table.close(flow, "idle");
  assertEquals(table.arrive(0, A, 3, datagram(1), 0), "refused");
});

Deno.test("flow table: a denied admission takes nothing and counts its reason", () => {
  const { table, world } = fixture();
  world.deny = "limit_source";
  assertEquals(table.arrive(0, A, 1, datagram(1), 0), "refused");
  assertEquals([table.size, table.hosts, table.held, world.budget], [0, 0, 0, 1_000_000]);
  assertEquals(world.drops.limit_source, 1);
  assertEquals(world.released, []);
});

interface HoldCase {
  readonly name: string;
  readonly limits: Partial<FlowLimits>;
  readonly budget?: number;
  readonly sizes: readonly number[];
  readonly arrivals: readonly DatagramFate[];
  readonly reason: DropReason;
}

const HOLD_CASES: readonly HoldCase[] = [
  {
    name: "at heldBytes",
    limits: { heldBytes: 10 },
    sizes: [4, 6, 1, 0],
    arrivals: ["new", "held", "full", "held"],
    reason: "held_bytes",
  },
  {
    name: "at heldDatagrams",
    limits: { heldDatagrams: 2 },
    sizes: [1, 0, 0],
    arrivals: ["new", "held", "full"],
    reason: "held_datagrams",
  },
  {
    name: "when the budget refuses",
    limits: {},
    budget: 2 * HELD_OVERHEAD + 10,
    sizes: [5, 6, 5, 0],
    arrivals: ["new", "full", "held", "full"],
    reason: "detect_memory",
  },
  {
    name: "whose first datagram is larger than heldBytes",
    limits: { heldBytes: 10 },
    sizes: [11, 1],
    arrivals: ["new", "full"],
    reason: "held_bytes",
  },
  {
    name: "whose first datagram the budget refuses",
    limits: {},
    budget: HELD_OVERHEAD,
    sizes: [1, 0],
    arrivals: ["refused", "new"],
    reason: "detect_memory",
  },
];

for (const { name, limits, budget, sizes, arrivals, reason } of HOLD_CASES) {
  Deno.test(`flow table: drops the newest datagram of a detecting flow ${name}`, () => {
    const { table, world } = fixture(limits, budget);
    const total = world.budget;
    assertEquals(sizes.map((n) => table.arrive(0, A, 1, new Uint8Array(n), 0)), arrivals);
    const lost = arrivals.filter((arrival) => arrival === "full" || arrival === "refused").length;
    assertEquals(world.drops[reason], lost);
    assertEquals(total - world.budget, table.held);
    assertEquals(table.flow?.dropped, arrivals.filter((arrival) => arrival === "full").length);
  });
}

Deno.test("flow table: drops datagrams that a resolving or flushing flow cannot hold, until there is room", () => {
  const { table, world } = fixture({ heldDatagrams: 2 });
  const flow = begin(table);
  table.arrive(0, A, 1000, datagram(2), 0);
  table.resolving(flow, 5000);
  assertEquals(table.arrive(0, A, 1000, datagram(3), 0), "dropped");
  table.opened(flow, 30_000);
  assertEquals(table.nextHeld(flow), datagram(1));
  // The first datagram is still being sent, so its room is not free yet.
  assertEquals(table.arrive(0, A, 1000, datagram(4), 0), "dropped");
  assertEquals(table.nextHeld(flow), datagram(2));
  assertEquals(table.arrive(0, A, 1000, datagram(5), 0), "held");
  assertEquals(table.nextHeld(flow), datagram(5));
  assertEquals(table.nextHeld(flow), undefined);
  assertEquals([flow.upDatagrams, flow.dropped, world.drops.held_datagrams], [3, 2, 2]);
});

const STAGES: readonly {
  readonly name: string;
  readonly lost: number;
  readonly reach: (table: FlowTable<Data>, flow: Flow<Data>) => void;
}[] = [
  { name: "detecting", lost: 2, reach: () => {} },
  { name: "resolving", lost: 2, reach: (table, flow) => table.resolving(flow, 1) },
  {
    name: "flushing",
    lost: 2,
    reach: (table, flow) => table.resolving(flow, 1) && table.opened(flow, 1),
  },
  {
    name: "flushing with one on its way",
    lost: 1,
    reach: (table, flow) =>
      table.resolving(flow, 1) && table.opened(flow, 1) && table.nextHeld(flow),
  },
  { name: "open", lost: 0, reach: open },
];

for (const { name, lost, reach } of STAGES) {
  Deno.test(`flow table: closes once and frees everything while ${name}`, () => {
    const { table, world } = fixture();
    const flow = begin(table);
    table.arrive(0, A, 1000, datagram(2, 3), 0);
    reach(table, flow);
    assert(table.close(flow, "dns_failed"));
    assertEquals(table.close(flow, "idle"), false);
    assertEquals([flow.state, flow.reason, flow.dropped], ["closed", "dns_failed", lost]);
    assertEquals([table.size, table.held, flow.heldBytes], [0, 0, 0]);
    assertEquals(world.budget, 1_000_000);
    assertEquals(world.released, [A]);
    assertEquals(world.drops.flow_closed, lost);
  });
}

Deno.test("flow table: calls on a closed flow and on another table's flow do nothing", () => {
  const { table } = fixture();
  const other = fixture().table;
  const closed = begin(table);
  table.close(closed, "idle");
  const own = begin(table);
  const foreign = begin(other);
  for (const flow of [closed, foreign]) {
    assertEquals(table.resolving(flow, 1), false);
    assertEquals(table.opened(flow, 1), false);
    assertEquals(table.nextHeld(flow), undefined);
    assertEquals(table.reply(flow, 10, 1), false);
    assertEquals(table.close(flow, "again"), false);
  }
  assertEquals([own.state, foreign.state, closed.reason], ["detecting", "detecting", "idle"]);
  assertEquals([own.id, table.size, other.size], ["f2", 1, 1]);
});

Deno.test("flow table: steps out of order do nothing", () => {
  const { table } = fixture();
  const flow = begin(table);
  assertEquals(table.opened(flow, 1), false);
  assertEquals(table.nextHeld(flow), undefined);
  assertEquals(table.reply(flow, 1, 1), false);
  open(table, flow);
  assertEquals(table.resolving(flow, 1), false);
  assertEquals(table.opened(flow, 1), false);
  assertEquals(table.nextHeld(flow), undefined);
  assertEquals([flow.state, flow.downDatagrams], ["open", 0]);
});

Deno.test("flow table: counts replies and keeps the flow alive with them", () => {
  const { table } = fixture();
  const flow = begin(table);
  open(table, flow, 1000);
  assert(table.reply(flow, 500, 900));
  assert(table.reply(flow, 0, 1800));
  assertEquals([flow.downDatagrams, flow.downBytes], [2, 500]);
  assertEquals(expired(table, 2799), []);
  assertEquals(expired(table, 2800), [["f1", "idle"]]);
});

Deno.test("flow table: the sweep reports deadlines and idle flows until they are dealt with", () => {
  const { table } = fixture();
  const detecting = begin(table, A, 1, 0);
  const resolving = begin(table, A, 2, 0);
  const opened = begin(table, A, 3, 0);
  table.resolving(resolving, 5000);
  open(table, opened, 10_000);
  assertEquals(expired(table, 2999), []);
  assertEquals(expired(table, 3000), [[detecting.id, "deadline"]]);
  assertEquals(expired(table, 3000), [[detecting.id, "deadline"]]);
  table.resolving(detecting, 10_000);
  assertEquals(expired(table, 5000), [[resolving.id, "deadline"]]);
  table.close(resolving, "resolve_timeout");
  assertEquals(expired(table, 10_000), [[opened.id, "idle"]]);
});

Deno.test("flow table: opening counts as activity, so that slow resolving leaves the idle time whole", () => {
  const { table } = fixture();
  const flow = begin(table);
  table.resolving(flow, 50_000);
  assertEquals(expired(table, 40_000), []);
  table.opened(flow, 1000);
  assertEquals(expired(table, 40_999), []);
  assertEquals(expired(table, 41_000), [["f1", "idle"]]);
});

Deno.test("flow table: a sweep that closes flows misses none", () => {
  const { table } = fixture({ flows: 100 });
  for (let i = 0; i < 100; i++) begin(table, `192.0.2.${i % 7}`, i);
  const seen = new Set<string>();
  table.sweep(3000, (flow) => {
    seen.add(flow.id);
    table.close(flow, "detect_timeout");
  });
  assertEquals([seen.size, table.size, table.hosts], [100, 0, 0]);
});

Deno.test("flow table: time that runs backwards stands still", () => {
  const { table } = fixture();
  const flow = begin(table, A, 1000, 10_000);
  table.arrive(0, A, 1000, datagram(2), 5000);
  assertEquals(flow.lastSeen, 10_000);
  assertEquals(expired(table, 0), []);
  assertEquals(expired(table, Number.NaN), []);
  assertEquals(expired(table, 13_000), [["f1", "deadline"]]);
});

Deno.test("flow table: a client that comes back after a close gets a new flow", () => {
  const { table } = fixture();
  const first = begin(table);
  table.close(first, "idle");
  const second = begin(table);
  assertEquals([first.id, second.id, table.size], ["f1", "f2", 1]);
  assert(first.data !== second.data);
});

Deno.test("flow table: forgets closed clients by the next sweep, but not one that came back", () => {
  const { table } = fixture();
  table.close(begin(table, A, 1), "idle");
  table.close(begin(table, A, 2), "idle");
  table.close(begin(table, B, 1), "idle");
  const back = begin(table, A, 2);
  assertEquals(table.hosts, 2);
  table.sweep(1, () => {});
  assertEquals(table.hosts, 1);
  assertEquals(table.arrive(0, A, 2, datagram(2), 1), "held");
  assertEquals(table.flow, back);
});

Deno.test("flow table: remembers a bounded number of closed clients without a sweep", () => {
  const { table } = fixture();
  for (let i = 0; i < 5000; i++) table.close(begin(table, `192.0.2.${i}`, 1), "no_route");
  assert(table.hosts <= 1024);
});

Deno.test("flow table: iterates over all flows, of which the current one may be closed", () => {
  const { table } = fixture({ flows: 10 });
  for (let i = 0; i < 10; i++) begin(table, A, i);
  const seen: string[] = [];
  for (const flow of table) {
    seen.push(flow.id);
    table.close(flow, "drain");
  }
  assertEquals([new Set(seen).size, seen.length, table.size], [10, 10, 0]);
});

/** A table whose flows make room for one another. */
function crowded(limits: Partial<FlowLimits> = {}) {
  const ended: string[] = [];
  const made = fixture(limits, 1_000_000, () => {
    const { oldestUnanswered, oldestQuiet } = made.table;
    const flow = oldestUnanswered ?? oldestQuiet;
    if (flow === undefined) return false;
    ended.push(flow.id);
    return made.table.close(flow, "displaced");
  });
  return { ...made, ended };
}

Deno.test("flow table: at the limit, the flow that has waited longest for a first answer makes room", () => {
  const { table, world, ended } = crowded();
  const [a, b, c] = [begin(table, A, 1), begin(table, A, 2), begin(table, A, 3)];
  open(table, a);
  open(table, b);
  // Two datagrams and no answer: one-way protocols are like that.
  assertEquals(table.arrive(0, A, 1, datagram(2), 1), "forward");
  assertEquals(table.reply(b, 10, 1), true);
  assertEquals(table.arrive(0, B, 4, datagram(1), 2), "new");
  assertEquals(ended, [c.id]);
  assertEquals([c.reason, a.state, b.state, table.size], ["displaced", "open", "open", 3]);
  assertEquals(table.arrive(0, B, 5, datagram(1), 2), "new");
  assertEquals(ended, [c.id, "f4"]);
  assertEquals([world.drops.limit_flows, world.drops.flow_closed], [0, 2]);
});

Deno.test("flow table: at the limit, a flow that was answered once and is quiet makes room after 2 s", () => {
  const { table, world, ended } = crowded({ flows: 2 });
  const flows = [begin(table, A, 1), begin(table, A, 2)];
  for (const flow of flows) {
    open(table, flow);
    table.reply(flow, 1, 0);
  }
  // The first is answered again: it is the less quiet one.
  table.reply(flows[0]!, 1, 500);
  assertEquals(table.arrive(0, B, 3, datagram(1), 1999), "refused");
  assertEquals([world.drops.limit_flows, ended], [1, []]);
  assertEquals(table.arrive(0, B, 3, datagram(1), 2000), "new");
  assertEquals(ended, ["f2"]);
});

Deno.test("flow table: a client that is refused anyway ends no other flow", () => {
  const { table, world, ended } = crowded({ flows: 1 });
  begin(table, A, 1);
  table.limits = { ...LIMITS, flows: 2 };
  world.deny = "limit_rate";
  assertEquals(table.arrive(0, B, 2, datagram(1), 0), "refused");
  assertEquals([world.drops.limit_rate, table.size, ended], [1, 1, []]);
});

Deno.test("flow table: one flow makes room for lack of descriptors too, and the newcomer is admitted again", () => {
  const { table, world, ended } = crowded({ flows: 10 });
  begin(table, A, 1);
  let asked = 0;
  world.answer = () => asked++ === 0 ? "no_descriptors" : undefined;
  assertEquals(table.arrive(0, B, 2, datagram(1), 0), "new");
  assertEquals([ended, asked, world.drops.no_descriptors], [["f1"], 2, 0]);
});

Deno.test("flow table: a lowered limit lets no newcomer end more than two", () => {
  const { table, world, ended } = crowded({ flows: 50 });
  for (let port = 0; port < 50; port++) begin(table, A, port);
  table.limits = { ...LIMITS, flows: 10 };
  const held = world.budget;
  assertEquals(table.arrive(0, B, 1, datagram(1), 0), "refused");
  assertEquals([ended.length, table.size, world.drops.limit_flows], [2, 48, 1]);
  assertEquals(world.budget, held + 2 * (1 + HELD_OVERHEAD), "memory of the newcomer");
});

Deno.test("flow table: a flow of one unanswered datagram has an idle time of its own", () => {
  const { table } = fixture({ flows: 10, unansweredMs: 5000 });
  const [alone, twice, answered, short] = [1, 2, 3, 4].map((port) => begin(table, A, port));
  for (const flow of [alone, twice, answered]) open(table, flow!, 30_000);
  open(table, short!, 1000);
  table.arrive(0, A, 2, datagram(2), 0);
  table.reply(answered!, 1, 0);
  assertEquals(expired(table, 999), []);
  assertEquals(expired(table, 1000), [[short!.id, "idle"]]);
  table.close(short!, "idle");
  assertEquals(expired(table, 4999), []);
  assertEquals(expired(table, 5000), [[alone!.id, "idle"]]);
  table.close(alone!, "idle");
  assertEquals(expired(table, 29_999), []);
  assertEquals(expired(table, 30_000).length, 2);
});
