/**
 * The list of sessions and flows: search, pages, and updates while it is shown.
 *
 * @module
 */

/// <reference lib="dom" />

import { formatAge, formatBytes } from "../units.ts";
import type { LiveAnswer } from "../answers.ts";
import { ask } from "./client.ts";
import { withToken } from "./dialogs.ts";
import { byId, type Column, setText, Table } from "./dom.ts";

/** Rows of a page; fewer on a phone, where each row is a card. */
const PAGE = matchMedia("(max-width: 47rem)").matches ? 20 : 50;
/** Milliseconds without a key after which the search starts. */
const TYPING_MS = 250;

interface Page {
  readonly total: number;
  readonly items: readonly LiveAnswer[];
  readonly next: string | null;
}

/** What is known of the client from its first bytes. */
function nameOf({ sni, host, alpn, ja4 }: LiveAnswer): string {
  return [
    sni ?? host ?? "",
    alpn === undefined ? "" : alpn.join(", "),
    sni === undefined ? "" : ja4,
  ]
    .filter((part) => part !== "").join("\n");
}

const COLUMNS: readonly Column<LiveAnswer>[] = [
  { name: "Source", kind: "head", text: ({ source }) => source },
  { name: "Listener", text: ({ listener }) => listener },
  { name: "Protocol", text: ({ protocol }) => protocol ?? "" },
  { name: "Name, ALPN, JA4", kind: "lines", text: nameOf },
  {
    name: "Target",
    kind: "lines",
    text: ({ upstream, target }) =>
      [upstream, target].filter((part) => part !== undefined).join("\n"),
  },
  { name: "Up", kind: "number", text: ({ bytes_up }) => formatBytes(bytes_up) },
  { name: "Down", kind: "number", text: ({ bytes_down }) => formatBytes(bytes_down) },
  { name: "Age", kind: "number", text: ({ age_ms }) => formatAge(age_ms / 1000) },
];

/** The list. */
export class Live {
  readonly #form = byId("search", HTMLFormElement);
  readonly #text = byId("text", HTMLInputElement);
  readonly #found = byId("found", HTMLElement);
  readonly #first = byId("first", HTMLButtonElement);
  readonly #next = byId("next", HTMLButtonElement);
  readonly #table: Table<LiveAnswer>;
  /** The page's number, from 1, and the id that it starts after. */
  #page = 1;
  #after = "";
  #following: string | null = null;
  /** Counts requests, so that a late answer to an old one is ignored. */
  #asked = 0;
  #typing: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    this.#table = new Table(byId("lives", HTMLTableElement), COLUMNS, {
      key: ({ id }) => id,
      empty: "Nothing matches now",
    });
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#turn(1, "");
    });
    this.#form.addEventListener("change", () => this.#turn(1, ""));
    this.#text.addEventListener("input", () => {
      clearTimeout(this.#typing);
      this.#typing = setTimeout(() => this.#turn(1, ""), TYPING_MS);
    });
    this.#first.addEventListener("click", () => this.#turn(1, ""));
    this.#next.addEventListener("click", () => this.#turn(this.#page + 1, this.#following ?? ""));
  }

  #turn(page: number, after: string): void {
    clearTimeout(this.#typing);
    this.#page = page;
    this.#after = after;
    // The page's state shows the error.
    this.refresh(true).catch(() => {});
  }

  /**
   * Requests the current page again.
   *
   * @param announce Whether to announce the result, since the user asked for it
   * @throws {Error} if shunt does not answer or refuses
   */
  async refresh(announce = false): Promise<void> {
    const kind = String(new FormData(this.#form).get("kind"));
    const query = new URLSearchParams({ limit: String(PAGE) });
    if (this.#after !== "") query.set("after", this.#after);
    const text = this.#text.value.trim();
    if (text !== "") query.set("q", text);
    const asked = ++this.#asked;
    const page = await withToken(() => ask(`/api/${kind}?${query}`)) as Page;
    if (asked !== this.#asked) return;
    this.#table.show(page.items);
    this.#following = page.next;
    this.#able(this.#first, this.#page > 1);
    this.#able(this.#next, page.next !== null);
    const live = `${page.total} ${kind} running in all`;
    const found = `Page ${this.#page}: ${page.items.length} ${
      text === "" ? "shown" : "found"
    }, ${live}`;
    // Announcing it every second would be too much for a listener.
    this.#found.setAttribute("aria-live", announce ? "polite" : "off");
    setText(this.#found, found);
  }

  /** A button that has the focus and becomes disabled passes the focus on. */
  #able(button: HTMLButtonElement, able: boolean): void {
    const focused = document.activeElement === button;
    button.disabled = !able;
    if (focused && !able) (this.#first.disabled ? this.#text : this.#first).focus();
  }
}
