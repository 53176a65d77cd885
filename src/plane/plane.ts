/**
 * The data plane of one thread: puts listeners, sessions and flows together. Knows nothing about other
 * threads; it gets the memory that they share.
 *
 * @module
 */

import { setTimeout as delay } from "node:timers/promises";
import { getLogger } from "@logtape/logtape";
import { connectBuiltin } from "../builtin/mod.ts";
import type { Config } from "../config/schema.ts";
import { limitLargeBuffers } from "../io/buffers.ts";
import { collectGarbage, heapUse } from "../io/heap.ts";
import { limitRests } from "../io/libc/relay.ts";
import { messageOf } from "../errors.ts";
import { LINGER_LIMITS, Lingering, type LingerLimits } from "../io/linger.ts";
import type { Io, SocketShare } from "../io/mod.ts";
import type { ListenerAddresses, Look } from "../listen/bind.ts";
import type { Budget } from "../manage/limits/budget.ts";
import { Clock } from "../manage/clock.ts";
import { Crowd } from "../manage/flow/crowd.ts";
import { HeapGuard } from "../manage/limits/memory_guard.ts";
import { helloInfo, recordOf } from "../manage/describe.ts";
import { type FlowParts, OPENINGS_PER_SECOND } from "../manage/flow/flows.ts";
import { OwnEndpoints } from "../manage/flow/own_endpoints.ts";
import type { LifeEnd } from "../manage/life.ts";
import { Rate } from "../manage/limits/rate.ts";
import type { ServeParts } from "../manage/session/serve.ts";
import { Sessions } from "../manage/session/sessions.ts";
import { type LiveQuery, selectLive } from "../observe/access/live.ts";
import { AccessLog } from "../observe/access/log.ts";
import type { AccessRecord, LiveRecord } from "../observe/access/record.ts";
import type { LeftOut } from "../observe/access/sampler.ts";
import type { NameResolver } from "../resolve/dns.ts";
import { atOnce, type Steps } from "../slices.ts";
import { within } from "../within.ts";
import type { Prepared } from "../prepared.ts";
import { Bindings } from "./bindings.ts";
import { datagramBuiltins } from "./datagram_builtins.ts";
import type { DrainOptions } from "./messages.ts";
import type { SharedView } from "./shared.ts";
import { prepareStates, type States } from "./states.ts";

const logger = getLogger(["shunt", "plane"]);

/** Callbacks for sessions and flows that have ended. */
export interface EndTakers {
  /** Gets a record of each. */
  readonly onEnd: ((record: AccessRecord) => void) | undefined;
  /** Gets access lines as `log` asks, one or more at once, each with its line feed. */
  readonly onAccess: ((lines: string) => void) | undefined;
  /** Called with the number of access lines that were left out. */
  readonly onLeftOut: (lines: LeftOut) => void;
}

/** What a data plane needs. */
export interface PlaneOptions extends EndTakers {
  readonly io: Io;
  readonly resolver: NameResolver;
  readonly shared: SharedView;
  /** Whether others bind the same addresses: workers, or a shunt that takes over. */
  readonly reusePort: boolean;
  /** What to check before the first addresses are bound. */
  readonly look: Look;
}

/**
 * Milliseconds for which a shunt still accepts connections after another has taken over. A handshake takes a
 * round trip, and the kernel resets handshakes of a closed socket.
 */
const HAND_OVER_MS = 1000;
/** Milliseconds for which answers still reach clients whose next datagrams go to another shunt. */
const ANSWERS_MS = 1000;

/** Connections that linger may have this part of the descriptors, and at least this many. */
const LINGER_SHARE = { of: 8, least: 32 } as const;

function lingerLimits({ maxSockets, workers }: SharedView["memory"]): LingerLimits {
  const share = Math.floor(maxSockets / LINGER_SHARE.of / workers);
  const connections = Math.max(LINGER_SHARE.least, Math.min(LINGER_LIMITS.connections, share));
  return { ...LINGER_LIMITS, connections };
}

/** A configuration whose addresses are bound, and which is not in use yet. */
export interface PreparedPlane extends Prepared<Steps<void>> {
  readonly addresses: ListenerAddresses;
}

/** A running data plane. */
export class Plane {
  /** What each listener is bound to. */
  addresses: ListenerAddresses = {};
  readonly clock: Clock = new Clock();
  readonly #options: PlaneOptions;
  readonly #bindings: Bindings;
  readonly #sessions: Sessions;
  readonly #budget: Budget;
  readonly #heap = new HeapGuard({
    read: heapUse,
    collect: collectGarbage,
    now: () => performance.now(),
  });
  readonly #access: AccessLog | undefined;
  #shared: SharedView;
  #states: States | undefined;
  #ending: Promise<number> | undefined;
  /** Ends the waits of a hand-over. */
  readonly #closing = new AbortController();
  /** Sessions and flows that had to be closed. */
  #cut = 0;

  /**
   * Binds all listeners and starts to serve.
   *
   * @throws {ShuntError} with code `bind_failed`; nothing is left bound
   */
  constructor(config: Config, options: PlaneOptions) {
    const { io, reusePort, resolver, shared, onAccess, onLeftOut } = options;
    this.#options = options;
    this.#shared = shared;
    this.#budget = shared.budget(config.limits.detect_memory);
    const lingering = new Lingering(shared.lingering(), {
      limits: lingerLimits(shared.memory),
      sockets: shared.sockets().count,
    });
    const onEnd: LifeEnd = (life, reason, error) => {
      if (this.#wantsRecords) this.#report({ ...recordOf(life), reason, error });
    };
    this.#sessions = new Sessions(onEnd, lingering);
    const { workers } = shared.memory;
    this.#access = onAccess && new AccessLog(config.log, { workers, write: onAccess, onLeftOut });
    const common = { io, clock: this.clock, resolver, budget: this.#budget };
    const serve: ServeParts = {
      ...common,
      sessions: this.#sessions,
      lingering,
      end: (session, reason, error) => this.#sessions.end(session, reason, error),
      builtin: (session, name) => connectBuiltin(name, helloInfo(session)),
    };
    const flows: FlowParts = {
      ...common,
      onEnd,
      builtin: datagramBuiltins(this.clock),
      crowd: new Crowd(this.clock),
      own: new OwnEndpoints(() => this.clock.now),
      // A fifth of a second's worth at once: two ticks of the clock.
      openings: new Rate(OPENINGS_PER_SECOND, this.clock, OPENINGS_PER_SECOND / 5),
    };
    this.#bindings = new Bindings({ io, reusePort, serve, flows });
    try {
      atOnce(atOnce(this.prepareInSteps(config, shared, options.look)).commit());
    } catch (error) {
      this.clock[Symbol.dispose]();
      throw error;
    }
    this.clock.onTick((time) => this.#tick(time));
  }

  /** Whether it drains or is closed. */
  get ending(): boolean {
    return this.#bindings.ending;
  }

  /**
   * Binds the new addresses of a configuration, and does everything that takes time, so that committing takes
   * none. Nothing that runs changes.
   *
   * @param shared The memory for the configuration
   * @param look Whether other processes may have bound the new addresses
   * @returns The prepared configuration. From the first step of its commit, new sessions and flows follow it.
   * Running ones keep the old one; sockets that are no longer in it take nothing new
   * @throws {ShuntError} with code `bind_failed`; nothing new is left bound
   */
  *prepareInSteps(config: Config, shared: SharedView, look: Look): Steps<PreparedPlane> {
    const now = () => this.clock.now;
    // This comes first: if it failed after the sockets were bound, they would have to be closed.
    const states = yield* prepareStates(config, { shared, now, previous: this.#states });
    const stateOf = (name: string) => this.#states!.listeners.get(name)!;
    const bindings = yield* this.#bindings.prepare(config, look, stateOf);
    const { addresses } = bindings;
    const commit = () => {
      this.#shared = shared;
      shared.pressure.onMany(() => this.#checkHeap());
      this.#budget.limit = config.limits.detect_memory;
      const { workers } = shared.memory;
      limitLargeBuffers(config.limits.relay_memory / workers);
      limitRests(config.limits.relay_memory / workers);
      this.#access?.change(config.log);
      this.#states = states();
      this.addresses = addresses;
      return bindings.commit();
    };
    return { addresses, commit, abort: () => bindings.abort() };
  }

  /** Lists the sessions or flows that a query asks for. */
  live(query: LiveQuery): readonly LiveRecord[] {
    return selectLive(query.kind === "sessions" ? this.#liveSessions() : this.#liveFlows(), query);
  }

  *#liveSessions(): Generator<LiveRecord> {
    for (const session of this.#sessions.live) yield recordOf(session);
  }

  *#liveFlows(): Generator<LiveRecord> {
    for (const flows of this.#bindings.flows()) {
      for (const flow of flows.live) yield recordOf(flow.data);
    }
  }

  /**
   * Makes each flow keep its client while other sockets get what is new.
   *
   * @param on Whether flows that begin from now on keep theirs too
   */
  hold(on: boolean): void {
    for (const flows of this.#bindings.flows()) flows.hold(on);
  }

  /**
   * Sends all new sessions and flows to some of the sockets that share the plane's addresses: to those of a
   * shunt that takes over.
   *
   * @param share The sockets; `undefined` gives each its share again
   * @returns Why it failed for some sockets, if it did
   */
  steer(share: SocketShare | undefined): string | undefined {
    let failure: string | undefined;
    for (const { socket } of [...this.#bindings.tcp.values(), ...this.#bindings.udp.values()]) {
      try {
        if (socket.steer === undefined) failure = "Deno's sockets cannot";
        else socket.steer(share);
      } catch (error) {
        failure = messageOf(error);
      }
    }
    return failure;
  }

  /**
   * Takes nothing new, lets sessions and flows finish, and ends.
   *
   * @returns How many sessions and flows had to be closed
   */
  drain(options: DrainOptions): Promise<number> {
    return this.#ending ??= this.#end(options);
  }

  /** Closes everything at once, also while draining. */
  async close(): Promise<void> {
    const draining = this.#ending;
    this.#ending ??= this.#end({ timeoutMs: 0, handOver: false });
    this.#closing.abort();
    if (draining !== undefined) this.#endAll();
    await this.#ending;
  }

  #tick(time: number): void {
    this.#sessions.sweep(time);
    this.#bindings.sweep(time);
    for (const { limits } of this.#states?.listeners.values() ?? []) limits.sweep();
    this.#access?.tick(time);
    this.#shared.tick();
    if (this.#shared.pressure.collects()) this.#heap.collect();
    this.#checkHeap();
  }

  #checkHeap(): void {
    const { pressure } = this.#shared;
    this.#heap.tick();
    pressure.refuse(this.#heap.refusing, this.#heap.use);
  }

  /** Whether records are needed now: making one costs 1 µs. */
  get #wantsRecords(): boolean {
    return this.#options.onEnd !== undefined || this.#access?.on === true;
  }

  #report(record: AccessRecord): void {
    try {
      this.#access?.take(record);
      this.#options.onEnd?.(record);
    } catch (error) {
      // A failing listener must not keep a session from ending.
      logger.error("A listener for ended sessions failed", { error: String(error) });
    }
  }

  async #end({ timeoutMs, handOver }: DrainOptions): Promise<number> {
    this.#bindings.ending = true;
    if (handOver) {
      this.hold(true);
      // Connections that have begun here already are still accepted.
      await this.#wait(HAND_OVER_MS);
    }
    for (const { socket } of this.#bindings.tcp.values()) socket.close();
    this.#sessions.draining = true;
    const flows = [...this.#bindings.flows()];
    for (const one of flows) one.draining = true;
    if (handOver) {
      // If the other shunt dies, the next one needs the address.
      for (const { socket, flows } of this.#bindings.udp.values()) {
        void flows.drained().then(() => socket.close());
      }
    }
    if (timeoutMs > 0) {
      const done = Promise.all([this.#sessions.drained(), ...flows.map((one) => one.drained())]);
      await within(timeoutMs, done);
    }
    if (handOver && timeoutMs > 0 && flows.some(({ size }) => size > 0)) {
      for (const one of flows) one.leave();
      await this.#wait(ANSWERS_MS);
    }
    this.#endAll();
    for (const { socket } of this.#bindings.udp.values()) socket.close();
    this.clock[Symbol.dispose]();
    await this.#bindings.closed();
    this.#access?.flush();
    return this.#cut;
  }

  /** Waits, but no longer than until {@linkcode close} is called. */
  async #wait(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#closing.signal }).catch(() => {});
  }

  #endAll(): void {
    this.#cut += this.#sessions.live.size;
    for (const flows of this.#bindings.flows()) this.#cut += flows.size;
    this.#sessions.endAll("shutdown");
    for (const flows of this.#bindings.flows()) flows.endAll("shutdown");
    this.#sessions.lingering.cutAll();
  }
}
