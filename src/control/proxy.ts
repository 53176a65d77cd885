/**
 * A running proxy: the control plane, which puts resolver, health, shared memory and data planes together,
 * reloads them and ends them.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { describeChanges } from "../config/changes.ts";
import type { Config } from "../config/schema.ts";
import { ShuntError } from "../errors.ts";
import { denoIo } from "../io/deno.ts";
import { socketAllowance } from "../io/descriptors.ts";
import type { InheritedSocket } from "../io/libc/inherited.ts";
import { machineMemory } from "../io/machine_memory.ts";
import type { Io, SocketShare } from "../io/mod.ts";
import { bindKey, type BoundAddresses, type ListenerAddresses } from "../listen/bind.ts";
import { Clock } from "../manage/clock.ts";
import type { LiveQuery } from "../observe/access/live.ts";
import type { LiveRecord } from "../observe/access/record.ts";
import type { LeftOut } from "../observe/access/sampler.ts";
import { LeftOutLog } from "../observe/log/left_out.ts";
import type { Counters } from "../observe/metrics/counters.ts";
import type { ProxyMeasures } from "../observe/metrics/measures.ts";
import type { DrainOptions } from "../plane/messages.ts";
import type { EndTakers } from "../plane/plane.ts";
import { makeMemory, SharedView } from "../plane/shared.ts";
import { makeUpstreams } from "../plane/states.ts";
import { Resolver, type ResolverOptions } from "../resolve/dns.ts";
import type { Upstream } from "../resolve/upstream.ts";
import { atOnce, inSlices, type Steps } from "../slices.ts";
import { keepPorts, OwnAddresses } from "./addresses.ts";
import { DescriptorWatch } from "./descriptor_watch.ts";
import { HealthChecks } from "./health/checks.ts";
import type { HealthReport } from "./health/health.ts";
import { ListenerCounts } from "./listener_counts.ts";
import { measureUpstreams } from "./upstream_measures.ts";
import { memoryLimit, MemoryWatch } from "./memory_watch.ts";
import { LocalPlane, type Planes } from "./planes.ts";
import { chooseThreads, refuseRestart, type Threads } from "./threads.ts";
import { Workers } from "./workers.ts";

const logger = getLogger(["shunt", "proxy"]);

/** Options of {@linkcode startProxy}. */
export interface ProxyOptions extends Partial<Pick<EndTakers, "onEnd" | "onAccess">> {
  /** Sockets to use in this thread, whatever `io` and `workers` say in the configuration. */
  readonly io?: Io;
  /** How names are resolved; by the system's name servers unless given. */
  readonly dns?: Pick<ResolverOptions, "query" | "lookup" | "servers">;
  /** The addresses of the process that this one takes over from, which both may bind. */
  readonly takeOver?: BoundAddresses | undefined;
  /** Sockets that a service manager has bound. Only libc sockets can use them. */
  readonly inherited?: readonly InheritedSocket[];
}

/** How many sessions and flows there are, and what they hold. */
export interface Active {
  readonly sessions: number;
  readonly flows: number;
  /** Bytes that sessions and flows hold while detecting; see `limits.detect_memory`. */
  readonly detectMemory: number;
}

/** A running proxy; {@linkcode startProxy} starts one. */
export class Proxy implements AsyncDisposable {
  /** The kind of sockets that carry the data. */
  readonly io: Io["name"];
  /** The number of threads that carry it. */
  readonly workers: number;
  #state: "ready" | "draining" = "ready";
  readonly #options: ProxyOptions;
  readonly #resolver: Resolver;
  readonly #clock = new Clock();
  readonly #leftOut = new LeftOutLog();
  readonly #health: HealthChecks;
  readonly #descriptors: DescriptorWatch;
  readonly #memory: MemoryWatch;
  /** Bytes that the machine or control group has. */
  readonly #machine = machineMemory();
  #planes: Planes | undefined;
  #config: Config;
  #shared: SharedView;
  #upstreams: ReadonlyMap<string, Upstream>;
  readonly #counts: ListenerCounts;
  readonly #own = new OwnAddresses();
  /** Settles once the last reload has ended: they run one after the other. */
  #reloading: Promise<unknown> = Promise.resolve();

  constructor(config: Config, options: ProxyOptions, threads: Threads) {
    this.#config = config;
    this.#options = options;
    this.io = threads.io;
    this.workers = threads.workers;
    const current = () => this.#config.dns;
    const now = () => this.#clock.now;
    this.#resolver = new Resolver({
      ...options.dns,
      get minTtl() {
        return current().min_ttl;
      },
      get maxTtl() {
        return current().max_ttl;
      },
      now,
    });
    this.#health = new HealthChecks({ resolver: this.#resolver, now });
    const maxSockets = socketAllowance();
    this.#descriptors = new DescriptorWatch(maxSockets, () => this.totals());
    const memory = atOnce(makeMemory(config, { workers: this.workers, maxSockets }));
    this.#shared = new SharedView(memory, 0);
    this.#counts = new ListenerCounts(config, this.#shared);
    this.#upstreams = atOnce(makeUpstreams(config, this.#shared));
    const sockets = this.#shared.sockets();
    this.#memory = new MemoryWatch({
      pressure: this.#shared.pressure,
      totals: () => this.totals(),
      lives: () => sockets.count.total,
      shared: this.#isLocal,
    });
  }

  /** Whether the plane runs in this thread: Deno's sockets allow that, a libc worker blocks in its wait. */
  get #isLocal(): boolean {
    return this.workers === 1 && this.io === "deno" || this.#options.io !== undefined;
  }

  /** Binds and begins to serve. */
  async start(): Promise<void> {
    const { io, takeOver, inherited = [], onEnd, onAccess } = this.#options;
    if (inherited.length > 0 && this.io === "deno") {
      const sockets = inherited.map(({ transport, local }) => `${transport} ${bindKey(local)}`);
      logger.warn(
        "Deno's sockets cannot use what the service manager has bound; libc sockets can",
        {
          sockets,
        },
      );
    }
    const common = {
      resolver: this.#resolver,
      // So that a newer shunt can bind the same addresses while this one drains.
      reusePort: Deno.build.os === "linux" && io === undefined,
      look: { exclusive: true, own: takeOver },
      onEnd,
      onAccess,
      onLeftOut: (lines: LeftOut) => this.#leftOut.add(lines),
    };
    this.#planes = this.#isLocal
      ? new LocalPlane(this.#config, { ...common, io: io ?? denoIo, shared: this.#shared })
      : await Workers.start(this.#config, {
        ...common,
        io: this.io,
        memory: this.#shared.memory,
        inherited: this.io === "libc" ? inherited : [],
        onDeath: (worker) => this.#counts.clear(worker),
      });
    if (this.io === "libc") this.#warnUnused(inherited);
    atOnce(this.#watch());
    for (const one of [this.#health, this.#descriptors, this.#memory, this.#leftOut]) {
      this.#clock.onTick((now) => one.tick(now));
    }
  }

  /** Watches health, descriptors and memory as the configuration asks. */
  *#watch(): Steps<void> {
    yield* this.#health.watch(this.upstreams());
    this.#descriptors.check(this.#config);
    this.#memory.change(memoryLimit(this.#config.limits, this.#machine));
  }

  #warnUnused(inherited: readonly InheritedSocket[]): void {
    const bound = Object.values(this.addresses);
    for (const { transport, local } of inherited) {
      const address = bindKey(local);
      if (bound.some((addresses) => addresses[transport].includes(address))) continue;
      logger.warn("No listener uses this socket from the service manager", { transport, address });
    }
  }

  /** The running configuration. */
  get config(): Config {
    return this.#config;
  }

  /** Whether it takes new sessions and flows. */
  get state(): "ready" | "draining" {
    return this.#state;
  }

  /** The bound addresses of each listener, with the real numbers of ports that were 0. */
  get addresses(): ListenerAddresses {
    return this.#planes?.addresses ?? {};
  }

  /** The counters of each listener, as of now. */
  stats(): Readonly<Record<string, Counters>> {
    return this.#counts.stats();
  }

  /** The sum of all counters, including those of listeners that a reload has removed. */
  totals(): Counters {
    return this.#counts.totals();
  }

  /** Returns how many sessions and flows there are now, and what they hold. */
  active(): Active {
    const { sessionsActive: sessions, flowsActive: flows } = this.totals();
    return { sessions, flows, detectMemory: this.#shared.budget(0).used };
  }

  /** The upstreams, with the present state of their targets. */
  upstreams(): readonly Upstream[] {
    return [...this.#upstreams.values()];
  }

  /**
   * Returns what checks and traffic have found out about a target. Times are as `performance.now()` gives them.
   *
   * @param target The target's address as the configuration spells it
   */
  health(upstream: string, target: string): HealthReport | undefined {
    return this.#health.state(upstream, target);
  }

  /** Returns all counts, for metrics. */
  measures(): ProxyMeasures {
    const shared = this.#shared;
    const { detect_memory } = this.#config.limits;
    return {
      listeners: this.#counts.measures(),
      upstreams: measureUpstreams(this.#upstreams.values(), shared, this.#health),
      dns: this.#resolver,
      detectMemory: { used: shared.budget(0).used, limit: detect_memory },
      descriptors: { used: shared.sockets().count.total, limit: shared.memory.maxSockets },
      lingering: shared.lingeringTotals(),
      memoryLimit: this.#memory.limit,
      heaps: shared.pressure.heaps,
      ticks: shared.ticks(),
    };
  }

  /** Ticks of each worker's clock. Those of a worker that hangs stand still. */
  ticks(): readonly number[] {
    return this.#shared.ticks();
  }

  /** Lists the sessions or flows that a query asks for. */
  async live(query: LiveQuery): Promise<readonly LiveRecord[]> {
    return await this.#planes?.live(query) ?? [];
  }

  /**
   * Changes to another checked configuration: to all of it, or to nothing if an address cannot be bound. Running
   * sessions and flows keep the old rules, sockets that stay are not bound again, counters continue.
   *
   * @returns One line per difference; empty if there is none
   * @throws {ConfigError} with code `restart_needed` if `io` or `workers` differ
   * @throws {ShuntError} with code `bind_failed` if an address cannot be bound
   */
  reload(config: Config): Promise<readonly string[]> {
    const reloaded = this.#reloading.then(() => this.#reload(config));
    this.#reloading = reloaded.catch(() => {});
    return reloaded;
  }

  async #reload(config: Config): Promise<readonly string[]> {
    const planes = this.#planes;
    if (planes === undefined || this.#state === "draining") {
      throw new ShuntError("Cannot reload while draining", { code: "draining" });
    }
    if (this.#options.io === undefined) refuseRestart(config, this);
    const changes = await inSlices(describeChanges(this.#config, config));
    if (changes.length === 0) return changes;
    const memory = await inSlices(makeMemory(config, this.#shared.memory));
    const shared = new SharedView(memory, 0);
    const upstreams = await inSlices(makeUpstreams(config, shared, this.#upstreams));
    const running = { config: this.#config, addresses: planes.addresses };
    const own = this.#own.list(planes.addresses);
    const kept = await inSlices(keepPorts(config, running));
    const prepared = await planes.prepare(kept, memory, own);
    this.#own.keep(planes.addresses, performance.now() + config.drain_timeout);
    await prepared.commit();
    this.#counts.change(config, shared);
    this.#shared = shared;
    this.#upstreams = upstreams;
    this.#config = config;
    await inSlices(this.#watch());
    return changes;
  }

  /**
   * Takes a target out of use, or puts it back.
   *
   * @param target The target's address as the configuration spells it
   * @param state `drain` gives it nothing new
   * @returns Whether the target exists
   */
  setTarget(upstream: string, target: string, state: "ready" | "drain"): boolean {
    const found = this.#upstreams.get(upstream)?.targets.find(({ name }) => name === target);
    found?.standing.set("drain", state === "drain");
    return found !== undefined;
  }

  /**
   * Sends all new sessions and flows to some of the sockets that share the addresses: to this proxy's own
   * while it takes over from another.
   *
   * @param share The sockets, in the order in which they were bound; `undefined` gives each its share
   * @returns Why it failed for some sockets, if it did
   */
  async steer(share: SocketShare | undefined): Promise<string | undefined> {
    return await this.#planes?.steer(share);
  }

  /**
   * Takes nothing new, lets sessions and flows finish, and ends.
   *
   * @param options How long that may take: `drain_timeout` unless given; and whether another proxy has
   * bound the same addresses and gets what is new
   * @returns How many sessions and flows had to be closed
   */
  async drain(options: Partial<DrainOptions> = {}): Promise<number> {
    this.#state = "draining";
    await this.#reloading;
    const { timeoutMs = this.#config.drain_timeout, handOver = false } = options;
    const rest = await this.#planes?.drain({ timeoutMs, handOver }) ?? 0;
    this.stop();
    return rest;
  }

  /** Closes everything at once. */
  async close(): Promise<void> {
    this.#state = "draining";
    await this.#planes?.close();
    this.stop();
  }

  /** Stops what belongs to the control plane. */
  stop(): void {
    this.#leftOut.flush();
    this.#health[Symbol.dispose]();
    this.#resolver.close();
    this.#clock[Symbol.dispose]();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/**
 * Starts a proxy with a checked configuration. All its listeners are bound.
 *
 * @throws {ShuntError} with code `bind_failed` if an address cannot be bound, or `io_unavailable` if the
 * configuration asks for libc sockets and there are none; nothing is left bound
 *
 * @example
 * ```ts
 * import { parseConfig } from "../config/load.ts";
 * import { PROTOCOLS } from "../detect/mod.ts";
 * import { startProxy } from "./proxy.ts";
 *
 * const text = await Deno.readTextFile("config.yaml");
 * const config = parseConfig(text, { file: "config.yaml", protocols: PROTOCOLS });
 * await using proxy = await startProxy(config);
 * console.log(proxy.addresses);
 * ```
 */
export async function startProxy(config: Config, options: ProxyOptions = {}): Promise<Proxy> {
  const { io } = options;
  const threads = io === undefined ? chooseThreads(config) : { io: io.name, workers: 1 };
  const proxy = new Proxy(config, options, threads);
  try {
    await proxy.start();
    return proxy;
  } catch (error) {
    proxy.stop();
    throw error;
  }
}
