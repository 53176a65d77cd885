/**
 * Exports the metrics of `GET /metrics` to OpenTelemetry. Knows its API, not where they go: Deno exports
 * them if `OTEL_DENO` is set.
 *
 * @module
 */

import { type Attributes, metrics, type Observable } from "@opentelemetry/api";
import project from "../../../deno.json" with { type: "json" };
import type { Measures } from "./measures.ts";
import type { Metric } from "./metric.ts";
import { METRICS } from "./metrics.ts";

/** A metric and its instruments. Histograms cannot be observed, so they are exported as count and sum. */
interface Instrument {
  readonly metric: Metric;
  readonly values: Observable;
  readonly sums: Observable | undefined;
}

/**
 * Exports all metrics if Deno was started with export; otherwise they are never collected.
 *
 * @param source Returns the measures, once for each export
 */
export function openMetrics(source: { measures(): Measures }): void {
  const meter = metrics.getMeter("shunt", project.version);
  const instruments = METRICS.map((metric): Instrument => {
    const { kind, name, help: description } = metric;
    if (kind === "histogram") {
      const values = meter.createObservableCounter(`${name}_count`, { description });
      return {
        metric,
        values,
        sums: meter.createObservableCounter(`${name}_sum`, { description }),
      };
    }
    const values = kind === "counter"
      ? meter.createObservableCounter(name, { description })
      : meter.createObservableGauge(name, { description });
    return { metric, values, sums: undefined };
  });
  const observables = instruments.flatMap(({ values, sums }) =>
    sums === undefined ? [values] : [values, sums]
  );
  meter.addBatchObservableCallback((result) => {
    const now = source.measures();
    for (const { metric, values, sums } of instruments) {
      metric.collect(now, (value, ...labels) => {
        const attributes: Attributes = {};
        metric.labels.forEach((label, i) => attributes[label] = labels[i]!);
        if (typeof value === "number") return result.observe(values, value, attributes);
        const count = value.buckets.reduce((sum, bucket) => sum + bucket, 0);
        result.observe(values, count, attributes);
        if (sums !== undefined) result.observe(sums, value.sum, attributes);
      });
    }
  }, observables);
}
