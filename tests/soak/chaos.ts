/**
 * What goes wrong and what changes during a soak: targets are killed, restarted and drained, the
 * configuration is reloaded in each way. Knows the processes, not the traffic.
 *
 * @module
 */

import type { Outages } from "./checks.ts";
import { until } from "./child.ts";
import { BROKEN, type ConfigParts, configText } from "./config.ts";
import { between, type Random } from "./random.ts";
import type { AccessLine, LogLine, Shunt } from "./shunt.ts";
import { startOf } from "./shunt.ts";
import { pause } from "./tally.ts";
import type { TargetProcess } from "./targets.ts";

/** A time in which a target took nothing. */
interface Window {
  readonly target: string;
  readonly from: number;
  to: number;
}

/** Milliseconds within which workers have heard of a drain, and a kernel of a death. */
const SETTLE_MS = 300;
/** One in this many reloads has a broken file. */
const BROKEN_EVERY = 8;

/** When targets were down or drained. */
export class Windows implements Outages {
  readonly downs: Window[] = [];
  readonly drains: Window[] = [];

  down(target: string, from: number, to: number): boolean {
    return this.downs.some((window) =>
      window.target === target && from <= window.to + SETTLE_MS && to >= window.from - SETTLE_MS
    );
  }

  drained({ upstream, target, id, detect_ms = 0 }: AccessLine): boolean {
    const at = startOf(id) + detect_ms;
    return upstream === "raw" &&
      this.drains.some((window) => window.target === target && at > window.from && at < window.to);
  }
}

/** What shunt's log said of reloads. */
export class Reloads {
  readonly done: Map<string, number> = new Map();
  unchanged = 0;
  refused = 0;
  /** Set while a file is there that must be refused. */
  broken = false;

  /** How many have changed something. */
  get total(): number {
    return [...this.done.values()].reduce((sum, count) => sum + count, 0);
  }

  /**
   * Takes a line of the log.
   *
   * @param line The line
   * @returns Whether it is about a reload, and nothing that should not be
   */
  take({ message, cause }: LogLine): boolean {
    switch (message) {
      case "Reloaded":
        this.done.set(String(cause), (this.done.get(String(cause)) ?? 0) + 1);
        return true;
      case "Reload: nothing has changed":
        this.unchanged++;
        return true;
      case "Reload refused; what was running goes on":
        this.refused++;
        return this.broken;
      default:
        return false;
    }
  }
}

/** What chaos works on. */
export interface ChaosParts {
  readonly shunt: Shunt;
  readonly file: string;
  readonly config: ConfigParts;
  readonly reloads: Reloads;
  readonly windows: Windows;
  /** Those that may be killed. */
  readonly mortal: readonly TargetProcess[];
  readonly random: Random;
  /** Factor of all waits: short soaks have as much in them. */
  readonly pace: number;
}

/** Makes trouble until it is stopped. */
export class Chaos {
  kills = 0;
  drains = 0;
  readonly #parts: ChaosParts;
  #round = 0;
  readonly #stop = new AbortController();
  #running: Promise<unknown> | undefined;

  /** @param parts What it works on */
  constructor(parts: ChaosParts) {
    this.#parts = parts;
  }

  /** Begins. */
  start(): void {
    this.#running = Promise.all([
      this.#repeat(2000, 4000, () => this.#reload()),
      this.#repeat(4000, 9000, () => this.#kill()),
      this.#repeat(3000, 8000, () => this.#drain()),
    ]);
    // Whoever stops it hears of it.
    this.#running.catch(() => {});
  }

  /** Ends, with everything back in place; throws what went wrong meanwhile. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #repeat(from: number, to: number, act: () => Promise<void>): Promise<void> {
    for (;;) {
      await this.#wait(from, to);
      if (this.#stop.signal.aborted) return;
      await act();
    }
  }

  /** Waits some time, or until all is to stop. */
  async #wait(from: number, to: number): Promise<void> {
    const { random, pace } = this.#parts;
    const end = performance.now() + between(random, from, to) * pace;
    while (performance.now() < end && !this.#stop.signal.aborted) await pause(50);
  }

  async #reload(): Promise<void> {
    const { shunt, file, config, reloads } = this.#parts;
    const cause = (["file", "signal", "admin"] as const)[this.#round % 3];
    if (this.#round % BROKEN_EVERY === BROKEN_EVERY - 1) await this.#breakFile();
    const { total } = reloads;
    await Deno.writeTextFile(file, configText(config, ++this.#round));
    if (cause === "signal") shunt.signal("SIGHUP");
    if (cause === "admin") {
      const [status, body] = await shunt.admin("POST", "/api/reload");
      if (status !== 200) throw new Error(`Reload answered ${status}: ${JSON.stringify(body)}`);
    }
    await until(() => reloads.total > total, `reload ${this.#round} by ${cause}`);
    // By now all reports of the broken file have come.
    reloads.broken = false;
  }

  async #breakFile(): Promise<void> {
    const { shunt, file, reloads } = this.#parts;
    reloads.broken = true;
    const { refused } = reloads;
    await Deno.writeTextFile(file, BROKEN);
    const [status] = await shunt.admin("POST", "/api/reload");
    if (status !== 422) throw new Error(`Reload of a broken file answered ${status}`);
    await until(() => reloads.refused > refused, "a refusal in the log");
    await pause(500);
  }

  async #kill(): Promise<void> {
    const { random, mortal, windows } = this.#parts;
    const victim = mortal[between(random, 0, mortal.length - 1)]!;
    const from = Date.now();
    const outage = [victim.ports.raw, victim.ports.udp].map((port) => (
      { target: `127.0.0.1:${port}`, from, to: Infinity }
    ));
    windows.downs.push(...outage);
    await victim.kill();
    this.kills++;
    await this.#wait(800, 2500);
    await victim.start();
    const to = Date.now();
    for (const window of outage) window.to = to;
  }

  async #drain(): Promise<void> {
    const { shunt, random, windows, config: { targets } } = this.#parts;
    const name = random() < 0.5 ? "a" : "b";
    const target = `127.0.0.1:${targets[name].raw}`;
    await this.#setTarget(shunt, target, "drain");
    const window = { target, from: Date.now() + SETTLE_MS, to: Infinity };
    windows.drains.push(window);
    this.drains++;
    await this.#wait(2000, 4000);
    window.to = Date.now();
    await this.#setTarget(shunt, target, "ready");
  }

  async #setTarget(shunt: Shunt, target: string, state: string): Promise<void> {
    const path = `/api/upstreams/raw/targets/${encodeURIComponent(target)}`;
    const [status, body] = await shunt.admin("PATCH", path, { state });
    if (status !== 200) throw new Error(`PATCH answered ${status}: ${JSON.stringify(body)}`);
  }
}
