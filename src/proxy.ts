/**
 * The control plane, and the public API: puts resolver, shared memory and data planes together. Nothing
 * else does.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import type { Config } from "./config/schema.ts";
import { ShuntError } from "./errors.ts";
import { denoIo } from "./io/deno.ts";
import { missingForLibc } from "./io/libc/symbols.ts";
import type { Io } from "./io/mod.ts";
import type { BoundAddresses } from "./listen/bind.ts";
import { Clock } from "./manage/clock.ts";
import { type AccessRecord, formatAccess } from "./observe/access.ts";
import type { Counters } from "./observe/counters.ts";
import { formatterOf } from "./observe/log.ts";
import { Plane } from "./plane/plane.ts";
import { Workers } from "./plane/workers.ts";
import { makeSharedMemory, SharedView } from "./plane/shared.ts";
import { Resolver, type ResolverOptions } from "./resolve/dns.ts";
import { Upstream } from "./resolve/upstream.ts";

const logger = getLogger(["shunt", "proxy"]);

/** Options of {@linkcode startProxy}. */
export interface ProxyOptions {
  /** Sockets to use in this thread, whatever the configuration says of `io` and `workers`. */
  readonly io?: Io;
  /** How names are resolved; by the system's name servers unless given. */
  readonly dns?: Pick<ResolverOptions, "query" | "lookup" | "servers">;
  /** Gets a record of each session and flow at its end. */
  readonly onEnd?: (record: AccessRecord) => void;
  /** Gets access lines as `log.format` asks, one or more at once, each with its line feed. */
  readonly onAccess?: (lines: string) => void;
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
  /** What each listener is bound to, with the real numbers of ports that were 0. */
  readonly addresses: Readonly<Record<string, BoundAddresses>>;
  /** Whose sockets carry the data. */
  readonly io: Io["name"];
  /** Threads that carry it. */
  readonly workers: number;
  /** The counters of each listener, as of now. */
  stats(): Readonly<Record<string, Counters>>;
  /** What lives and what it holds now. */
  active(): Active;
  /** The upstreams, with their targets as they are now. */
  upstreams(): readonly Upstream[];
  /**
   * Takes nothing new and lets what runs finish.
   *
   * @param timeoutMs Milliseconds after which the rest is closed; `drain_timeout` unless given
   * @returns How many sessions and flows had to be closed
   */
  drain(timeoutMs?: number): Promise<number>;
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
 * import { parseConfig } from "./config/mod.ts";
 * import { PROTOCOLS } from "./detect/mod.ts";
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
  const clock = new Clock();
  const resolver = new Resolver({
    minTtl: config.dns.min_ttl,
    maxTtl: config.dns.max_ttl,
    now: () => clock.now,
    ...options.dns,
  });
  const memory = makeSharedMemory(config, workers);
  const shared = new SharedView(config, memory, 0);
  const { onEnd, onAccess } = options;
  try {
    // Sockets of Deno's need no thread of their own; a libc worker blocks in its wait.
    const planes = workers === 1 && io === "deno" || options.io !== undefined
      ? new Plane(config, {
        io: options.io ?? denoIo,
        resolver,
        shared,
        workers: 1,
        onEnd: localListener(config, options),
      })
      : await Workers.start(config, { io, workers, memory, shared, resolver, onEnd, onAccess });
    return new RunningProxy(config, { io, workers, planes, shared, resolver, clock });
  } catch (error) {
    resolver.close();
    clock[Symbol.dispose]();
    throw error;
  }
}

function localListener(
  config: Config,
  { onEnd, onAccess }: ProxyOptions,
): ((record: AccessRecord) => void) | undefined {
  if (onAccess === undefined) return onEnd;
  const format = formatterOf(config.log.format);
  return (record) => {
    onAccess(formatAccess(record, format));
    onEnd?.(record);
  };
}

function chooseIo(config: Config): Io["name"] {
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

function chooseWorkers(config: Config): number {
  if (config.workers !== "auto") return config.workers;
  // One on one or two cores; else one for each core that the control plane leaves.
  return Math.max(1, navigator.hardwareConcurrency - 1);
}

/** What carries the data: a plane in this thread, or workers. */
interface Planes {
  readonly addresses: Readonly<Record<string, BoundAddresses>>;
  drain(timeoutMs: number): Promise<number>;
  close(): Promise<void>;
}

class RunningProxy implements Proxy {
  readonly io: Io["name"];
  readonly workers: number;
  readonly #config: Config;
  readonly #planes: Planes;
  readonly #shared: SharedView;
  readonly #resolver: Resolver;
  readonly #clock: Clock;

  constructor(config: Config, parts: {
    readonly io: Io["name"];
    readonly workers: number;
    readonly planes: Planes;
    readonly shared: SharedView;
    readonly resolver: Resolver;
    readonly clock: Clock;
  }) {
    this.#config = config;
    this.io = parts.io;
    this.workers = parts.workers;
    this.#planes = parts.planes;
    this.#shared = parts.shared;
    this.#resolver = parts.resolver;
    this.#clock = parts.clock;
  }

  get addresses(): Readonly<Record<string, BoundAddresses>> {
    return this.#planes.addresses;
  }

  stats(): Readonly<Record<string, Counters>> {
    const names = Object.keys(this.#config.listeners);
    return Object.fromEntries(names.map((name, i) => [name, this.#shared.totals(i)]));
  }

  active(): Active {
    return { ...this.#shared.active(), detectMemory: this.#shared.budget.used };
  }

  upstreams(): readonly Upstream[] {
    return Object.entries(this.#config.upstreams).map(([name, upstream]) =>
      new Upstream(name, upstream, { counts: this.#shared.targetCounts(name) })
    );
  }

  async drain(timeoutMs: number = this.#config.drain_timeout): Promise<number> {
    const rest = await this.#planes.drain(timeoutMs);
    this.#stop();
    return rest;
  }

  async close(): Promise<void> {
    await this.#planes.close();
    this.#stop();
  }

  #stop(): void {
    this.#resolver.close();
    this.#clock[Symbol.dispose]();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
