/**
 * Bulk throughput with 1, 8 and 64 sessions, and the proxy's cost per gigabyte.
 *
 * @module
 */

import { type Figures, loadWithCpu, type Measure } from "./measure.ts";

const SESSIONS = [1, 8, 64];

/** Gbit/s and CPU seconds per GB. */
export const BULK: Measure = {
  name: "bulk",
  needs: "bulk",
  logs: true,
  metrics: SESSIONS.flatMap((n) => {
    const sessions = `${n} session${n === 1 ? "" : "s"}`;
    return [
      { id: `bulk_${n}`, label: `bulk, ${sessions}`, unit: "Gbit/s", better: "more", digits: 1 },
      {
        id: `bulk_${n}_cpu`,
        label: `bulk, ${sessions}: CPU`,
        unit: "s/GB",
        better: "less",
        digits: 2,
      },
    ] as const;
  }),
  async run(context): Promise<Figures> {
    const { seconds, warm, instance: { ports } } = context;
    const figures: Record<string, number> = {};
    for (const n of SESSIONS) {
      const job = { kind: "bulk", port: ports.bulk, connections: n, seconds, warm } as const;
      const { rate, total, cpu } = await loadWithCpu(context, job);
      figures[`bulk_${n}`] = rate * 8 / 1e9;
      if (cpu !== undefined) figures[`bulk_${n}_cpu`] = cpu / (total / 1e9);
    }
    return figures;
  },
};
