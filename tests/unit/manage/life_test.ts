import { assert, assertEquals } from "@std/assert";
import { parseConfig } from "../../../src/config/load.ts";
import { listenerLimits } from "../../../src/config/per_source.ts";
import { type Detected, PROTOCOLS } from "../../../src/detect/mod.ts";
import { helloInfo, recordOf } from "../../../src/manage/describe.ts";
import { Limits } from "../../../src/manage/limits/limits.ts";
import type { ListenerState } from "../../../src/manage/listener_state.ts";
import { Counters } from "../../../src/observe/metrics/counters.ts";
import type { Histogram } from "../../../src/observe/metrics/histogram.ts";
import { Router } from "../../../src/resolve/router.ts";
import { upstream } from "../resolve/_upstream.ts";
import { TestLife } from "./_life.ts";

/** A listener that routes SSH and one TLS name, with one place for each kind of life. */
function listener(): ListenerState {
  const { listeners } = parseConfig(
    `
listeners:
  edge:
    bind: 127.0.0.1:0
    limits: { sessions: 1, flows: 1, per_source: 1 }
    routes:
      - { match: { protocol: ssh }, upstream: up }
      - { match: { protocol: [tls, quic], sni: a.example }, upstream: up }
upstreams: { up: { targets: ["192.0.2.9:1"] } }
`,
    { file: "test.yaml", protocols: PROTOCOLS },
  );
  const config = listeners["edge"]!;
  return {
    name: "edge",
    config,
    router: new Router(config, { protocols: PROTOCOLS }),
    upstreams: new Map([["up", upstream("first", ["192.0.2.9:1"], { name: "up" })]]),
    limits: new Limits(listenerLimits(config), { now: () => 0 }),
    counters: new Counters(new Float64Array(4096), new Float64Array(4)),
    trusts: () => false,
  };
}

/** How often a histogram has observed something. */
function countOf({ buckets }: Histogram): number {
  return buckets.reduce((sum, count) => sum + count, 0);
}

/** A life that has a place everywhere, as if its steps had taken them. */
function admitted(kind: "session" | "flow", state: ListenerState): TestLife {
  const life = new TestLife(kind, state);
  const refused = kind === "session"
    ? state.limits.admit("session", "192.0.2.1")
    : state.limits.admit("flow", "192.0.2.1");
  assertEquals(refused, undefined);
  life.admitted = true;
  life.chargedTo = "192.0.2.1";
  life.counters.begin();
  life.upstream = state.upstreams.get("up")!;
  life.target = life.upstream.targets[0]!;
  assert(life.upstream.take(life.target, kind));
  return life;
}

for (const kind of ["session", "flow"] as const) {
  Deno.test(`manage life: a ${kind} that ends gives back every place, and is counted once`, () => {
    const state = listener();
    const life = admitted(kind, state);
    const target = life.target!;
    life.up = 10;
    life.count();
    life.count();
    [life.up, life.down] = [15, 7];
    life.finish("done");
    assertEquals([target.sessions.total, target.flows.total], [0, 0]);
    assertEquals([state.limits.sessions, state.limits.flows], [0, 0]);
    // The source has its place back as well.
    assertEquals(state.limits.charge("192.0.2.1"), undefined);
    const { counters } = life;
    assertEquals(counters, kind === "session" ? state.counters.sessions : state.counters.flows);
    assertEquals([counters.active, counters.total, countOf(counters.seconds)], [0, 1, 1]);
    assertEquals([counters.bytesUp, counters.bytesDown], [15, 7]);
    assertEquals([target.totals.bytesUp, target.totals.bytesDown], [15, 7]);
    assertEquals(state.counters.closes.done, 1);
    assertEquals(target.totals.failures, 0);
  });

  Deno.test(`manage life: a ${kind} that was not admitted gives no place back`, () => {
    const state = listener();
    const life = new TestLife(kind, state);
    life.counters.begin();
    life.finish("limit_source");
    assertEquals([state.limits.sessions, state.limits.flows], [0, 0]);
    assertEquals([life.counters.active, countOf(life.counters.seconds)], [0, 0]);
  });

  Deno.test(`manage life: a ${kind} whose target breaks fails it, unless that has answered`, () => {
    for (const answered of [false, true]) {
      const life = admitted(kind, listener());
      const target = life.target!;
      if (answered) {
        target.standing.failed();
        life.markAnswered();
        life.markAnswered();
        assertEquals(target.standing.failures, 0);
      }
      life.finish("target_reset");
      const failures = answered ? 0 : 1;
      assertEquals([target.standing.failures, target.totals.failures], [failures, failures]);
    }
  });

  Deno.test(`manage life: a ${kind} counts what it is, and takes the first route that matches`, () => {
    const state = listener();
    const route = (detected?: Detected) => {
      const life = new TestLife(kind, state);
      life.detected = detected;
      const found = life.findRoute(life.seen);
      return [found === life.route ? "found" : found, life.route?.index];
    };
    const protocol = kind === "session" ? "tls" : "quic";
    assertEquals(route({ protocol, facts: { sni: "a.example" } }), ["found", 1]);
    assertEquals(route({ protocol, facts: { sni: "b.example" } }), ["no_route", undefined]);
    assertEquals(route({ protocol, facts: {}, end: "bad_name" }), ["unreadable", undefined]);
    assertEquals(route(), ["no_route", undefined]);
    const { counters } = new TestLife(kind, state);
    assertEquals([...counters.matches], [0, 1]);
    assertEquals(counters.detected.reduce((sum, count) => sum + count, 0), 4);
    assertEquals(counters.detectEnds.reduce((sum, count) => sum + count, 0), 1);
  });

  Deno.test(`manage life: a ${kind} is described by what is known of it`, () => {
    const life = admitted(kind, listener());
    const transport = kind === "session" ? "tcp" : "udp";
    assertEquals(recordOf(life).detected, undefined);
    life.detected = { protocol: "tls", facts: { sni: "a.example" } };
    life.endDetection();
    life.connected();
    const record = recordOf(life);
    assertEquals([record.transport, record.source, record.target], [
      transport,
      "192.0.2.1:1",
      "192.0.2.9:1",
    ]);
    assert(record.detectMs! >= 0 && record.connectMs! >= 0);
    assert(record.durationMs >= record.detectMs! + record.connectMs!);
    const { protocol, sni, upstream: name, route } = helloInfo(life);
    assertEquals([protocol, sni, name, route], ["tls", "a.example", "up", ""]);
    const { totals } = life.target!;
    assertEquals([totals.sessions, totals.flows], kind === "session" ? [1, 0] : [0, 1]);
    const { tcp, udp } = life.upstream!.times;
    assertEquals([countOf(tcp), countOf(udp)], kind === "session" ? [1, 0] : [0, 1]);
  });
}
