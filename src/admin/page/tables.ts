/**
 * The tables of traffic: totals, listeners, targets, protocols, reasons. Knows rows, not where they come
 * from.
 *
 * @module
 */

/// <reference lib="dom" />

import { formatAge, formatByteRate, formatRate } from "../units.ts";
import type { CountRow, LifeRow, Rates, TargetRow, View } from "../view.ts";
import { byId, type Column, setText, showBadge, Table } from "./dom.ts";

function moving<
  Row extends Rates & { readonly sessions: number; readonly flows: number },
>(): Column<
  Row
>[] {
  return [
    { name: "Sessions", kind: "number", text: ({ sessions }) => String(sessions) },
    { name: "Flows", kind: "number", text: ({ flows }) => String(flows) },
    { name: "New", kind: "number", text: ({ begun }) => formatRate(begun) },
    { name: "Up", kind: "number", text: ({ up }) => formatByteRate(up) },
    { name: "Down", kind: "number", text: ({ down }) => formatByteRate(down) },
  ];
}

const LISTENERS: readonly Column<LifeRow>[] = [
  { name: "Listener", kind: "head", text: ({ name }) => name },
  { name: "Addresses", kind: "lines", text: ({ addresses }) => addresses.join("\n") },
  ...moving<LifeRow>(),
];

const TONES = { up: "good", unchecked: "quiet", ejected: "bad", down: "bad" } as const;

function healthText({ share, since, last_error, health }: TargetRow): string {
  const healthy = health === "up" || health === "unchecked";
  const parts = [
    share < 1 ? `starts slowly: ${Math.round(100 * share)} %` : "",
    healthy || since === undefined ? "" : `for ${formatAge(Math.max(0, age(since)))}`,
    healthy ? "" : last_error ?? "",
  ];
  return parts.filter((part) => part !== "").join(": ");
}

function age(since: string): number {
  return (Date.now() - Date.parse(since)) / 1000;
}

/** Fills a cell with a badge and a text about it. */
function badged(cell: Element, badge: readonly [word: string, tone: string], text: string): void {
  showBadge(cell, ...badge);
  const more = cell.querySelector(".more") ?? cell.appendChild(document.createElement("span"));
  more.className = "more";
  setText(more, text === "" ? "" : ` ${text}`);
}

function targetColumns(change: (row: TargetRow) => Promise<void>): readonly Column<TargetRow>[] {
  return [
    { name: "Target", kind: "head", text: ({ target }) => target },
    {
      name: "Upstream",
      text: ({ upstream, backup }) => backup ? `${upstream} (backup)` : upstream,
    },
    {
      name: "Health",
      text: healthText,
      fill: (cell, row) => badged(cell, [row.health, TONES[row.health]], healthText(row)),
    },
    {
      name: "State",
      text: ({ state }) => state,
      fill: (cell, { state }) =>
        showBadge(
          cell,
          state === "drain" ? "drained" : "in use",
          state === "drain" ? "warn" : "quiet",
        ),
    },
    ...moving<TargetRow>(),
    { name: "Failures", kind: "number", text: ({ failures }) => String(failures) },
    { name: "", text: () => "", fill: (cell, row) => changer(cell, row, change) },
  ];
}

/** The current row of each button. */
const rowOf = new WeakMap<HTMLButtonElement, TargetRow>();

function changer(
  cell: HTMLTableCellElement,
  row: TargetRow,
  change: (row: TargetRow) => Promise<void>,
): void {
  let button = cell.querySelector("button");
  if (button === null) {
    button = document.createElement("button");
    button.type = "button";
    button.addEventListener("click", ({ currentTarget }) => {
      const row = rowOf.get(currentTarget as HTMLButtonElement);
      if (row !== undefined) void change(row);
    });
    cell.className = "plain";
    cell.append(button);
  }
  rowOf.set(button, row);
  const action = row.state === "drain" ? "Take back" : "Drain";
  setText(button, action);
  button.setAttribute("aria-label", `${action} ${row.target} of upstream ${row.upstream}`);
}

function counts(name: string): readonly Column<CountRow>[] {
  return [
    { name, kind: "head", text: (row) => row.name },
    { name: "Per second", kind: "number", text: ({ rate }) => formatRate(rate) },
    { name: "In all", kind: "number", text: ({ total }) => String(total) },
  ];
}

function countTable(id: string, name: string, empty: string): Table<CountRow> {
  const key = (row: CountRow) => row.name;
  return new Table(byId(id, HTMLTableElement), counts(name), { key, empty });
}

/** All tables of traffic. */
export class Tables {
  readonly #now = byId("now", HTMLElement);
  readonly #listeners: Table<LifeRow>;
  readonly #targets: Table<TargetRow>;
  readonly #protocols = countTable("protocols", "Protocol", "None yet");
  readonly #closes = countTable("closes", "Reason", "Nothing has ended yet");
  readonly #drops = countTable("drops", "Reason", "Nothing was dropped");

  /** @param change Drains a target, or takes it back */
  constructor(change: (row: TargetRow) => Promise<void>) {
    this.#listeners = new Table(byId("listeners", HTMLTableElement), LISTENERS, {
      key: ({ name }) => name,
      empty: "There is no listener",
    });
    this.#targets = new Table(byId("targets", HTMLTableElement), targetColumns(change), {
      key: ({ upstream, target }) => `${upstream}\n${target}`,
      empty: "There is no target",
    });
  }

  /** Shows the current view. */
  show(view: View): void {
    const { sessions, flows, begun, up, down } = view.all;
    this.#showNow([
      ["sessions", String(sessions)],
      ["flows", String(flows)],
      ["new", formatRate(begun)],
      ["up, to targets", formatByteRate(up)],
      ["down, to clients", formatByteRate(down)],
    ]);
    this.#listeners.show(view.listeners);
    this.#targets.show(view.targets);
    this.#protocols.show(view.protocols);
    this.#closes.show(view.closes);
    this.#drops.show(view.drops);
  }

  #showNow(facts: readonly (readonly [string, string])[]): void {
    facts.forEach(([name, value], i) => {
      let fact = this.#now.children[i];
      if (fact === undefined) {
        fact = document.createElement("div");
        fact.append(document.createElement("dt"), document.createElement("dd"));
        this.#now.append(fact);
      }
      setText(fact.children[0]!, name);
      setText(fact.children[1]!, value);
    });
  }
}
