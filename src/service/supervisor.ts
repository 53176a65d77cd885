/**
 * Supervises a running shunt: reloads it, reports its state to the admin address and the service manager, and
 * drains it. Knows neither signals nor the command line.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import type { UpstreamAnswer } from "../admin/answers.ts";
import type { Control, ReloadResult, RunState } from "../admin/control.ts";
import { type Admin, startAdmin } from "../admin/server.ts";
import { upstreamsOf } from "../admin/status.ts";
import type { Config, FaultsConfig } from "../config/schema.ts";
import { messageOf } from "../errors.ts";
import type { Measures } from "../observe/metrics/measures.ts";
import { writeMetrics } from "../observe/metrics/metrics.ts";
import type { RunningLog } from "../observe/log/log.ts";
import type { Proxy } from "../control/proxy.ts";
import type { Prepared } from "../prepared.ts";
import { inSlices } from "../slices.ts";
import { within } from "../within.ts";
import type { ConfigFile } from "./config_file.ts";
import type { Notifier } from "./notify.ts";
import { ProcessBook } from "./process_measures.ts";

const logger = getLogger(["shunt", "run"]);

/** Milliseconds that a reload may still take once a drain begins: reading its file may never end. */
const RELOAD_MS = 3000;

/** Milliseconds in which a shunt that has asked has to take over. */
const ASKED_MS = 30_000;

/** What a supervisor needs. */
export interface SupervisorParts {
  readonly proxy: Proxy;
  readonly log: RunningLog;
  readonly notifier: Notifier;
  /** Reads and checks the configuration; reads the file unless its text is given. */
  readonly load: (text?: string) => Promise<ConfigFile>;
}

/** What caused a reload. */
export type ReloadCause = "signal" | "file" | "admin";

/** Supervises a running shunt. */
export class Supervisor implements Control {
  readonly proxy: Proxy;
  state: RunState = "starting";
  readonly startedAt: Date = new Date();
  readonly #began = performance.now();
  readonly #parts: SupervisorParts;
  /** The configuration of the file. */
  #configured: Config;
  #admin: Admin | undefined;
  #watchdog: ReturnType<typeof setInterval> | undefined;
  #ticks: readonly number[] = [];
  readonly #book = new ProcessBook();
  /** Settles once the last reload has ended: they run one after the other. */
  #reloading: Promise<unknown> = Promise.resolve();
  readonly #drainAsked = Promise.withResolvers<void>();
  /** Faults that were set at the admin address, by upstream; reloads keep them. */
  readonly #faults = new Map<string, FaultsConfig>();
  #asked: ReturnType<typeof setTimeout> | undefined;
  /** Whether another shunt takes over. */
  #handOver = false;
  /** Settles once no metrics are being written. */
  #metrics: Promise<void> = Promise.resolve();
  /** The process that this one has taken over from, until it has ended. */
  predecessor: number | undefined;

  constructor(parts: SupervisorParts) {
    this.#parts = parts;
    this.proxy = parts.proxy;
    this.#configured = parts.proxy.config;
  }

  /** Resolves once a drain is requested at the admin address. */
  get drainAsked(): Promise<void> {
    return this.#drainAsked.promise;
  }

  /** The admin address, or null if it is off. */
  get adminAddress(): string | null {
    return this.#admin?.address ?? null;
  }

  /**
   * Opens the admin address.
   *
   * @throws {ShuntError} if it cannot be bound, or its token cannot be read
   */
  async openAdmin(): Promise<void> {
    this.#admin = await startAdmin(this.proxy.config.admin, this);
  }

  /** Opens the admin address even if the shunt that handed over still has it. */
  async takeAdmin(): Promise<void> {
    try {
      this.#admin = await startAdmin(this.proxy.config.admin, this, { takeOver: true });
    } catch (error) {
      // If this process ended now, none would serve the listeners.
      logger.error("shunt runs without its admin address; a reload tries it again", {
        error: messageOf(error),
      });
      this.#admin = await startAdmin(null, this);
    }
  }

  /** Reports that everything is bound. */
  ready(): void {
    const { notifier } = this.#parts;
    this.state = "ready";
    notifier.ready(`Listening: ${Object.keys(this.proxy.addresses).join(", ")}`);
    if (notifier.watchdogMs !== undefined) {
      this.#watchdog = setInterval(() => this.#feedWatchdog(), notifier.watchdogMs);
    }
  }

  /** Feeds the manager's watchdog, but only while every worker's clock ticks. */
  #feedWatchdog(): void {
    const ticks = this.proxy.ticks();
    const alive = ticks.every((count, worker) => count !== this.#ticks[worker]);
    this.#ticks = ticks;
    if (alive) this.#parts.notifier.watchdog();
    else logger.error("A worker hangs: the watchdog is not fed", { ticks: ticks.join(",") });
  }

  /**
   * Drains and ends.
   *
   * @returns How many sessions and flows had to be closed
   */
  async stop(): Promise<number> {
    this.state = "draining";
    this.#parts.notifier.stopping();
    clearInterval(this.#watchdog);
    clearTimeout(this.#asked);
    await within(RELOAD_MS, this.#reloading);
    const drained = this.proxy.drain({ handOver: this.#handOver });
    // The admin address belongs to the other shunt now.
    if (this.#handOver) await this.#admin?.close();
    const cut = await drained;
    await this.#admin?.close();
    return cut;
  }

  /** Ends at once, also while draining. */
  async close(): Promise<void> {
    this.state = "draining";
    clearInterval(this.#watchdog);
    await this.proxy.close();
    await this.#admin?.close();
  }

  reload(cause: ReloadCause = "admin", text?: string): Promise<ReloadResult> {
    const result = this.#reloading.then(() => this.#reload(cause, text));
    this.#reloading = result;
    return result;
  }

  async #reload(cause: ReloadCause, text: string | undefined): Promise<ReloadResult> {
    const { notifier } = this.#parts;
    if (this.state === "draining") return { ok: false, problems: ["shunt is draining"] };
    notifier.reloading();
    const result = await this.#tryReload(text);
    this.#book.reloaded(
      !result.ok ? "refused" : result.changed.length > 0 ? "applied" : "unchanged",
    );
    if (!result.ok) {
      logger.error("Reload refused; what was running goes on", {
        cause,
        problems: result.problems,
      });
    } else if (result.changed.length === 0) {
      logger.info("Reload: nothing has changed", { cause });
    } else {
      logger.info("Reloaded", { cause, changed: result.changed });
    }
    notifier.ready();
    return result;
  }

  async #tryReload(text: string | undefined): Promise<ReloadResult> {
    const { load, log } = this.#parts;
    try {
      const { config, problems } = await load(text);
      if (config === undefined) return { ok: false, problems };
      for (const problem of problems) logger.warn("The configuration has a warning", { problem });
      const nextLog = await log.prepare(config.log);
      let admin: Prepared<void, Promise<void>> | undefined;
      try {
        admin = await this.#admin?.prepare(config.admin);
        const changed = await this.proxy.reload(this.#withFaults(config));
        this.#configured = config;
        for (const name of this.#faults.keys()) {
          if (!Object.hasOwn(config.upstreams, name)) this.#faults.delete(name);
        }
        admin?.commit();
        nextLog.commit();
        return { ok: true, changed };
      } catch (error) {
        nextLog.abort();
        await admin?.abort();
        throw error;
      }
    } catch (error) {
      return { ok: false, problems: [messageOf(error)] };
    }
  }

  async setFaults(upstream: string, faults: FaultsConfig | null): Promise<boolean> {
    if (!Object.hasOwn(this.proxy.config.upstreams, upstream)) return false;
    const applied = this.#reloading.then(() => this.#applyFaults(upstream, faults));
    this.#reloading = applied.catch(() => {});
    await applied;
    logger.info("Faults set by the admin address", { upstream, faults: JSON.stringify(faults) });
    return true;
  }

  async #applyFaults(upstream: string, faults: FaultsConfig | null): Promise<void> {
    const before = this.#faults.get(upstream) ?? null;
    this.#noteFaults(upstream, faults);
    try {
      await this.proxy.reload(this.#withFaults(this.#configured));
    } catch (error) {
      this.#noteFaults(upstream, before);
      throw error;
    }
  }

  #noteFaults(upstream: string, faults: FaultsConfig | null): void {
    if (faults === null) this.#faults.delete(upstream);
    else this.#faults.set(upstream, faults);
  }

  #withFaults(config: Config): Config {
    const upstreams = Object.entries(config.upstreams).map(([name, upstream]) => {
      const faults = this.#faults.get(name);
      return [name, faults === undefined ? upstream : { ...upstream, faults }];
    });
    return { ...config, upstreams: Object.fromEntries(upstreams) };
  }

  handOverRefusal(): string | undefined {
    if (this.#handOver) return "Another shunt is already taking over";
    if (this.predecessor === undefined) return undefined;
    return `Process ${this.predecessor}, from which this one took over, still drains; try again ` +
      "once it has ended";
  }

  async prepareHandOver(): Promise<void> {
    const { proxy } = this;
    await proxy.steer({ first: 0, count: proxy.workers });
    clearTimeout(this.#asked);
    this.#asked = setTimeout(() => {
      if (!this.#handOver) void proxy.steer(undefined);
    }, ASKED_MS);
    Deno.unrefTimer(this.#asked);
  }

  drain(handOver: boolean): void {
    this.#handOver ||= handOver;
    // If a drain has begun already, the address is freed now. This request is still answered.
    if (handOver && this.state === "draining") void this.#admin?.close();
    this.state = "draining";
    this.#drainAsked.resolve();
  }

  get uptime(): number {
    return performance.now() - this.#began;
  }

  setTarget(upstream: string, target: string, state: "ready" | "drain"): boolean {
    const found = this.proxy.setTarget(upstream, target, state);
    if (found) logger.info("Target set by the admin address", { upstream, target, state });
    return found;
  }

  upstreams(): UpstreamAnswer[] {
    return upstreamsOf(this.proxy);
  }

  metrics(): Promise<Blob> {
    // One after the other: otherwise several texts would be in memory at once.
    const text = this.#metrics.then(() => inSlices(writeMetrics(this.measures())))
      .then((parts) => new Blob(parts));
    this.#metrics = text.then(() => {}, () => {});
    return text;
  }

  /** Returns all counts, as of now. */
  measures(): Measures {
    const measures = this.proxy.measures();
    const process = this.#book.measures({
      io: this.proxy.io,
      startedAt: this.startedAt,
      ticks: measures.ticks,
      ready: this.state === "ready",
      admin: this.#admin,
    });
    return { ...measures, process };
  }
}
