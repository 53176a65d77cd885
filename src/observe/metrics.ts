/**
 * All metrics, and their text. The reference, the dashboard's test and the scrape take them from here.
 *
 * @module
 */

import { Exposition } from "./exposition.ts";
import type { Measures } from "./measures.ts";
import type { Metric } from "./metric.ts";
import { LISTENER_METRICS } from "./metrics_listeners.ts";
import { PROCESS_METRICS } from "./metrics_process.ts";
import { TARGET_METRICS } from "./metrics_targets.ts";

/** Every metric there is. */
export const METRICS: readonly Metric[] = [
  ...LISTENER_METRICS,
  ...TARGET_METRICS,
  ...PROCESS_METRICS,
];

/**
 * Writes all metrics in Prometheus' text format.
 *
 * @param measures What was counted
 * @returns The text
 */
export function formatMetrics(measures: Measures): string {
  const out = new Exposition();
  for (const metric of METRICS) {
    out.begin(metric);
    metric.collect(measures, (value, ...labels) => {
      if (typeof value === "number") out.sample(value, labels);
      else out.histogram(value, labels);
    });
  }
  return out.text;
}
