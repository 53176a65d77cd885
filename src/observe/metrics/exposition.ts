/**
 * Prometheus' text format, version 0.0.4: names, labels, values and escapes. Does not know what is
 * measured.
 *
 * @module
 */

import type { Histogram } from "./histogram.ts";

/** A metric's name, kind, meaning and labels. */
export interface MetricInfo {
  readonly name: string;
  readonly kind: "counter" | "gauge" | "histogram";
  /** Its meaning, without a final period. */
  readonly help: string;
  /** The names of its labels. */
  readonly labels: readonly string[];
}

const SPECIAL = /[\\"\n]/;

/** Writes metrics. */
export class Exposition {
  /** The text that was written and not taken. */
  text = "";
  #name = "";
  #starts: readonly string[] = [];

  /**
   * Starts a metric. The samples that follow belong to it.
   *
   * @param metric The metric
   */
  begin({ name, kind, help, labels }: MetricInfo): void {
    this.#name = name;
    this.#starts = labels.map((label, i) => `${i === 0 ? "" : ","}${label}="`);
    this.text += `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${kind}\n`;
  }

  /** Returns the text so far, and starts again with an empty one. */
  take(): string {
    const { text } = this;
    this.text = "";
    return text;
  }

  /**
   * Writes a sample.
   *
   * @param value The number
   * @param labels The values of the metric's labels, in their order
   */
  sample(value: number, labels: readonly string[]): void {
    const pairs = this.#pairs(labels);
    this.text += `${this.#name}${pairs === "" ? "" : `{${pairs}}`} ${formatNumber(value)}\n`;
  }

  /**
   * Writes a histogram.
   *
   * @param histogram The histogram
   * @param labels The values of the metric's labels, in their order
   */
  histogram({ bounds, buckets, sum }: Histogram, labels: readonly string[]): void {
    const pairs = this.#pairs(labels);
    const before = pairs === "" ? "" : `${pairs},`;
    const within = pairs === "" ? "" : `{${pairs}}`;
    const name = this.#name;
    const start = `${name}_bucket{${before}le="`;
    let count = 0;
    let text = "";
    for (let i = 0; i < buckets.length; i++) {
      count += buckets[i]!;
      text += start + (i < bounds.length ? bounds[i] : "+Inf") + '"} ' + count + "\n";
    }
    this.text += `${text}${name}_sum${within} ${
      formatNumber(sum)
    }\n${name}_count${within} ${count}\n`;
  }

  #pairs(values: readonly string[]): string {
    const starts = this.#starts;
    let pairs = "";
    for (let i = 0; i < values.length; i++) pairs += starts[i] + escapeLabel(values[i]!) + '"';
    return pairs;
  }
}

/** Writes a number as Prometheus reads it, with `+Inf`, `-Inf` and `NaN`. */
export function formatNumber(value: number): string {
  if (value === Infinity) return "+Inf";
  if (value === -Infinity) return "-Inf";
  return String(value);
}

/** Escapes a label's value for a place between quotes. */
export function escapeLabel(value: string): string {
  if (!SPECIAL.test(value)) return value;
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}
