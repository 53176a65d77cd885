/**
 * Reads what all workers have counted, for metrics: from shared memory, so that no worker is asked.
 * Knows not how metrics are written.
 *
 * @module
 */

import type { Config } from "../config/schema.ts";
import type {
  DnsMeasures,
  ListenerMeasures,
  ProxyMeasures,
  TargetMeasures,
} from "../observe/metrics/measures.ts";
import type { HealthReport } from "./health/health.ts";
import { FULL_SHARE } from "../resolve/standing.ts";
import type { Target, Upstream } from "../resolve/upstream.ts";
import type { SharedView } from "../plane/shared.ts";

/** Where a proxy's numbers are. */
export interface Measured {
  readonly config: Config;
  readonly shared: SharedView;
  /** Listeners that a reload has removed. */
  readonly removed: readonly { readonly name: string; readonly shared: SharedView }[];
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
  const { config, shared, upstreams, health, dns, memoryLimit } = measured;
  return {
    listeners: [...running(measured), ...removed(measured)],
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

function running({ config, shared }: Measured): ListenerMeasures[] {
  return Object.entries(config.listeners).map(([name, { transports, limits, routes }]) => ({
    name,
    transports,
    limits,
    counters: shared.totals(name),
    routes: routes.map(({ upstream }) => upstream),
  }));
}

/** Those that still have sessions or flows; one whose name is taken again would be there twice. */
function removed({ config, removed }: Measured): ListenerMeasures[] {
  const names = new Set(Object.keys(config.listeners));
  const found: ListenerMeasures[] = [];
  for (const { name, shared } of removed.toReversed()) {
    const counters = shared.totals(name);
    if (names.has(name) || counters.sessionsActive + counters.flowsActive === 0) continue;
    names.add(name);
    const transports = [
      ...(counters.sessionsTotal > 0 ? ["tcp" as const] : []),
      ...(counters.flowsTotal > 0 ? ["udp" as const] : []),
    ];
    found.push({ name, transports, counters, limits: undefined, routes: [] });
  }
  return found;
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
