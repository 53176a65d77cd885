/**
 * `shunt top`: shows how a running shunt is doing, updated every second.
 *
 * @module
 */

import { type LiveAnswer, LivePageSchema } from "../admin/answers.ts";
import { type TrafficAnswer, TrafficSchema } from "../admin/traffic.ts";
import { viewOf } from "../admin/view.ts";
import { messageOf } from "../errors.ts";
import {
  ADMIN_HELP,
  ADMIN_OPTIONS,
  type AdminClient,
  expectBody,
  openAdmin,
} from "../service/admin_client.ts";
import { statusVerb } from "./status.ts";
import { draw, TOP_COLUMNS, type TopFacts } from "./top_screen.ts";
import { keysOf, press, TOP_START, type TopShown, type TopState } from "./top_state.ts";
import type { Options, Terminal } from "../service/options.ts";
import type { Verb } from "./verb.ts";

const HELP = `Usage: shunt top [-c FILE | --admin ADDRESS]

Shows how a running shunt is doing, updated every second: by listener, by target, by session and flow.
If standard input or output is not a terminal, it prints "shunt status" once instead.

${ADMIN_HELP}

Keys: q quits, 1 2 3 or Tab choose the view, < > or the arrows choose the column to sort by, r reverses
the order, / filters rows by a text, up and down scroll.

Exit codes: 0 quit by key or signal, 1 no answer, 2 bad usage or bad configuration`;

const POLL_MS = 1000;
/** Most sessions, and flows, to ask for: more than anyone scrolls through. */
const MAX_LIVES = 500;

/** The other screen, without a cursor; and back. */
const ENTER = "\x1b[?1049h\x1b[?25l";
const LEAVE = "\x1b[?25h\x1b[?1049l";

const SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT"]
  : ["SIGINT", "SIGTERM", "SIGHUP"];

async function run(options: Options, terminal: Terminal): Promise<number> {
  if (!Deno.stdin.isTerminal() || !Deno.stdout.isTerminal()) {
    terminal.err("Standard input or output is not a terminal: showing the status once");
    return await statusVerb.run(options, terminal);
  }
  const admin = await openAdmin(options);
  const first = await trafficOf(admin);
  await new Top(admin, first).run();
  return 0;
}

async function trafficOf(admin: AdminClient): Promise<TrafficAnswer> {
  return expectBody(await admin.ask("GET", "/api/traffic"), TrafficSchema);
}

async function livesOf(admin: AdminClient, filter: string): Promise<LiveAnswer[]> {
  const query = new URLSearchParams({ limit: String(MAX_LIVES) });
  if (filter !== "") query.set("q", filter);
  const ask = async (kind: "sessions" | "flows") =>
    expectBody(await admin.ask("GET", `/api/${kind}?${query}`), LivePageSchema).items;
  return [...await ask("sessions"), ...await ask("flows")];
}

/** The terminal while it is ours. */
class Top {
  readonly #admin: AdminClient;
  #state: TopState = TOP_START;
  #facts: TopFacts;
  #shown: TopShown = { columns: TOP_COLUMNS, rows: 0, height: 0 };
  readonly #over = Promise.withResolvers<void>();
  /** Counts requests for sessions and flows: an answer to another view or filter comes too late. */
  #asked = 0;
  #polling = false;

  constructor(admin: AdminClient, traffic: TrafficAnswer) {
    this.#admin = admin;
    const { address } = admin;
    this.#facts = { address, traffic, view: viewOf(traffic), lives: [], trouble: undefined };
  }

  /** Shows it until a key or signal ends it; then restores the terminal, whatever happened. */
  async run(): Promise<void> {
    const end = () => this.#over.resolve();
    const redraw = () => this.#draw();
    for (const signal of SIGNALS) Deno.addSignalListener(signal, end);
    if (Deno.build.os !== "windows") Deno.addSignalListener("SIGWINCH", redraw);
    Deno.stdin.setRaw(true);
    const poll = setInterval(() => void this.#poll(), POLL_MS);
    try {
      write(ENTER);
      this.#draw();
      this.#listen().catch(this.#over.reject);
      await this.#over.promise;
    } finally {
      clearInterval(poll);
      for (const signal of SIGNALS) Deno.removeSignalListener(signal, end);
      if (Deno.build.os !== "windows") Deno.removeSignalListener("SIGWINCH", redraw);
      leave();
    }
  }

  async #listen(): Promise<void> {
    const decoder = new TextDecoder();
    const buffer = new Uint8Array(1024);
    for (;;) {
      const count = await Deno.stdin.read(buffer);
      if (count === null) return this.#over.resolve();
      for (const key of keysOf(decoder.decode(buffer.subarray(0, count), { stream: true }))) {
        this.#press(key);
      }
    }
  }

  #press(key: string): void {
    const { view, filter } = this.#state;
    this.#state = press(this.#state, key, this.#shown);
    if (this.#state.over) return this.#over.resolve();
    this.#draw();
    const other = this.#state.filter !== filter || this.#state.view !== view;
    // If there is no answer, the next second shows it.
    if (other) this.#pollLives().catch(() => {});
  }

  /** Every second, unless the last answer is still on its way. */
  async #poll(): Promise<void> {
    if (this.#polling) return;
    this.#polling = true;
    try {
      const traffic = await trafficOf(this.#admin);
      const view = viewOf(traffic, this.#facts.traffic);
      this.#facts = { ...this.#facts, traffic, view, trouble: undefined };
      await this.#pollLives();
    } catch (error) {
      this.#facts = { ...this.#facts, trouble: messageOf(error) };
    }
    this.#polling = false;
    this.#draw();
  }

  async #pollLives(): Promise<void> {
    const { view, filter } = this.#state;
    if (view !== "sessions") return;
    const asked = ++this.#asked;
    const lives = await livesOf(this.#admin, filter);
    if (asked !== this.#asked) return;
    this.#facts = { ...this.#facts, lives };
    this.#draw();
  }

  #draw(): void {
    try {
      const { columns: width, rows: height } = Deno.consoleSize();
      const screen = { width, height, color: !Deno.noColor };
      const picture = draw(this.#facts, this.#state, screen);
      this.#shown = { columns: TOP_COLUMNS, rows: picture.rows, height: picture.height };
      write(`\x1b[H${picture.lines.map((line) => `${line}\x1b[K`).join("\r\n")}\x1b[J`);
    } catch {
      // The terminal is gone.
      this.#over.resolve();
    }
  }
}

function write(text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let written = 0; written < bytes.length;) {
    written += Deno.stdout.writeSync(bytes.subarray(written));
  }
}

function leave(): void {
  try {
    Deno.stdin.setRaw(false);
    write(LEAVE);
  } catch {
    // A terminal that is gone needs no restoring.
  }
}

/** The verb `top`. */
export const topVerb: Verb = {
  name: "top",
  summary: "show how a running shunt is doing, live",
  help: HELP,
  options: ADMIN_OPTIONS,
  run,
};
