import { assert, assertEquals } from "@std/assert";
import { parseConfig } from "../../src/config/load.ts";
import { PROTOCOLS } from "../../src/detect/mod.ts";
import type { AccessRecord } from "../../src/observe/access/record.ts";
import { type Proxy, startProxy } from "../../src/control/proxy.ts";
import { until } from "../e2e/_shunt.ts";
import { FaultyIo, seeded } from "./_faulty_io.ts";

const CONFIG = `
listeners:
  edge:
    bind: "127.0.0.1:1"
    detect: { timeout: 200ms, max_bytes: 1KiB }
    limits: { sessions: 40, flows: 40, per_source: 20, new_per_source: 1000/s }
    routes:
      - match: { protocol: http, host: a.example }
        upstream: named
      - match: { protocol: ssh }
        upstream: literal
      - match: { protocol: socks5 }
        upstream: builtin
      - match: { protocol: wireguard }
        upstream: named
      - upstream: literal
upstreams:
  named: { targets: ["a.test:1", "b.test:1"], connect_timeout: 200ms, idle_timeout: 1s }
  literal:
    targets: ["192.0.2.1:1", "192.0.2.2:1", { address: "192.0.2.3:1", backup: true }]
    balance: least_sessions
    connect_timeout: 200ms
    idle_timeout: 1s
    send_proxy_protocol: v2
    limits: { sessions_per_target: 10 }
  builtin: { targets: [builtin:hello, builtin:reset, builtin:echo], idle_timeout: 1s }
dns: { min_ttl: 1s, max_ttl: 1s }
`;

function start(io: FaultyIo, records: AccessRecord[]): Promise<Proxy> {
  const config = parseConfig(CONFIG, { file: "sim.yaml", protocols: PROTOCOLS });
  return startProxy(config, {
    io,
    onEnd: (record) => records.push(record),
    dns: {
      query: async (name, family) => {
        await io.pause();
        if (io.chance(0.4)) throw Object.assign(new Error(name), { code: "ESERVFAIL" });
        return [{ address: family === 4 ? "192.0.2.9" : "2001:db8::9", ttl: 1 }];
      },
    },
  });
}

const INITIATION = new Uint8Array(148);
INITIATION[0] = 1;
const DATAGRAMS = [INITIATION, new Uint8Array([1, 2, 3]), new Uint8Array(0)];

async function simulate(seed: number): Promise<void> {
  const random = seeded(seed);
  const io = new FaultyIo(random);
  const records: AccessRecord[] = [];
  const proxy = await start(io, records);
  for (let step = 0; step < 400; step++) {
    if (random() < 0.5) {
      io.listeners[0]!.knock();
    } else {
      io.sockets[0]!.hear(DATAGRAMS[Math.floor(random() * DATAGRAMS.length)]!, {
        transport: "udp",
        hostname: `127.0.0.${1 + Math.floor(random() * 8)}`,
        port: 5000 + Math.floor(random() * 20),
      });
    }
    if (random() < 0.2) await new Promise((resolve) => setTimeout(resolve, 0));
    const { sessions, flows } = proxy.active();
    assert(sessions <= 40 && flows <= 40, `seed ${seed}: ${sessions} sessions, ${flows} flows`);
  }
  io.calm = true;
  await until(() => {
    const { sessions, flows } = proxy.active();
    return sessions === 0 && flows === 0;
  }, `seed ${seed}: everything to end`);
  const counters = proxy.stats().edge!;
  const closes = Object.values(counters.closes).reduce((sum, count) => sum + count, 0);
  assertEquals(closes, counters.sessionsTotal + counters.flowsTotal, `seed ${seed}`);
  assertEquals(records.length, closes, `seed ${seed}: one record each`);
  assertEquals(new Set(records.map(({ id }) => id)).size, records.length, `seed ${seed}: ids`);
  const bugs = records.filter(({ reason }) => reason === "internal_error");
  assertEquals(bugs.map(({ error }) => String(error)), [], `seed ${seed}`);
  assertEquals([counters.sessionsActive, counters.flowsActive], [0, 0], `seed ${seed}`);
  // Heads are given back once their last read has settled.
  await until(() => proxy.active().detectMemory === 0, `seed ${seed}: detection memory`);
  for (const { targets } of proxy.upstreams()) {
    for (const { name, sessions, flows } of targets) {
      assertEquals([name, sessions.total, flows.total], [name, 0, 0], `seed ${seed}`);
    }
  }
  await proxy.close();
  await until(() => io.open === 0, `seed ${seed}: ${io.open} sockets to be closed`);
}

Deno.test("errors at random on every step leave no session, flow, place or socket behind", async () => {
  const first = Number(Deno.env.get("SHUNT_SEED") ?? 1);
  for (let batch = 0; batch < 3; batch++) {
    const seeds = Array.from({ length: 20 }, (_, i) => first + batch * 20 + i);
    await Promise.all(seeds.map(simulate));
  }
});
