/**
 * The charts of the last minutes, which only the page remembers. Knows rows with rates, not where they come
 * from.
 *
 * @module
 */

/// <reference lib="dom" />

import uPlot from "uplot";
import { formatByteRate, formatRate } from "../units.ts";
import type { View } from "../view.ts";
import { byId } from "./dom.ts";

/** Seconds that the charts show. */
const SPAN_S = 300;
/** Lines of a chart. The others are added up to one more line. */
const MAX_LINES = 6;

/** What the lines stand for. */
type Group = "protocols" | "listeners" | "targets";

interface Moment {
  /** Seconds of the Unix epoch. */
  readonly time: number;
  readonly up: number | undefined;
  readonly down: number | undefined;
  readonly begun: Readonly<Record<Group, ReadonlyMap<string, number>>>;
}

interface Line {
  readonly name: string;
  readonly values: readonly (number | undefined)[];
}

function rates(rows: Iterable<readonly [string, number | undefined]>): Map<string, number> {
  const all = new Map<string, number>();
  for (const [name, rate] of rows) if (rate !== undefined && rate > 0) all.set(name, rate);
  return all;
}

function momentOf({ all, protocols, listeners, targets }: View): Moment {
  return {
    time: Date.now() / 1000,
    up: all.up,
    down: all.down,
    begun: {
      protocols: rates(protocols.map(({ name, rate }) => [name, rate])),
      listeners: rates(listeners.map(({ name, begun }) => [name, begun])),
      targets: rates(targets.map((row) => [`${row.upstream} ${row.target}`, row.begun])),
    },
  };
}

/** Steps of an axis of bytes: powers of two, like their units. */
const BYTE_STEPS: number[] = Array.from({ length: 50 }, (_, i) => 2 ** i);

/** How a chart's values are written. */
interface Scale {
  readonly format: (value: number | undefined) => string;
  /** Steps of its axis, if they are not decimal. */
  readonly steps?: number[];
}

/** One chart, made again if its lines or the colours change. */
class Chart {
  readonly #place: HTMLElement;
  readonly #scale: Scale;
  #plot: uPlot | undefined;
  #names = "";

  constructor(place: HTMLElement, scale: Scale) {
    this.#place = place;
    this.#scale = scale;
    new ResizeObserver(() => this.#plot?.setSize(this.#size())).observe(place);
  }

  /** Forces the chart to be made again. */
  reset(): void {
    this.#names = "";
  }

  show(times: readonly number[], lines: readonly Line[]): void {
    const names = lines.map(({ name }) => name).join("\n");
    if (names !== this.#names || this.#plot === undefined) {
      this.#plot?.destroy();
      this.#plot = new uPlot(this.#options(lines), undefined, this.#place);
      this.#names = names;
    }
    const now = times.at(-1) ?? 0;
    const data = [[...times], ...lines.map(({ values }) => [...values])];
    this.#plot.setData(data as uPlot.AlignedData, false);
    this.#plot.setScale("x", { min: now - SPAN_S, max: now });
  }

  #size(): { readonly width: number; readonly height: number } {
    // The legend is below the chart, and part of its place.
    return { width: this.#place.clientWidth, height: 200 };
  }

  /** A colour as the canvas takes it: browsers resolve `light-dark()` for real properties only. */
  #colour(name: string): string {
    this.#place.style.color = `var(${name})`;
    const { color } = getComputedStyle(this.#place);
    this.#place.style.color = "";
    return color;
  }

  #options(lines: readonly Line[]): uPlot.Options {
    const axis = {
      stroke: this.#colour("--quiet"),
      grid: { stroke: this.#colour("--line"), width: 1 },
      ticks: { stroke: this.#colour("--line"), width: 1 },
    };
    const { format, steps } = this.#scale;
    return {
      ...this.#size(),
      cursor: { drag: { x: false, y: false } },
      scales: { y: { range: (_, _min, max) => [0, max > 0 ? max * 1.1 : 1] } },
      axes: [
        { ...axis, space: 70, values: (_, at) => at.map(clock) },
        {
          ...axis,
          size: 90,
          ...steps === undefined ? {} : { incrs: steps },
          values: (_, at) => at.map((value) => format(value)),
        },
      ],
      series: [
        { label: "Time", value: (_, value) => value === null ? "–" : clock(value) },
        ...lines.map(({ name }, i) => ({
          label: name,
          stroke: this.#colour(`--series-${i}`),
          width: 2,
          // Distinguishes lines that lie on each other.
          ...i % 2 === 0 ? {} : { dash: [6, 4] },
          points: { show: false },
          value: (_: uPlot, value: number | null) => format(value ?? undefined),
        })),
      ],
    };
  }
}

function clock(seconds: number): string {
  return new Date(seconds * 1000).toTimeString().slice(0, 8);
}

/** Both charts. */
export class Charts {
  readonly #bytes = new Chart(byId("bytes-chart", HTMLElement), {
    format: formatByteRate,
    steps: BYTE_STEPS,
  });
  readonly #begun = new Chart(byId("begun-chart", HTMLElement), { format: formatRate });
  readonly #group = byId("group", HTMLSelectElement);
  #moments: Moment[] = [];

  constructor() {
    this.#group.addEventListener("change", () => this.#draw());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      this.#bytes.reset();
      this.#begun.reset();
      this.#draw();
    });
  }

  /** Starts again, since a new process counts from zero. */
  clear(): void {
    this.#moments = [];
  }

  /** Adds the current view. */
  add(view: View): void {
    const moment = momentOf(view);
    this.#moments = this.#moments.filter(({ time }) =>
      time > moment.time - SPAN_S && time < moment.time
    );
    this.#moments.push(moment);
    this.#draw();
  }

  #draw(): void {
    const moments = this.#moments;
    const times = moments.map(({ time }) => time);
    this.#bytes.show(times, [
      { name: "up", values: moments.map(({ up }) => up) },
      { name: "down", values: moments.map(({ down }) => down) },
    ]);
    const group = this.#group.value as Group;
    this.#begun.show(times, linesOf(moments, group));
  }
}

function linesOf(moments: readonly Moment[], group: Group): Line[] {
  const sums = new Map<string, number>();
  for (const { begun } of moments) {
    for (const [name, rate] of begun[group]) sums.set(name, (sums.get(name) ?? 0) + rate);
  }
  const most = [...sums].sort(([, a], [, b]) => b - a).map(([name]) => name);
  // In a fixed order, so that colours stay with their names.
  const shown = most.slice(0, MAX_LINES).sort();
  const lines = shown.map((name) => ({
    name,
    values: moments.map((at) => at.up === undefined ? undefined : at.begun[group].get(name) ?? 0),
  }));
  if (most.length <= MAX_LINES) return lines;
  const rest = most.slice(MAX_LINES);
  const restOf = ({ begun }: Moment) =>
    rest.reduce((all, name) => all + (begun[group].get(name) ?? 0), 0);
  return [...lines, { name: `${rest.length} others`, values: moments.map(restOf) }];
}
