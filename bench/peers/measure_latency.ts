/**
 * Latency that the proxy adds at a fixed rate below saturation, in an open loop: its quantiles minus those
 * of the backend itself in the same round.
 *
 * @module
 */

import { type Figures, type Measure, type Metric, portOf } from "./measure.ts";
import { median } from "./stats.ts";

/** About a tenth of what any participant can do. */
const RATE = 5000;
const CONNECTIONS = 32;
const SIZE = 64;
/** A burst of other work on the machine spoils one slice; the median ignores it. */
const SLICES = 4;
const QUANTILES = [["p50", "p50"], ["p99", "p99"], ["p999", "p99.9"]] as const;
type Quantile = typeof QUANTILES[number][0];
/** Differences below 5 µs are noise. */
const FLOOR = 5;

function measure(transport: "tcp" | "udp", needs: "requests" | "udp"): Measure {
  const id = (quantile: string) => `latency_${transport}_${quantile}`;
  const label = `${transport.toUpperCase()}, ${RATE}/s`;
  return {
    name: `latency_${transport}`,
    needs,
    logs: false,
    metrics: QUANTILES.flatMap(([key, name]): Metric[] => {
      const common = { unit: "µs", better: "less", digits: 0 } as const;
      return [
        { id: id(key), label: `latency ${name}, ${label}`, ...common },
        {
          id: `${id(key)}_added`,
          label: `added latency ${name}, ${label}`,
          floor: FLOOR,
          ...common,
        },
      ];
    }),
    async run({ loader, instance: { ports, pid }, seconds, warm, direct }): Promise<Figures> {
      const slices: Record<Quantile, number>[] = [];
      for (let i = 0; i < SLICES; i++) {
        const { latencies } = await loader.run({
          kind: `open_${transport}`,
          port: portOf(ports[needs]),
          connections: CONNECTIONS,
          rate: RATE,
          size: SIZE,
          seconds: seconds * 2 / SLICES,
          warm: warm * 2 / SLICES,
        });
        if (latencies === null) throw new Error("The load generator timed nothing");
        slices.push(latencies);
      }
      const figures: Record<string, number> = {};
      for (const [key] of QUANTILES) {
        const value = figures[id(key)] = (median(slices.map((slice) => slice[key])) ?? 0) * 1000;
        const base = direct?.[id(key)];
        if (pid !== undefined && base !== undefined) figures[`${id(key)}_added`] = value - base;
      }
      return figures;
    },
  };
}

/** Requests on kept connections. */
export const LATENCY_TCP: Measure = measure("tcp", "requests");
/** Datagrams. */
export const LATENCY_UDP: Measure = measure("udp", "udp");
