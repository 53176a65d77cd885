import { assertLess } from "@std/assert";
import { type ListenerConfig, ListenerSchema } from "../../../../src/config/schema.ts";
import { listenerLimits } from "../../../../src/config/per_source.ts";
import type { Stream } from "../../../../src/io/mod.ts";
import { Limits } from "../../../../src/manage/limits/limits.ts";
import type { ListenerState } from "../../../../src/manage/listener_state.ts";
import type { Session } from "../../../../src/manage/session/session.ts";
import { Sessions } from "../../../../src/manage/session/sessions.ts";
import { Counters } from "../../../../src/observe/metrics/counters.ts";
import { Router } from "../../../../src/resolve/router.ts";

const CONFIG: ListenerConfig = ListenerSchema.parse({
  bind: ["127.0.0.1:1"],
  transports: ["tcp"],
  limits: { sessions: 100_000, per_source: 100_000, new_per_source: "1000000/s" },
  routes: [{ upstream: "up" }],
});

function stream(i: number): Stream {
  const end = { host: `10.${i >> 16 & 255}.${i >> 8 & 255}.${i & 255}`, port: 1 };
  return {
    local: end,
    remote: end,
    read: () => Promise.resolve(null),
    write: (bytes) => Promise.resolve(bytes.length),
    closeWrite: () => Promise.resolve(),
    setNoDelay: () => {},
    close: () => {},
  };
}

/** Returns the microseconds to begin and end one session next to others. */
function costBeside(others: number): number {
  const listener: ListenerState = {
    upstreams: new Map(),
    name: "edge",
    config: CONFIG,
    router: new Router(CONFIG, { protocols: [] }),
    limits: new Limits(listenerLimits(CONFIG), { now: () => 0 }),
    counters: new Counters(),
    trusts: () => false,
  };
  const sessions = new Sessions(() => {});
  for (let i = 0; i < others; i++) sessions.open(listener, stream(i));
  let best = Infinity;
  for (let round = 0; round < 8; round++) {
    const begun = performance.now();
    for (let i = 0; i < 2000; i++) {
      const session: Session | undefined = sessions.open(listener, stream(0xffffff - i % 16));
      if (session !== undefined) sessions.end(session, "done");
    }
    best = Math.min(best, (performance.now() - begun) / 2);
  }
  return best;
}

Deno.test("manage sessions: one costs no more among 10,000 others than among 100", () => {
  costBeside(100);
  const few = costBeside(100);
  const many = costBeside(10_000);
  // Linear work would be 100 times as much; caches and a busy machine are allowed for.
  assertLess(many / few, 5, `${few} µs beside 100, ${many} µs beside 10,000`);
});
