/**
 * Reads what all workers have counted, for metrics: from shared memory, so that no worker is asked.
 * Knows not how metrics are written.
 *
 * @module
 */

import type { Config } from "../config/schema.ts";
import type { DnsMeasures, ProxyMeasures, TargetMeasures } from "../observe/metrics/measures.ts";
import type { SharedView } from "../plane/shared.ts";
import { FULL_SHARE } from "../resolve/standing.ts";
import type { Target, Upstream } from "../resolve/upstream.ts";
import type { HealthReport } from "./health/health.ts";
import type { ListenerCounts } from "./listener_counts.ts";

/** Where a proxy's numbers are. */
export interface Measured {
  readonly config: Config;
  readonly shared: SharedView;
  readonly listeners: ListenerCounts;
  readonly upstreams: readonly Upstream[];
  /** Reports what is known of a target, by the names of its upstream and itself. */
  readonly health: (upstream: string, target: string) => HealthReport | undefined;
  readonly dns: DnsMeasures;
  /** Bytes of resident memory that there may be. */
  readonly memoryLimit: number;
}

/**
 * Reads what a proxy has counted.
 *
 * @param measured Where its numbers are
 * @returns The numbers as of now
 */
export function measureProxy(measured: Measured): ProxyMeasures {
  const { config, shared, listeners, upstreams, health, dns, memoryLimit } = measured;
  return {
    listeners: listeners.measures(),
    upstreams: upstreams.map(({ name, targets }) => ({
      name,
      times: shared.connectTotals(name),
      targets: targets.map((target) => targetMeasures(target, health(name, target.name))),
    })),
    dns,
    detectMemory: { used: shared.budget(0).used, limit: config.limits.detect_memory },
    descriptors: { used: shared.sockets().count.total, limit: shared.memory.maxSockets },
    lingering: shared.lingeringTotals(),
    memoryLimit,
    heaps: shared.pressure.heaps,
    ticks: shared.ticks(),
  };
}

function targetMeasures(target: Target, report: HealthReport | undefined): TargetMeasures {
  const { name, standing, sessions, flows, totals } = target;
  return {
    name,
    up: !standing.dead,
    draining: standing.is("drain"),
    share: standing.share / FULL_SHARE,
    sessions: sessions.total,
    flows: flows.total,
    totals,
    checks: report?.checks ?? { ok: 0, failed: 0 },
    ejections: report?.ejections ?? 0,
  };
}
