/**
 * The public API: what a proxy is to whoever starts one. What is behind it is running_proxy.ts's matter.
 *
 * @module
 */

import type { Config } from "../config/schema.ts";
import type { InheritedSocket } from "../io/libc/inherited.ts";
import type { Io, SocketShare } from "../io/mod.ts";
import type { BoundAddresses } from "../listen/bind.ts";
import type { AccessRecord, LiveRecord } from "../observe/access/record.ts";
import type { Counters } from "../observe/metrics/counters.ts";
import type { LiveQuery } from "../observe/access/live.ts";
import type { ProxyMeasures } from "../observe/metrics/measures.ts";
import type { DrainOptions } from "../plane/messages.ts";
import type { ResolverOptions } from "../resolve/dns.ts";
import type { HealthReport } from "./health/health.ts";
import type { Upstream } from "../resolve/upstream.ts";
import { chooseIo, chooseWorkers, RunningProxy } from "./running_proxy.ts";

/** Options of {@linkcode startProxy}. */
export interface ProxyOptions {
  /** Sockets to use in this thread, whatever the configuration says of `io` and `workers`. */
  readonly io?: Io;
  /** How names are resolved; by the system's name servers unless given. */
  readonly dns?: Pick<ResolverOptions, "query" | "lookup" | "servers">;
  /** Gets a record of each session and flow at its end. */
  readonly onEnd?: ((record: AccessRecord) => void) | undefined;
  /**
   * Gets access lines as `log` asks, one or more at once, each with its line feed; none while
   * `log.access` is `false`.
   */
  readonly onAccess?: (lines: string) => void;
  /** What another process has bound, from which this one takes over: the same may be bound beside it. */
  readonly takeOver?: BoundAddresses | undefined;
  /** Sockets that a service manager has bound; libc sockets alone can use them. */
  readonly inherited?: readonly InheritedSocket[];
}

/** What lives, and what it holds. */
export interface Active {
  readonly sessions: number;
  readonly flows: number;
  /** Bytes that sessions and flows hold while detecting; see `limits.detect_memory`. */
  readonly detectMemory: number;
}

/** A running proxy. */
export interface Proxy extends AsyncDisposable {
  /** What runs. */
  readonly config: Config;
  /** Whether it takes new sessions and flows. */
  readonly state: "ready" | "draining";
  /** What each listener is bound to, with the real numbers of ports that were 0. */
  readonly addresses: Readonly<Record<string, BoundAddresses>>;
  /** Whose sockets carry the data. */
  readonly io: Io["name"];
  /** Threads that carry it. */
  readonly workers: number;
  /** The counters of each listener, as of now. */
  stats(): Readonly<Record<string, Counters>>;
  /** The sum of all counters, of listeners that a reload has removed too. */
  totals(): Counters;
  /** What lives and what it holds now. */
  active(): Active;
  /** The upstreams, with their targets as they are now. */
  upstreams(): readonly Upstream[];
  /**
   * What checks and traffic have told of a target.
   *
   * @param upstream The upstream's name
   * @param target The target's address as the configuration spells it
   * @returns The report, whose times are as `performance.now()` gives them
   */
  health(upstream: string, target: string): HealthReport | undefined;
  /** What was counted, for metrics. */
  measures(): ProxyMeasures;
  /** Ticks of each worker's clock: those of one that hangs stand still. */
  ticks(): readonly number[];
  /**
   * Lists sessions or flows that live.
   *
   * @param query Which are wanted
   */
  live(query: LiveQuery): Promise<LiveRecord[]>;
  /**
   * Goes on with another configuration: all of it, or where an address cannot be bound nothing. What
   * runs lives on under the old rules, sockets that stay are not bound again, counters go on.
   *
   * @param config A checked configuration
   * @returns One line per difference; empty if there is none
   * @throws {ConfigError} with code `restart_needed` if `io` or `workers` differ
   * @throws {ShuntError} with code `bind_failed` if an address cannot be bound
   */
  reload(config: Config): Promise<readonly string[]>;
  /**
   * Takes a target out of use, or back.
   *
   * @param upstream The upstream's name
   * @param target The target's address as the configuration spells it
   * @param state `drain` gives it nothing new
   * @returns Whether there is such a target
   */
  setTarget(upstream: string, target: string, state: "ready" | "drain"): boolean;
  /**
   * Has some of the sockets that share the addresses get all that is new: this proxy's own, where it
   * takes over from another.
   *
   * @param share Which, in the order in which they were bound; `undefined` lets all have their share
   * @returns Why not all of it could be done; `undefined` where it was
   */
  steer(share: SocketShare | undefined): Promise<string | undefined>;
  /**
   * Takes nothing new and lets what runs finish.
   *
   * @param options How long that may take: `drain_timeout` unless given; and whether another proxy has
   * bound the same addresses and gets what is new
   * @returns How many sessions and flows had to be closed
   */
  drain(options?: Partial<DrainOptions>): Promise<number>;
  /** Closes everything at once. */
  close(): Promise<void>;
}

/**
 * Starts a proxy.
 *
 * @param config A checked configuration
 * @param options Sockets and what to tell of ended sessions
 * @returns The proxy, with all its listeners bound
 * @throws {ShuntError} with code `bind_failed` when an address cannot be bound, or `io_unavailable`
 * when libc sockets are asked for and cannot be had; nothing is left bound
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
  const io = options.io?.name ?? chooseIo(config);
  const workers = options.io === undefined ? chooseWorkers(config) : 1;
  const proxy = new RunningProxy(config, { ...options, chosen: { io, workers } });
  try {
    await proxy.start();
    return proxy;
  } catch (error) {
    proxy.stop();
    throw error;
  }
}
