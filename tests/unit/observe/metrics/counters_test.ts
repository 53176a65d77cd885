import { assertEquals } from "@std/assert";
import { parseConfig } from "../../../../src/config/load.ts";
import { PROTOCOLS } from "../../../../src/detect/mod.ts";
import { Counters } from "../../../../src/observe/metrics/counters.ts";
import { CLOSE_REASONS } from "../../../../src/observe/reasons.ts";
import { COUNTED_PROTOCOLS } from "../../../../src/observe/metrics/life_counters.ts";
import { makeMemory, SharedView } from "../../../../src/plane/shared.ts";
import { atOnce } from "../../../../src/slices.ts";

function config(routes = "[{ upstream: web }]", targets = '["10.0.0.1:1", "10.0.0.2:2"]') {
  return parseConfig(
    `listeners: { edge: { bind: "127.0.0.1:0", routes: ${routes} } }
upstreams: { web: { targets: ${targets} } }`,
    { file: "c.yaml", protocols: PROTOCOLS },
  );
}

Deno.test("counters: sessions and flows are counted apart, and summed on request", () => {
  const counters = new Counters();
  counters.sessions.begin();
  counters.sessions.carry(1, 2);
  counters.sessions.end("done");
  counters.flows.begin();
  counters.flows.carry(10, 20);
  assertEquals([counters.sessionsTotal, counters.sessionsActive], [1, 0]);
  assertEquals([counters.flowsTotal, counters.flowsActive], [1, 1]);
  assertEquals([counters.bytesUp, counters.bytesDown], [11, 22]);
  assertEquals(counters.closes.done, 1);
  assertEquals(counters.sessions.closes[CLOSE_REASONS.indexOf("done")], 1);
  assertEquals(counters.flows.closes.every((count) => count === 0), true);
});

Deno.test('counters: an unknown protocol is not counted, and "none" is', () => {
  const { sessions } = new Counters();
  for (const protocol of ["tls", undefined, "silent", 'x"} 1\n', "__proto__"]) {
    sessions.detect(protocol);
  }
  const counted = COUNTED_PROTOCOLS.filter((_, i) => sessions.detected[i]! > 0);
  assertEquals(counted, ["tls", "silent", "none"]);
});

Deno.test("counters: no counter writes into another", () => {
  const counters = new Counters(undefined, new Float64Array(2));
  for (const life of [counters.sessions, counters.flows]) {
    for (const reason of CLOSE_REASONS) life.end(reason);
    for (const protocol of COUNTED_PROTOCOLS) life.detect(protocol);
    life.detectSeconds.observe(1e9);
    life.seconds.observe(1e9);
    life.match(0);
    life.match(1);
    assertEquals([...life.closes], CLOSE_REASONS.map(() => 1));
    assertEquals([...life.detected], COUNTED_PROTOCOLS.map(() => 1));
    assertEquals([life.detectSeconds.sum, life.seconds.sum], [1e9, 1e9]);
    assertEquals([life.detectSeconds.buckets.at(-1), life.seconds.buckets.at(-1)], [1, 1]);
    assertEquals([...life.matches], [1]);
  }
  assertEquals(Object.values(counters.drops).every((count) => count === 0), true);
  assertEquals(counters.acceptErrors, 0);
});

Deno.test("shared memory: totals include all workers, and outlive one that died", () => {
  const memory = atOnce(makeMemory(config(), { workers: 3, maxSockets: 100 }));
  const views = [0, 1, 2].map((worker) => new SharedView(memory, worker));
  for (const view of views) {
    const { sessions } = view.counters("edge");
    sessions.begin();
    sessions.match(0);
    sessions.detectSeconds.observe(0.5);
    view.connectTimes("web").udp.observe(2);
    const [, second] = view.targetCells("web", config().upstreams.web!.targets);
    second!.totals.carry(5, 7);
    second!.totals.addFailure();
  }
  views[0]!.clear(1);
  const totals = views[2]!.totals("edge");
  assertEquals([totals.sessionsTotal, totals.sessionsActive], [3, 2]);
  assertEquals(totals.closes.worker_died, 1);
  assertEquals([...totals.sessions.matches], [3]);
  assertEquals(totals.sessions.detectSeconds.sum, 1.5);
  assertEquals(views[0]!.connectTotals("web").udp.sum, 6);
  assertEquals(views[0]!.connectTotals("web").tcp.sum, 0);
  const [first, second] = views[0]!.targetCells("web", config().upstreams.web!.targets);
  assertEquals([second!.totals.bytesUp, second!.totals.bytesDown], [15, 21]);
  assertEquals([second!.totals.failures, first!.totals.failures], [3, 0]);
});

Deno.test("shared memory: a reload goes on counting, but starts again for routes that changed", () => {
  const before = atOnce(makeMemory(config(), { workers: 2, maxSockets: 100 }));
  const view = new SharedView(before, 1);
  view.counters("edge").sessions.begin();
  view.counters("edge").sessions.match(0);
  view.connectTimes("web").tcp.observe(1);
  view.targetCells("web", config().upstreams.web!.targets)[0]!.totals.addSession();
  const same = new SharedView(atOnce(makeMemory(config(), before)), 0);
  assertEquals([...same.totals("edge").sessions.matches], [1]);
  const next = config("[{ match: { protocol: tls }, upstream: web }, { upstream: web }]");
  const after = new SharedView(atOnce(makeMemory(next, before)), 0);
  assertEquals(after.totals("edge").sessionsTotal, 1);
  assertEquals([...after.totals("edge").sessions.matches], [0, 0]);
  assertEquals(after.connectTotals("web").tcp.sum, 1);
  assertEquals(after.targetCells("web", next.upstreams.web!.targets)[0]!.totals.sessions, 1);
});
