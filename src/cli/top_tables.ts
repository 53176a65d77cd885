/**
 * The tables of `shunt top`: their columns, sorting, filtering, and lines that fit a width. Pure: knows
 * no terminal.
 *
 * @module
 */

import type { LiveAnswer } from "../admin/answers.ts";
import type { LifeRow, Rates, TargetRow } from "../admin/view.ts";
import { formatAge, formatByteRate, formatBytes, formatRate } from "../admin/units.ts";
import type { TopSort } from "./top_state.ts";

/** A cell: its text, and the value it is sorted by. */
interface Cell {
  readonly text: string;
  readonly value: number | string;
}

/** A column. */
export interface TopColumn<Row> {
  readonly name: string;
  readonly cell: (row: Row) => Cell;
}

function text(value: string | undefined): Cell {
  return { text: printable(value ?? ""), value: value ?? "" };
}

function number(value: number | undefined, format: (value: number) => string): Cell {
  return { text: value === undefined ? "-" : format(value), value: value ?? -1 };
}

/** Keeps characters that a terminal shows in one cell and does not obey; others may be wide or combine. */
function printable(value: string): string {
  return value.replace(/[^\x20-\x7e]/gu, "?");
}

type Moving = Rates & { readonly sessions: number; readonly flows: number };

function moving<Row extends Moving>(): TopColumn<Row>[] {
  return [
    { name: "SESSIONS", cell: ({ sessions }) => number(sessions, String) },
    { name: "FLOWS", cell: ({ flows }) => number(flows, String) },
    { name: "NEW", cell: ({ begun }) => number(begun, formatRate) },
    { name: "UP", cell: ({ up }) => number(up, formatByteRate) },
    { name: "DOWN", cell: ({ down }) => number(down, formatByteRate) },
  ];
}

/** Columns of listeners. */
export const LISTENER_COLUMNS: readonly TopColumn<LifeRow>[] = [
  { name: "LISTENER", cell: ({ name }) => text(name) },
  { name: "ADDRESS", cell: ({ addresses }) => text(addresses.join(", ")) },
  ...moving<LifeRow>(),
];

/** Columns of targets. */
export const TARGET_COLUMNS: readonly TopColumn<TargetRow>[] = [
  { name: "UPSTREAM", cell: ({ upstream }) => text(upstream) },
  { name: "TARGET", cell: ({ target }) => text(target) },
  { name: "STATE", cell: ({ state }) => text(state) },
  {
    name: "HEALTH",
    cell: ({ health, share }) =>
      text(share < 1 ? `${health}, ${Math.round(100 * share)} %` : health),
  },
  ...moving<TargetRow>(),
  { name: "FAILURES", cell: ({ failures }) => number(failures, String) },
];

/** Columns of sessions and flows. */
export const LIVE_COLUMNS: readonly TopColumn<LiveAnswer>[] = [
  { name: "SOURCE", cell: ({ source }) => text(source) },
  { name: "", cell: ({ transport }) => text(transport) },
  { name: "LISTENER", cell: ({ listener }) => text(listener) },
  { name: "PROTOCOL", cell: ({ protocol }) => text(protocol) },
  { name: "NAME", cell: ({ sni, host }) => text(sni ?? host) },
  { name: "UPSTREAM", cell: ({ upstream }) => text(upstream) },
  { name: "TARGET", cell: ({ target }) => text(target) },
  { name: "UP", cell: ({ bytes_up }) => number(bytes_up, formatBytes) },
  { name: "DOWN", cell: ({ bytes_down }) => number(bytes_down, formatBytes) },
  { name: "AGE", cell: ({ age_ms }) => number(age_ms, (ms) => formatAge(ms / 1000)) },
];

/** How to lay out a table. */
export interface TableOptions {
  readonly sort: TopSort;
  /** Text that one cell of every row must contain, in any letter case; empty for all rows. */
  readonly filter: string;
  readonly width: number;
}

/** A table as lines. */
export interface TopTable {
  readonly title: string;
  readonly rows: readonly string[];
}

/** Writes a table as lines, none wider than `options.width`. */
export function layOut<Row>(
  columns: readonly TopColumn<Row>[],
  rows: readonly Row[],
  { sort, filter, width }: TableOptions,
): TopTable {
  const wanted = filter.toLowerCase();
  const cells = rows.map((row) => columns.map(({ cell }) => cell(row)))
    .filter((row) => row.some(({ text }) => text.toLowerCase().includes(wanted)));
  const { column, descending } = sort;
  if (column !== undefined) {
    cells.sort((a, b) => compare(a[column]!, b[column]!) * (descending ? -1 : 1));
  }
  const mark = descending ? "v" : "^";
  const titles = columns.map(({ name }, i) => i === column ? `${name}${mark}` : name);
  const widths = titles.map((title, i) =>
    cells.reduce((most, row) => Math.max(most, row[i]!.text.length), title.length)
  );
  const right = columns.map((_, i) => typeof cells[0]?.[i]?.value === "number");
  fit(widths, right, width);
  const line = (texts: readonly string[]) =>
    texts.map((text, i) => {
      const room = widths[i]!;
      const shown = text.length > room ? `${text.slice(0, Math.max(0, room - 1))}~` : text;
      return right[i] ? shown.padStart(room) : shown.padEnd(room);
    }).join("  ").slice(0, width).trimEnd();
  return { title: line(titles), rows: cells.map((row) => line(row.map(({ text }) => text))) };
}

function compare({ value: a }: Cell, { value: b }: Cell): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a) < String(b) ? -1 : Number(String(a) > String(b));
}

/** Characters that a column of text keeps at least. */
const MIN_TEXT = 6;

/** Narrows the widest column of text until all columns fit. */
function fit(widths: number[], right: readonly boolean[], width: number): void {
  const all = () => widths.reduce((sum, one) => sum + one, 2 * (widths.length - 1));
  while (all() > width) {
    let widest = -1;
    widths.forEach((one, i) => {
      if (right[i] !== true && one > MIN_TEXT && one > (widths[widest] ?? 0)) widest = i;
    });
    if (widest < 0) return;
    widths[widest] = Math.max(MIN_TEXT, widths[widest]! - Math.max(1, all() - width));
  }
}
