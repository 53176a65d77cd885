/**
 * Reads the counts of upstreams over all workers, for metrics. They are in shared memory, so no worker has to
 * be asked. Does not know how metrics are written.
 *
 * @module
 */

import type { TargetMeasures, UpstreamMeasures } from "../observe/metrics/measures.ts";
import type { SharedView } from "../plane/shared.ts";
import { FULL_SHARE } from "../resolve/standing.ts";
import type { Target, Upstream } from "../resolve/upstream.ts";
import type { HealthChecks } from "./health/checks.ts";
import type { HealthReport } from "./health/health.ts";

/** Reads the measures of upstreams. */
export function measureUpstreams(
  upstreams: Iterable<Upstream>,
  shared: SharedView,
  health: HealthChecks,
): UpstreamMeasures[] {
  return Array.from(upstreams, ({ name, targets }) => ({
    name,
    times: shared.connectTotals(name),
    targets: targets.map((target) => targetMeasures(target, health.state(name, target.name))),
  }));
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
