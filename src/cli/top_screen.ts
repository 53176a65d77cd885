/**
 * Draws the screen of `shunt top` as lines, from what is known and what the keys chose. Pure: knows no
 * terminal.
 *
 * @module
 */

import type { LiveAnswer } from "../admin/answers.ts";
import type { TrafficAnswer } from "../admin/traffic.ts";
import type { View } from "../admin/view.ts";
import { formatAge, formatByteRate, formatRate } from "../admin/units.ts";
import { harmless } from "./table.ts";
import { TOP_VIEWS, type TopState, type TopView } from "./top_state.ts";
import {
  layOut,
  LISTENER_COLUMNS,
  LIVE_COLUMNS,
  TARGET_COLUMNS,
  type TopTable,
} from "./top_tables.ts";

/** What is known of a running shunt. */
export interface TopFacts {
  readonly address: string;
  readonly traffic: TrafficAnswer;
  readonly view: View;
  /** Sessions and flows that fit the filter; only some if there are many. */
  readonly lives: readonly LiveAnswer[];
  /** Why it did not answer the last time. */
  readonly trouble: string | undefined;
}

/** The terminal's size, and whether it shows colors. */
export interface TopScreen {
  readonly width: number;
  readonly height: number;
  readonly color: boolean;
}

/** A screen, and how much of the table is on it. */
export interface TopPicture {
  readonly lines: readonly string[];
  readonly rows: number;
  readonly height: number;
}

/** Columns of each view. */
export const TOP_COLUMNS: Readonly<Record<TopView, number>> = {
  listeners: LISTENER_COLUMNS.length,
  targets: TARGET_COLUMNS.length,
  sessions: LIVE_COLUMNS.length,
};

/** Lines other than rows of the table. */
const FRAME = 5;

const KEYS = "q quit  1 2 3 view  < > sort  r reverse  / filter  up down scroll";
const TYPING_KEYS = "enter keep  escape clear";

/** ECMA-48, section 8.3.117: bold and reversed. */
const STYLES = { title: "\x1b[7m", strong: "\x1b[1m", bad: "\x1b[1;31m" } as const;

/** Draws the screen: as many lines as it has, none wider than it. */
export function draw(facts: TopFacts, state: TopState, screen: TopScreen): TopPicture {
  const { width, height, color } = screen;
  const { title, rows } = tableOf(facts, state, width);
  const room = Math.max(0, height - FRAME);
  const scroll = Math.min(state.scroll, Math.max(0, rows.length - room));
  const seen = rows.slice(scroll, scroll + room);
  const line = (text: string, style?: keyof typeof STYLES) => {
    const cut = harmless(text).slice(0, width);
    if (!color || style === undefined) return cut;
    return `${STYLES[style]}${style === "title" ? cut.padEnd(width) : cut}\x1b[0m`;
  };
  const blank = Array.from({ length: room - seen.length }, () => "");
  const rest = rows.length > room
    ? `  ${scroll + 1}-${scroll + seen.length} of ${rows.length}`
    : "";
  const lines = [
    line(headOf(facts), facts.trouble === undefined ? "strong" : "bad"),
    line(totalsOf(facts)),
    line(choiceOf(facts, state)),
    line(title, "title"),
    ...seen.map((row) =>
      line(row, state.view === "targets" && / (?:down|ejected) /.test(row) ? "bad" : undefined)
    ),
    ...blank,
    line(`${state.typing ? TYPING_KEYS : KEYS}${rest}`),
  ];
  return { lines: lines.slice(0, height), rows: rows.length, height: room };
}

function tableOf({ view, lives }: TopFacts, state: TopState, width: number): TopTable {
  const options = { sort: state.sorts[state.view], filter: state.filter, width };
  switch (state.view) {
    case "listeners":
      return layOut(LISTENER_COLUMNS, view.listeners, options);
    case "targets":
      return layOut(TARGET_COLUMNS, view.targets, options);
    case "sessions":
      // The admin address has filtered them, also by fields that have no column.
      return layOut(LIVE_COLUMNS, lives, { ...options, filter: "" });
  }
}

function headOf({ traffic, address, trouble }: TopFacts): string {
  if (trouble !== undefined) return `No answer: ${trouble}`;
  const { version, state, pid, uptime_s, io, workers } = traffic;
  return `shunt ${version} is ${state}: pid ${pid}, up ${formatAge(uptime_s)}, io ${io}, workers ` +
    `${workers}, admin ${address}`;
}

function totalsOf({ view: { all, protocols } }: TopFacts): string {
  const busy = protocols.filter(({ rate = 0 }) => rate > 0).slice(0, 4)
    .map(({ name, rate }) => `${name} ${formatRate(rate)}`);
  return [
    `${all.sessions} sessions, ${all.flows} flows`,
    ...all.begun === undefined ? [] : [
      `new ${formatRate(all.begun)}${busy.length === 0 ? "" : ` (${busy.join(", ")})`}`,
      `up ${formatByteRate(all.up)}`,
      `down ${formatByteRate(all.down)}`,
    ],
  ].join("  ");
}

function choiceOf({ lives, view: { all } }: TopFacts, { view, filter, typing }: TopState): string {
  const views = TOP_VIEWS.map((name, i) =>
    name === view ? `[${i + 1} ${name}]` : ` ${i + 1} ${name} `
  );
  const more = view === "sessions" && filter === "" && lives.length < all.sessions + all.flows
    ? `  the first ${lives.length} of ${all.sessions + all.flows}`
    : "";
  const text = typing ? `  filter: ${filter}_` : filter === "" ? "" : `  filter: ${filter}`;
  return `${views.join("")}${text}${more}`;
}
