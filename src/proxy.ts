/**
 * Composes listeners, detection, resolution and management into a running proxy: the composition
 * root and the public API. Nothing else puts these parts together.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { answerDatagram, connectBuiltin } from "./builtin/mod.ts";
import type { Config, ListenerConfig } from "./config/schema.ts";
import { PROTOCOLS } from "./detect/mod.ts";
import { denoIo } from "./io/deno.ts";
import type { DatagramSocket, Io, StreamListener } from "./io/mod.ts";
import { bindListener, type Bound, boundAddresses } from "./listen/bind.ts";
import { acceptLoop } from "./listen/tcp.ts";
import { Budget } from "./manage/budget.ts";
import { Clock } from "./manage/clock.ts";
import type { FlowData } from "./manage/flow_data.ts";
import { type FlowParts, Flows } from "./manage/flows.ts";
import type { Flow } from "./manage/flow.ts";
import { flowInfo, flowRecord, sessionInfo, sessionRecord } from "./manage/describe.ts";
import { Limits } from "./manage/limits.ts";
import { serve, type ServeParts } from "./manage/serve.ts";
import type { ListenerState, Session } from "./manage/session.ts";
import { Sessions } from "./manage/sessions.ts";
import type { AccessRecord } from "./observe/access.ts";
import { type CloseReason, Counters } from "./observe/counters.ts";
import { AddressSet } from "./resolve/cidr.ts";
import { Resolver, type ResolverOptions } from "./resolve/dns.ts";
import { Router } from "./resolve/router.ts";
import { Upstream } from "./resolve/upstream.ts";

const logger = getLogger(["shunt", "proxy"]);

/** The bound addresses of a listener, as `host:port`. */
export interface BoundAddresses {
  readonly tcp: readonly string[];
  readonly udp: readonly string[];
}

/** Options of {@linkcode startProxy}. */
export interface ProxyOptions {
  /** The sockets to use; Deno's own unless given. */
  readonly io?: Io;
  /** How names are resolved; by the system's name servers unless given. */
  readonly dns?: Pick<ResolverOptions, "query" | "lookup" | "servers">;
  /** Gets a record of each session and flow at its end. */
  readonly onEnd?: (record: AccessRecord) => void;
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
  /** The counters of each listener, alive. */
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
 * @throws {ShuntError} with code `bind_failed` when an address cannot be bound; nothing is left bound
 *
 * @example
 * ```ts
 * import { loadConfig } from "./config/mod.ts";
 * import { startProxy } from "./proxy.ts";
 *
 * const { config } = loadConfig(await Deno.readTextFile("config.yaml"), { file: "config.yaml" });
 * if (config !== undefined) {
 *   await using proxy = startProxy(config);
 *   console.log(proxy.addresses);
 * }
 * ```
 */
export function startProxy(config: Config, options: ProxyOptions = {}): Proxy {
  return new RunningProxy(config, options);
}

class RunningProxy implements Proxy {
  readonly addresses: Readonly<Record<string, BoundAddresses>>;
  readonly #config: Config;
  readonly #onEnd: ((record: AccessRecord) => void) | undefined;
  readonly #io: Io;
  readonly #clock = new Clock();
  readonly #resolver: Resolver;
  readonly #upstreams = new Map<string, Upstream>();
  readonly #budget: Budget;
  readonly #sessions: Sessions;
  readonly #flows: Flows[] = [];
  readonly #states: ListenerState[] = [];
  readonly #accepting: StreamListener[] = [];
  readonly #receiving: DatagramSocket[] = [];
  readonly #loops: Promise<void>[] = [];
  #ending: Promise<number> | undefined;

  constructor(config: Config, options: ProxyOptions) {
    this.#config = config;
    this.#onEnd = options.onEnd;
    this.#io = options.io ?? denoIo;
    const now = () => this.#clock.now;
    this.#resolver = new Resolver({
      minTtl: config.dns.min_ttl,
      maxTtl: config.dns.max_ttl,
      now,
      ...options.dns,
    });
    this.#budget = new Budget(config.limits.detect_memory);
    for (const [name, upstream] of Object.entries(config.upstreams)) {
      this.#upstreams.set(name, new Upstream(name, upstream));
    }
    this.#sessions = new Sessions((...end) => this.#sessionEnded(...end));
    this.addresses = this.#listen();
    this.#clock.onTick((time) => {
      this.#sessions.sweep(time);
      for (const flows of this.#flows) flows.sweep(time);
      for (const { limits } of this.#states) limits.sweep();
    });
  }

  stats(): Readonly<Record<string, Counters>> {
    return Object.fromEntries(this.#states.map(({ name, counters }) => [name, counters]));
  }

  active(): Active {
    return {
      sessions: this.#sessions.live.size,
      flows: this.#flows.reduce((sum, flows) => sum + flows.size, 0),
      detectMemory: this.#budget.used,
    };
  }

  upstreams(): readonly Upstream[] {
    return [...this.#upstreams.values()];
  }

  drain(timeoutMs: number = this.#config.drain_timeout): Promise<number> {
    return this.#ending ??= this.#end(timeoutMs);
  }

  async close(): Promise<void> {
    const draining = this.#ending;
    this.#ending ??= this.#end(0);
    if (draining !== undefined) this.#endAll();
    await this.#ending;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #listen(): Record<string, BoundAddresses> {
    const io = this.#io;
    const bound = new Map<ListenerState, Bound>();
    try {
      for (const [name, config] of Object.entries(this.#config.listeners)) {
        bound.set(this.#state(name, config), bindListener(name, config, { io, shared: false }));
      }
    } catch (error) {
      for (const { tcp, udp } of bound.values()) closeAll([...tcp, ...udp]);
      this.#clock[Symbol.dispose]();
      throw error;
    }
    const addresses: Record<string, BoundAddresses> = {};
    for (const [state, { tcp, udp }] of bound) {
      addresses[state.name] = { tcp: boundAddresses(tcp), udp: boundAddresses(udp) };
      this.#states.push(state);
      for (const listener of tcp) this.#accept(listener, state);
      if (udp.length > 0) this.#receive(udp, state);
    }
    return addresses;
  }

  #state(name: string, config: ListenerConfig): ListenerState {
    const { accept, trusted } = config.proxy_protocol;
    const proxies = new AddressSet(accept === "off" ? [] : trusted);
    return {
      name,
      config,
      router: new Router(config, { protocols: PROTOCOLS }),
      limits: new Limits(config.limits, { now: () => this.#clock.now }),
      counters: new Counters(),
      trusts: (host) => accept !== "off" && proxies.has(host),
    };
  }

  #accept(listener: StreamListener, state: ListenerState): void {
    this.#accepting.push(listener);
    const parts: ServeParts = {
      io: this.#io,
      clock: this.#clock,
      resolver: this.#resolver,
      upstreams: this.#upstreams,
      budget: this.#budget,
      sessions: this.#sessions,
      end: (session, reason, error) => this.#sessions.end(session, reason, error),
      builtin: (session, name) => connectBuiltin(name, sessionInfo(session)),
    };
    this.#loops.push(acceptLoop(listener, {
      io: this.#io,
      onStream: (stream) => serve(stream, state, parts),
      onError: (error, backoff) => {
        state.counters.acceptErrors++;
        logger.error("Cannot accept a connection; trying again", {
          listener: state.name,
          backoff_ms: backoff,
          error: String(error),
        });
      },
    }));
  }

  #receive(sockets: readonly DatagramSocket[], state: ListenerState): void {
    const parts: FlowParts = {
      io: this.#io,
      clock: this.#clock,
      resolver: this.#resolver,
      upstreams: this.#upstreams,
      budget: this.#budget,
      onEnd: (...end) => this.#flowEnded(...end),
      builtin: (flow, listener, name, options) => ({
        async send(bytes) {
          const answer = answerDatagram(name, bytes, flowInfo(flow, listener));
          if (answer === "reset") options.onError(new Error("The built-in target reset the flow"));
          else if (answer !== undefined) await options.onReply(answer);
        },
        close() {},
      }),
    };
    const flows = new Flows(state, parts);
    this.#flows.push(flows);
    for (const socket of sockets) {
      this.#receiving.push(socket);
      const slot = flows.addSocket(socket);
      this.#loops.push(socket.receive({
        onDatagram: (bytes, from) => flows.take(slot, bytes, from),
        onUndeliverable: (to, error) => flows.undeliverable(slot, to, error),
        onError: (error) =>
          logger.error("Cannot receive a datagram; trying again", {
            listener: state.name,
            error: String(error),
          }),
      }));
    }
  }

  #sessionEnded(session: Session, reason: CloseReason, error: unknown): void {
    this.#onEnd?.(sessionRecord(session, reason, error));
  }

  #flowEnded(
    flow: Flow<FlowData>,
    listener: ListenerState,
    reason: CloseReason,
    error: unknown,
  ): void {
    this.#onEnd?.(flowRecord(flow, listener, reason, error));
  }

  async #end(timeoutMs: number): Promise<number> {
    closeAll(this.#accepting);
    for (const flows of this.#flows) flows.draining = true;
    let rest = 0;
    if (timeoutMs > 0) {
      const done = Promise.all([
        this.#sessions.drained(),
        ...this.#flows.map((flows) => flows.drained()),
      ]);
      let timer: ReturnType<typeof setTimeout> | undefined;
      await Promise.race([done, new Promise((resolve) => timer = setTimeout(resolve, timeoutMs))]);
      clearTimeout(timer);
    }
    rest = this.#endAll();
    closeAll(this.#receiving);
    this.#resolver.close();
    this.#clock[Symbol.dispose]();
    await Promise.all(this.#loops);
    return rest;
  }

  #endAll(): number {
    const { sessions, flows } = this.active();
    this.#sessions.endAll("shutdown");
    for (const listener of this.#flows) listener.endAll("shutdown");
    return sessions + flows;
  }
}

function closeAll(sockets: readonly { close(): void }[]): void {
  for (const socket of sockets) socket.close();
}
