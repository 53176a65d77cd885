/**
 * The definition of a metric: its name, and how its samples are taken from measures. Knows no metric.
 *
 * @module
 */

import type { MetricInfo } from "./exposition.ts";
import type { Histogram } from "./histogram.ts";
import type { Measures } from "./measures.ts";

/** Takes a sample: its value, then the values of the metric's labels in their order. */
export type AddSample = (value: number | Histogram, ...labels: string[]) => void;

/** A metric and the source of its samples. */
export interface Metric extends MetricInfo {
  /** Reports all of its samples. */
  readonly collect: (measures: Measures, add: AddSample) => void;
}

/**
 * Defines a metric.
 *
 * @param kind `counter`, `gauge` or `histogram`
 * @param name Its name, then its labels as in `{listener,reason}`
 * @param rest Its meaning, and the source of its samples
 * @returns The metric
 */
export function metric(
  kind: MetricInfo["kind"],
  name: string,
  { help, collect }: Pick<Metric, "help" | "collect">,
): Metric {
  const [plain, labels] = name.replace("}", "").split("{");
  return { kind, name: plain!, help, labels: labels?.split(",") ?? [], collect };
}
