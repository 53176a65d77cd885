/**
 * A running proxy: the control plane, which puts resolver, health, shared memory and data planes together
 * and leads them through reloads to their end.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { describeChanges } from "../config/changes.ts";
import type { Config } from "../config/schema.ts";
import { ConfigError, ShuntError } from "../errors.ts";
import { denoIo } from "../io/deno.ts";
import { socketAllowance } from "../io/descriptors.ts";
import { machineMemory } from "../io/machine_memory.ts";
import type { InheritedSocket } from "../io/libc/inherited.ts";
import { missingForLibc } from "../io/libc/symbols.ts";
import type { Io, SocketShare } from "../io/mod.ts";
import { bindKey, type BoundAddresses } from "../listen/bind.ts";
import { Clock } from "../manage/clock.ts";
import { DescriptorWatch } from "./descriptor_watch.ts";
import { memoryLimit, MemoryWatch } from "./memory_watch.ts";
import type { AccessRecord, LiveRecord } from "../observe/access/record.ts";
import { AccessLog } from "../observe/access/log.ts";
import { Counters } from "../observe/metrics/counters.ts";
import type { LiveQuery } from "../observe/access/live.ts";
import type { ProxyMeasures } from "../observe/metrics/measures.ts";
import { LeftOutTeller } from "../observe/log/left_out.ts";
import type { DrainOptions } from "../plane/messages.ts";
import { LocalPlane, type Planes } from "./planes.ts";
import { measureProxy } from "./measure.ts";
import { OwnAddresses } from "./own_addresses.ts";
import { keepPorts } from "./ports.ts";
import { makeMemory, makeSharedMemory, SharedView } from "../plane/shared.ts";
import { makeUpstreams } from "../plane/states.ts";
import { Workers } from "./workers.ts";
import { Resolver } from "../resolve/dns.ts";
import type { HealthReport } from "./health/health.ts";
import { HealthChecks } from "./health/checks.ts";
import type { Upstream } from "../resolve/upstream.ts";
import { atOnce, inSlices } from "../slices.ts";

import type { Active, Proxy, ProxyOptions } from "./proxy.ts";

const logger = getLogger(["shunt", "proxy"]);

/**
 * Reports whose sockets a configuration asks for.
 *
 * @param config The configuration
 * @throws {ShuntError} with code `io_unavailable` if libc sockets are asked for and cannot be had
 */
export function chooseIo(config: Config): Io["name"] {
  if (config.io === "deno") return "deno";
  const missing = missingForLibc();
  if (missing === undefined) return "libc";
  if (config.io === "libc") {
    throw new ShuntError(
      `Cannot use libc sockets: ${missing}; provide it, or set "io: auto" or "io: deno"`,
      { code: "io_unavailable" },
    );
  }
  logger.info("Using Deno's sockets", { instead_of: "libc", because: missing });
  return "deno";
}

/**
 * Reports how many data-plane threads a configuration asks for.
 *
 * @param config The configuration
 */
export function chooseWorkers(config: Config): number {
  if (config.workers !== "auto") return config.workers;
  // One on one or two cores; else one for each core that the control plane leaves.
  return Math.max(1, navigator.hardwareConcurrency - 1);
}

/** A listener that a reload has removed, while it still has sessions or flows. */
interface Removed {
  readonly name: string;
  readonly shared: SharedView;
}

export interface RunningOptions extends ProxyOptions {
  readonly chosen: { readonly io: Io["name"]; readonly workers: number };
}

export class RunningProxy implements Proxy {
  readonly io: Io["name"];
  readonly workers: number;
  state: "ready" | "draining" = "ready";
  readonly #options: RunningOptions;
  readonly #resolver: Resolver;
  readonly #clock = new Clock();
  readonly #leftOut = new LeftOutTeller();
  /** Set where the plane is in this thread. */
  #access: AccessLog | undefined;
  readonly #health: HealthChecks;
  readonly #descriptors: DescriptorWatch;
  readonly #memory: MemoryWatch;
  /** Bytes that the process may have at all. */
  readonly #machine = machineMemory();
  #planes: Planes | undefined;
  #config: Config;
  #shared: SharedView;
  #upstreams: ReadonlyMap<string, Upstream>;
  #removed: Removed[] = [];
  readonly #own = new OwnAddresses();
  /** What removed listeners have counted. */
  #past = new Counters();
  /** Reloads come one after the other. */
  #reloading: Promise<unknown> = Promise.resolve();

  constructor(config: Config, options: RunningOptions) {
    this.#config = config;
    this.#options = options;
    this.io = options.chosen.io;
    this.workers = options.chosen.workers;
    const current = () => this.#config.dns;
    const clock = this.#clock;
    this.#resolver = new Resolver({
      ...options.dns,
      get minTtl() {
        return current().min_ttl;
      },
      get maxTtl() {
        return current().max_ttl;
      },
      now: () => clock.now,
    });
    this.#health = new HealthChecks({ resolver: this.#resolver, now: () => clock.now });
    const maxSockets = socketAllowance();
    this.#descriptors = new DescriptorWatch(maxSockets, () => this.totals());
    const memory = makeSharedMemory(config, { workers: this.workers, maxSockets });
    this.#shared = new SharedView(memory, 0);
    this.#upstreams = atOnce(makeUpstreams(config, this.#shared));
    const sockets = this.#shared.sockets();
    this.#memory = new MemoryWatch({
      pressure: this.#shared.pressure,
      totals: () => this.totals(),
      lives: () => sockets.count.total,
      shared: this.#isLocal,
    });
  }

  /** Sockets of Deno's need no thread of their own; a libc worker blocks in its wait. */
  get #isLocal(): boolean {
    return this.workers === 1 && this.io === "deno" || this.#options.io !== undefined;
  }

  /** Binds and begins to serve. */
  async start(): Promise<void> {
    const { io, takeOver, inherited = [], onEnd, onAccess } = this.#options;
    if (inherited.length > 0 && this.io === "deno") {
      logger.warn(
        "Deno's sockets cannot use sockets from the service manager; libc's can",
        {
          sockets: inherited.map(({ transport, local }) => `${transport} ${bindKey(local)}`),
        },
      );
    }
    const common = {
      resolver: this.#resolver,
      // So that a newer shunt can bind the same addresses while this one drains.
      reusePort: Deno.build.os === "linux" && io === undefined,
      look: { exclusive: true, own: takeOver },
    };
    this.#planes = this.#isLocal
      ? new LocalPlane(this.#config, {
        ...common,
        io: io ?? denoIo,
        shared: this.#shared,
        onEnd: this.#localListener(),
        records: () => onEnd !== undefined || onAccess !== undefined && this.#config.log.access,
      })
      : await Workers.start(this.#config, {
        ...common,
        io: this.io,
        memory: this.#shared.memory,
        inherited: this.io === "libc" ? inherited : [],
        onEnd,
        onAccess,
        onLeftOut: (lines) => this.#leftOut.add(lines),
        onDeath: (worker) => {
          for (const { shared } of this.#removed) shared.clear(worker);
          this.#shared.clear(worker);
        },
      });
    if (this.io === "libc") this.#tellUnused(inherited);
    this.#health.watch(this.upstreams());
    this.#clock.onTick((now) => this.#health.tick(now));
    this.#descriptors.check(this.#config);
    this.#clock.onTick((now) => this.#descriptors.tick(now));
    this.#memory.change(memoryLimit(this.#config.limits, this.#machine));
    this.#clock.onTick((now) => this.#memory.tick(now));
    this.#clock.onTick((now) => this.#leftOut.tick(now));
  }

  #tellUnused(inherited: readonly InheritedSocket[]): void {
    const bound = Object.values(this.addresses);
    for (const { transport, local } of inherited) {
      const address = bindKey(local);
      if (bound.some((addresses) => addresses[transport].includes(address))) continue;
      logger.warn("No listener uses this socket from the service manager", { transport, address });
    }
  }

  #localListener(): ((record: AccessRecord) => void) | undefined {
    const { onEnd, onAccess } = this.#options;
    if (onAccess === undefined) return onEnd;
    const access = new AccessLog(this.#config.log, {
      workers: 1,
      write: onAccess,
      onLeftOut: (lines) => this.#leftOut.add(lines),
    });
    this.#access = access;
    this.#clock.onTick((now) => access.tick(now));
    return (record) => {
      access.take(record);
      onEnd?.(record);
    };
  }

  get config(): Config {
    return this.#config;
  }

  get addresses(): Readonly<Record<string, BoundAddresses>> {
    return this.#planes?.addresses ?? {};
  }

  stats(): Readonly<Record<string, Counters>> {
    const names = Object.keys(this.#config.listeners);
    return Object.fromEntries(names.map((name) => [name, this.#shared.totals(name)]));
  }

  totals(): Counters {
    return Counters.sum([
      this.#past,
      ...this.#removed.map(({ name, shared }) => shared.totals(name)),
      ...Object.values(this.stats()),
    ]);
  }

  active(): Active {
    const { sessionsActive: sessions, flowsActive: flows } = this.totals();
    return { sessions, flows, detectMemory: this.#shared.budget(0).used };
  }

  upstreams(): readonly Upstream[] {
    return [...this.#upstreams.values()];
  }

  health(upstream: string, target: string): HealthReport | undefined {
    return this.#health.state(upstream, target);
  }

  measures(): ProxyMeasures {
    return measureProxy({
      config: this.#config,
      shared: this.#shared,
      removed: this.#removed,
      upstreams: this.upstreams(),
      health: (upstream, target) => this.health(upstream, target),
      dns: this.#resolver,
      memoryLimit: this.#memory.limit,
    });
  }

  ticks(): readonly number[] {
    return this.#shared.ticks();
  }

  live(query: LiveQuery): Promise<LiveRecord[]> {
    return this.#planes?.live(query) ?? Promise.resolve([]);
  }

  reload(config: Config): Promise<readonly string[]> {
    const reloaded = this.#reloading.then(() => this.#reload(config));
    this.#reloading = reloaded.catch(() => {});
    return reloaded;
  }

  async #reload(config: Config): Promise<readonly string[]> {
    const planes = this.#planes;
    if (planes === undefined || this.state === "draining") {
      throw new ShuntError("Cannot reload while draining", { code: "draining" });
    }
    this.#refuseRestart(config);
    const changes = await inSlices(describeChanges(this.#config, config));
    if (changes.length === 0) return changes;
    const memory = await inSlices(makeMemory(config, this.#shared.memory));
    const shared = new SharedView(memory, 0);
    const upstreams = await inSlices(makeUpstreams(config, shared, this.#upstreams));
    const running = { config: this.#config, addresses: planes.addresses };
    const own = this.#own.list(planes.addresses);
    const kept = await inSlices(keepPorts(config, running));
    await planes.prepare(kept, memory, own);
    this.#own.leave(planes.addresses, performance.now() + config.drain_timeout);
    await planes.commit();
    this.#remember(config);
    this.#shared = shared;
    this.#upstreams = upstreams;
    this.#config = config;
    this.#access?.change(config.log);
    await inSlices(this.#health.watchInSteps(this.upstreams()));
    this.#descriptors.check(config);
    this.#memory.change(memoryLimit(config.limits, this.#machine));
    return changes;
  }

  /** What only a new process can do. */
  #refuseRestart(config: Config): void {
    const { io } = this.#options;
    if (io !== undefined) return;
    const changed = config.io !== this.#config.io && chooseIo(config) !== this.io
      ? "io"
      : chooseWorkers(config) !== this.workers
      ? "workers"
      : undefined;
    if (changed === undefined) return;
    throw new ConfigError(
      `"${changed}" cannot change while shunt runs; restart it, or set "${changed}" back`,
      { code: "restart_needed", context: { path: changed } },
    );
  }

  /** Keeps what listeners have counted that the new configuration does not have. */
  #remember(config: Config): void {
    const shared = this.#shared;
    const gone = Object.keys(this.#config.listeners)
      .filter((name) => config.listeners[name] === undefined)
      .map((name) => ({ name, shared }));
    const all = [...this.#removed, ...gone].map((one) => ({
      ...one,
      totals: one.shared.totals(one.name),
    }));
    const ended = all.filter(({ totals }) => totals.sessionsActive + totals.flowsActive === 0);
    this.#past = Counters.sum([this.#past, ...ended.map(({ totals }) => totals)]);
    const over = new Set(ended);
    this.#removed = all.filter((one) => !over.has(one));
  }

  setTarget(upstream: string, target: string, state: "ready" | "drain"): boolean {
    const found = this.#upstreams.get(upstream)?.targets.find(({ name }) => name === target);
    found?.standing.set("drain", state === "drain");
    return found !== undefined;
  }

  async steer(share: SocketShare | undefined): Promise<string | undefined> {
    return await this.#planes?.steer(share);
  }

  async drain(options: Partial<DrainOptions> = {}): Promise<number> {
    this.state = "draining";
    await this.#reloading;
    const { timeoutMs = this.#config.drain_timeout, handOver = false } = options;
    const rest = await this.#planes?.drain({ timeoutMs, handOver }) ?? 0;
    this.stop();
    return rest;
  }

  async close(): Promise<void> {
    this.state = "draining";
    await this.#planes?.close();
    this.stop();
  }

  /** Stops what belongs to the control plane. */
  stop(): void {
    this.#access?.flush();
    this.#leftOut.flush();
    this.#health[Symbol.dispose]();
    this.#resolver.close();
    this.#clock[Symbol.dispose]();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
