/**
 * Keeps a running shunt: reloads it, tells the admin address and the service manager how it is, and
 * drains it. Knows neither signals nor the command line.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import type {
  Control,
  ReloadResult,
  RunState,
  TargetStatus,
  UpstreamStatus,
} from "../admin/control.ts";
import { type Admin, type AdminChange, startAdmin } from "../admin/server.ts";
import type { Config, FaultsConfig } from "../config/schema.ts";
import { messageOf } from "../errors.ts";
import type { BoundAddresses } from "../listen/bind.ts";
import type { LiveRecord } from "../observe/access/record.ts";
import type { Counters } from "../observe/metrics/counters.ts";
import type { LiveQuery } from "../observe/access/live.ts";
import type { Measures } from "../observe/metrics/measures.ts";
import { writeMetrics } from "../observe/metrics/metrics.ts";
import type { RunningLog } from "../observe/log/log.ts";
import type { Active, Proxy } from "../control/proxy.ts";
import { FULL_SHARE } from "../resolve/standing.ts";
import type { Target } from "../resolve/upstream.ts";
import { inSlices } from "../slices.ts";
import { within } from "../within.ts";
import type { ConfigFile } from "./config_file.ts";
import type { Notifier } from "./notify.ts";
import { ProcessBook } from "./process_measures.ts";

const logger = getLogger(["shunt", "run"]);

/** Milliseconds that a reload under way may take once shunt is to drain: its file may never be read. */
const RELOAD_MS = 3000;

/** Milliseconds in which whoever asked whether it would hand over has it do so. */
const ASKED_MS = 30_000;

/** What a supervisor keeps. */
export interface SupervisorParts {
  readonly proxy: Proxy;
  readonly log: RunningLog;
  readonly notifier: Notifier;
  /**
   * Reads and checks the configuration.
   *
   * @param text What is in the file; read from it unless given
   */
  readonly load: (text?: string) => Promise<ConfigFile>;
}

/** Whoever asks for a reload. */
export type ReloadCause = "signal" | "file" | "admin";

/** A running shunt, kept. */
export class Supervisor implements Control {
  state: RunState = "starting";
  readonly startedAt: Date = new Date();
  readonly #began = performance.now();
  readonly #parts: SupervisorParts;
  /** What the file says. */
  #configured: Config;
  #admin: Admin | undefined;
  #watchdog: ReturnType<typeof setInterval> | undefined;
  #ticks: readonly number[] = [];
  readonly #book = new ProcessBook();
  /** Reloads come one after the other. */
  #reloading: Promise<unknown> = Promise.resolve();
  readonly #drainAsked = Promise.withResolvers<void>();
  /** Faults that were set at the admin address, by upstream; reloads keep them. */
  readonly #faults = new Map<string, FaultsConfig>();
  #asked: ReturnType<typeof setTimeout> | undefined;
  /** Whether another shunt takes over. */
  #handOver = false;
  /** Settles once nobody is given metrics. */
  #metrics: Promise<void> = Promise.resolve();
  /** The process that this one has taken over from, while it has not ended. */
  predecessor: number | undefined;

  /** @param parts What it keeps */
  constructor(parts: SupervisorParts) {
    this.#parts = parts;
    this.#configured = parts.proxy.config;
  }

  /** Settles once somebody asks for a drain at the admin address. */
  get drainAsked(): Promise<void> {
    return this.#drainAsked.promise;
  }

  /** Where the admin address is, or null where it is off. */
  get adminAddress(): string | null {
    return this.#admin?.address ?? null;
  }

  /**
   * Opens the admin address.
   *
   * @throws {ShuntError} if it cannot be bound, or its token cannot be read
   */
  async openAdmin(): Promise<void> {
    this.#admin = await startAdmin(this.config.admin, this);
  }

  /** Opens the admin address, which another shunt may have still: it has left the rest to this one. */
  async takeAdmin(): Promise<void> {
    try {
      this.#admin = await startAdmin(this.config.admin, this, { takeOver: true });
    } catch (error) {
      // Ending now would leave the listeners to nobody.
      logger.error("shunt runs without its admin address; a reload tries it again", {
        error: messageOf(error),
      });
      this.#admin = await startAdmin(null, this);
    }
  }

  /** All is bound: says so. */
  ready(): void {
    const { notifier } = this.#parts;
    this.state = "ready";
    notifier.ready(`Listening: ${Object.keys(this.addresses).join(", ")}`);
    if (notifier.watchdogMs !== undefined) {
      this.#watchdog = setInterval(() => this.#pat(), notifier.watchdogMs);
    }
  }

  /** The manager hears of life only while every worker's clock ticks. */
  #pat(): void {
    const ticks = this.#parts.proxy.ticks();
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
    const drained = this.#parts.proxy.drain({ handOver: this.#handOver });
    // Its address is the other's now.
    if (this.#handOver) await this.#admin?.close();
    const cut = await drained;
    await this.#admin?.close();
    return cut;
  }

  /** Ends at once, also while draining. */
  async close(): Promise<void> {
    this.state = "draining";
    clearInterval(this.#watchdog);
    await this.#parts.proxy.close();
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
    const { load, proxy, log } = this.#parts;
    try {
      const { config, problems } = await load(text);
      if (config === undefined) return { ok: false, problems };
      for (const problem of problems) logger.warn("The configuration has a warning", { problem });
      const nextLog = await log.prepare(config.log);
      let admin: AdminChange | undefined;
      try {
        admin = await this.#admin?.prepare(config.admin);
        const changed = await proxy.reload(this.#withFaults(config));
        this.#configured = config;
        for (const name of this.#faults.keys()) {
          if (!Object.hasOwn(config.upstreams, name)) this.#faults.delete(name);
        }
        admin?.commit();
        nextLog.commit();
        return { ok: true, changed };
      } catch (error) {
        nextLog.abandon();
        await admin?.abandon();
        throw error;
      }
    } catch (error) {
      return { ok: false, problems: [messageOf(error)] };
    }
  }

  async setFaults(upstream: string, faults: FaultsConfig | null): Promise<boolean> {
    if (!Object.hasOwn(this.config.upstreams, upstream)) return false;
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
      await this.#parts.proxy.reload(this.#withFaults(this.#configured));
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
    return `Process ${this.predecessor}, which this one took over from, still drains; try again ` +
      "once it has ended";
  }

  async prepareHandOver(): Promise<void> {
    const { proxy } = this.#parts;
    await proxy.steer({ first: 0, count: proxy.workers });
    clearTimeout(this.#asked);
    this.#asked = setTimeout(() => {
      if (!this.#handOver) void proxy.steer(undefined);
    }, ASKED_MS);
    Deno.unrefTimer(this.#asked);
  }

  drain(handOver: boolean): void {
    this.#handOver ||= handOver;
    // One that drains already is to free its address now; the answer to this is still given.
    if (handOver && this.state === "draining") void this.#admin?.close();
    this.state = "draining";
    this.#drainAsked.resolve();
  }

  get uptime(): number {
    return performance.now() - this.#began;
  }

  get config(): Config {
    return this.#parts.proxy.config;
  }

  get addresses(): Readonly<Record<string, BoundAddresses>> {
    return this.#parts.proxy.addresses;
  }

  get io(): string {
    return this.#parts.proxy.io;
  }

  get workers(): number {
    return this.#parts.proxy.workers;
  }

  stats(): Readonly<Record<string, Counters>> {
    return this.#parts.proxy.stats();
  }

  totals(): Counters {
    return this.#parts.proxy.totals();
  }

  active(): Active {
    return this.#parts.proxy.active();
  }

  live(query: LiveQuery): Promise<LiveRecord[]> {
    return this.#parts.proxy.live(query);
  }

  setTarget(upstream: string, target: string, state: "ready" | "drain"): boolean {
    const found = this.#parts.proxy.setTarget(upstream, target, state);
    if (found) logger.info("Target set by the admin address", { upstream, target, state });
    return found;
  }

  upstreams(): UpstreamStatus[] {
    return this.#parts.proxy.upstreams().map(({ name, config, targets }) => ({
      name,
      balance: config.balance,
      targets: targets.map((target) => this.#targetStatus(name, target)),
    }));
  }

  #targetStatus(upstream: string, target: Target): TargetStatus {
    const { name, weight, backup, standing, sessions, flows } = target;
    const report = this.#parts.proxy.health(upstream, name);
    return {
      target: name,
      weight,
      backup,
      state: standing.is("drain") ? "drain" : "ready",
      health: report?.health ?? "unchecked",
      since: report === undefined ? undefined : at(report.since),
      last_error: report?.lastError,
      sessions: sessions.total,
      flows: flows.total,
      share: standing.share / FULL_SHARE,
    };
  }

  metrics(): Promise<Blob> {
    // One after the other: what several write at once would have to be held at once.
    const text = this.#metrics.then(() => inSlices(writeMetrics(this.measures())))
      .then((parts) => new Blob(parts));
    this.#metrics = text.then(() => {}, () => {});
    return text;
  }

  /** What was counted, as of now. */
  measures(): Measures {
    const measures = this.#parts.proxy.measures();
    const { io, startedAt, state } = this;
    const { ticks } = measures;
    const ready = state === "ready";
    const process = this.#book.measures({ io, startedAt, ticks, ready, admin: this.#admin });
    return { ...measures, process };
  }
}

/** The wall-clock time of a time that `performance.now()` gave. */
function at(time: number): string {
  return new Date(Date.now() - (performance.now() - time)).toISOString();
}
