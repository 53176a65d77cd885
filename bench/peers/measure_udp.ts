/**
 * UDP round trips: small and large datagrams on few busy flows, and many flows with one in flight each, and
 * the proxy's cost of each.
 *
 * @module
 */

import { type Figures, loadWithCpu, type Measure, type Metric, portOf } from "./measure.ts";

const SHAPES = [
  { size: 64, connections: 32, inFlight: 4 },
  { size: 1200, connections: 32, inFlight: 4 },
  { size: 64, connections: 256, inFlight: 1 },
  { size: 1200, connections: 256, inFlight: 1 },
] as const;
type Shape = typeof SHAPES[number];

function id({ size, connections, inFlight }: Shape): string {
  return `udp_${size}_${connections}x${inFlight}`;
}

/** Round trips per second and CPU µs. */
export const UDP: Measure = {
  name: "udp",
  needs: "udp",
  logs: false,
  metrics: SHAPES.flatMap((shape): Metric[] => {
    const label = `UDP ${shape.size} B, ${shape.connections} flows × ${shape.inFlight}`;
    return [
      { id: id(shape), label, unit: "/s", better: "more", digits: 0 },
      { id: `${id(shape)}_cpu`, label: `${label}: CPU`, unit: "µs", better: "less", digits: 1 },
    ];
  }),
  async run(context): Promise<Figures> {
    const { seconds, warm, instance: { ports } } = context;
    const figures: Record<string, number> = {};
    for (const shape of SHAPES) {
      const job = { kind: "udp", port: portOf(ports.udp), ...shape, seconds, warm } as const;
      const { rate, total, cpu } = await loadWithCpu(context, job);
      figures[id(shape)] = rate;
      if (cpu !== undefined) figures[`${id(shape)}_cpu`] = cpu / total * 1e6;
    }
    return figures;
  },
};
