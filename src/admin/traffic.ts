/**
 * The answer of `GET /api/traffic`: counters by listener, protocol and target, from which a client that
 * asks repeatedly computes rates. Zeros are left out, so that asking every second costs little.
 *
 * @module
 */

import { z } from "zod";
import { COUNTED_PROTOCOLS, type LifeCounters } from "../observe/metrics/life_counters.ts";
import type { ListenerMeasures, TargetMeasures } from "../observe/metrics/measures.ts";
import { CLOSE_REASONS } from "../observe/reasons.ts";
import { StatusSchema, UpstreamSchema } from "./answers.ts";
import { processOf } from "./status.ts";
import type { Control } from "./control.ts";

const count = z.int().min(0);
const byName = z.record(z.string(), count);

const LifeSchema = z.object({
  total: count.meta({ description: "Started, including refused ones" }),
  active: count,
  bytes_up: count,
  bytes_down: count,
  detected: byName.meta({ description: "By protocol; zeros are left out" }),
  closes: byName.meta({ description: "Ends by reason; zeros are left out" }),
});

const TotalsSchema = z.object({
  sessions: count,
  flows: count,
  bytes_up: count,
  bytes_down: count,
  failures: count.meta({ description: "Real traffic that failed at the target" }),
});

/** `GET /api/traffic`. */
export const TrafficSchema = z.object({
  ...StatusSchema.pick({
    version: true,
    pid: true,
    state: true,
    started_at: true,
    uptime_s: true,
    io: true,
    workers: true,
  }).shape,
  at_ms: z.number().min(0).meta({ description: "Time of the answer, by a monotonic clock" }),
  listeners: z.record(
    z.string(),
    z.object({
      addresses: z.array(z.string()).meta({ description: "Bound addresses" }),
      sessions: LifeSchema.optional().meta({ description: "If it has TCP" }),
      flows: LifeSchema.optional().meta({ description: "If it has UDP" }),
      drops: byName.meta({ description: "Dropped datagrams by reason; zeros are left out" }),
    }),
  ),
  upstreams: z.array(UpstreamSchema.extend({
    targets: z.array(
      UpstreamSchema.shape.targets.element.extend({
        totals: TotalsSchema.meta({ description: "Since shunt started" }),
      }),
    ),
  })),
});

/** The traffic of a running shunt, as counted so far. */
export type TrafficAnswer = z.output<typeof TrafficSchema>;
type LifeAnswer = z.output<typeof LifeSchema>;

function named(names: readonly string[], counts: Float64Array): Record<string, number> {
  return Object.fromEntries(
    names.map((name, i) => [name, counts[i]!] as const).filter(([, count]) => count > 0),
  );
}

function lifeOf({ total, active, bytesUp, bytesDown, detected, closes }: LifeCounters): LifeAnswer {
  return {
    total,
    active,
    bytes_up: bytesUp,
    bytes_down: bytesDown,
    detected: named(COUNTED_PROTOCOLS, detected),
    closes: named(CLOSE_REASONS, closes),
  };
}

function listenerOf(
  { transports, counters }: ListenerMeasures,
  addresses: readonly string[],
): TrafficAnswer["listeners"][string] {
  return {
    addresses: [...addresses],
    ...transports.includes("tcp") ? { sessions: lifeOf(counters.sessions) } : {},
    ...transports.includes("udp") ? { flows: lifeOf(counters.flows) } : {},
    drops: Object.fromEntries(Object.entries(counters.drops).filter(([, count]) => count > 0)),
  };
}

function totalsOf(target: TargetMeasures | undefined): z.output<typeof TotalsSchema> {
  const { sessions = 0, flows = 0, bytesUp = 0, bytesDown = 0, failures = 0 } = target?.totals ??
    {};
  return { sessions, flows, bytes_up: bytesUp, bytes_down: bytesDown, failures };
}

/** Returns the answer of `GET /api/traffic`: the traffic of a running shunt so far. */
export function trafficOf(control: Control): TrafficAnswer {
  const measures = control.measures();
  const counted = new Map(measures.upstreams.map(({ name, targets }) => [
    name,
    new Map(targets.map((target) => [target.name, target])),
  ]));
  const listeners = measures.listeners.map((listener) => {
    const { tcp = [], udp = [] } = control.proxy.addresses[listener.name] ?? {};
    const addresses = [...tcp.map((at) => `tcp ${at}`), ...udp.map((at) => `udp ${at}`)];
    return [listener.name, listenerOf(listener, addresses)] as const;
  });
  return {
    ...processOf(control),
    at_ms: performance.now(),
    listeners: Object.fromEntries(listeners),
    upstreams: control.upstreams().map((upstream) => ({
      ...upstream,
      targets: upstream.targets.map((target) => ({
        ...target,
        totals: totalsOf(counted.get(upstream.name)?.get(target.target)),
      })),
    })),
  };
}
