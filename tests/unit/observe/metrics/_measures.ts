/** Measures of a made-up shunt, for tests of metrics. */

import { Counters } from "../../../../src/observe/metrics/counters.ts";
import { LingerCounters } from "../../../../src/observe/metrics/linger_counters.ts";
import type { Measures } from "../../../../src/observe/metrics/measures.ts";
import { ConnectTimes, TargetCounters } from "../../../../src/observe/metrics/target_counters.ts";

/** Names that a configuration may not even have. */
export interface Shape {
  readonly listeners: readonly string[];
  readonly targets: readonly string[];
}

/** Makes measures in which everything was counted once. */
export function measuresOf({ listeners, targets }: Shape): Measures {
  return {
    listeners: listeners.map((name) => ({
      name,
      transports: ["tcp", "udp"],
      counters: countedOnce(),
      limits: { sessions: 10_000, flows: 20_000 },
      routes: ["web", "other"],
    })),
    upstreams: [{
      name: "web",
      times: new ConnectTimes(),
      targets: targets.map((name) => ({
        name,
        up: true,
        draining: false,
        share: 0.5,
        sessions: 1,
        flows: 2,
        totals: new TargetCounters(),
        checks: { ok: 3, failed: 4 },
        ejections: 5,
      })),
    }],
    dns: { hits: 1, stale: 2, misses: 3, failures: 4, size: 5 },
    detectMemory: { used: 6, limit: 7 },
    descriptors: { used: 8, limit: 9 },
    lingering: new LingerCounters(),
    memoryLimit: 12,
    heaps: [{ used: 13, limit: 14, refuses: true }, { used: 15, limit: 16, refuses: false }],
    ticks: [10, 11],
    process: {
      version: "1.2.3",
      io: "libc",
      ready: true,
      reloads: { applied: 1, unchanged: 2, refused: 3 },
      lastReloadOk: false,
      configuredAt: 1_700_000_000.5,
      workersUp: [true, false],
      startedAt: 1_600_000_000,
      cpuSeconds: 12.5,
      memoryBytes: 1e8,
      maxDescriptors: 1024,
      admin: { connections: 12, displaced: { request: 13, answer: 14, turn: 15 } },
    },
  };
}

function countedOnce(): Counters {
  const counters = new Counters(undefined, new Float64Array(4));
  for (const life of [counters.sessions, counters.flows]) {
    life.begin();
    life.carry(5, 7);
    life.detect("tls");
    life.match(1);
    life.detectSeconds.observe(0.002);
    life.seconds.observe(3);
    life.end("done");
  }
  counters.drops.not_target++;
  return counters;
}
