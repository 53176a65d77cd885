/**
 * The goals of shunt by its sockets, and whether a run reached them.
 *
 * @module
 */

import type { Metric } from "./measure.ts";
import type { Entry, Results } from "./results.ts";

/** One goal for some metrics. */
interface Goal {
  readonly label: string;
  readonly metrics: readonly string[];
  /** Whether the bound is on the ratio to the best peer or on the figure itself. */
  readonly of: "ratio" | "figure";
  readonly bound: "at least" | "at most";
  /** By variant. */
  readonly limits: Readonly<Record<string, number>>;
}

function goal(
  label: string,
  metrics: readonly string[],
  { least, most, figure }: {
    readonly least?: readonly [deno: number, libc: number];
    readonly most?: readonly [deno: number, libc: number];
    readonly figure?: boolean;
  },
): Goal {
  const [deno, libc] = least ?? most ?? [0, 0];
  return {
    label,
    metrics,
    of: figure ? "figure" : "ratio",
    bound: least === undefined ? "at most" : "at least",
    limits: { "shunt deno": deno, "shunt libc": libc },
  };
}

const GOALS: readonly Goal[] = [
  goal("bulk", ["bulk_1", "bulk_8", "bulk_64"], { least: [1, 1.2] }),
  goal("kept requests", ["kept"], { least: [0.9, 1] }),
  goal("new connections; SNI-routed", ["new", "sni"], { least: [0.8, 1] }),
  goal("UDP round trips", [
    "udp_64_32x4",
    "udp_1200_32x4",
    "udp_64_256x1",
    "udp_1200_256x1",
  ], { least: [0.65, 1.3] }),
  goal("p99 added latency", ["latency_tcp_p99_added", "latency_udp_p99_added"], {
    most: [1.3, 1],
  }),
  goal("KiB per idle session / flow", ["session_kib", "used_kib", "flow_kib"], {
    most: [12, 2],
    figure: true,
  }),
];

/** Whether one goal was reached for one metric. */
export interface Verdict {
  readonly goal: string;
  readonly metric: Metric;
  readonly participant: string;
  /** "≥ 1.2", "≤ 2 KiB". */
  readonly wanted: string;
  /** The ratio or the figure; undefined if it was not measured. */
  readonly value: number | undefined;
  readonly reached: boolean;
}

/**
 * Judges a run.
 *
 * @param results The figures
 * @param entries The participants
 * @param metrics All metrics that were measured
 * @returns A verdict for each goal, metric and variant of shunt that took part
 */
export function judge(
  results: Results,
  entries: readonly Entry[],
  metrics: readonly (Metric & { readonly measure: string })[],
): Verdict[] {
  const verdicts: Verdict[] = [];
  for (const { label, metrics: ids, of, bound, limits } of GOALS) {
    for (const metric of metrics.filter(({ id }) => ids.includes(id))) {
      for (const { name, logs } of entries.filter(({ kind }) => kind === "shunt")) {
        const limit = limits[name.split(" + ")[0] ?? ""];
        if (limit === undefined) continue;
        const peers = entries.filter((entry) => entry.kind === "peer" && entry.logs === logs);
        const value = results.failed(name, metric.measure)
          ? undefined
          : of === "figure"
          ? results.median(name, metric.id)
          : results.ratio(name, metric, peers.map((peer) => peer.name));
        if (value === undefined && !results.failed(name, metric.measure)) continue;
        const reached = value !== undefined &&
          (bound === "at least" ? value >= limit : value <= limit);
        const unit = of === "figure" ? ` ${metric.unit}` : "";
        const wanted = `${bound === "at least" ? "≥" : "≤"} ${limit}${unit}`;
        verdicts.push({ goal: label, metric, participant: name, wanted, value, reached });
      }
    }
  }
  return verdicts;
}
