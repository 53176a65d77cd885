/**
 * The data plane of one thread: listeners, sessions and flows, composed. Knows nothing of other
 * threads; what they share is handed in.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { connectBuiltin } from "../builtin/mod.ts";
import type { Config } from "../config/schema.ts";
import { limitLargeBuffers } from "../io/buffers.ts";
import { collectGarbage, heapUse } from "../io/heap.ts";
import { limitRests } from "../io/libc/relay.ts";
import { messageOf } from "../errors.ts";
import { LINGER_LIMITS, Lingering, type LingerLimits } from "../io/linger.ts";
import type { DatagramSocket, Endpoint, Io, SocketShare, StreamListener } from "../io/mod.ts";
import {
  bindKey,
  bindListeners,
  type Bound,
  type BoundAddresses,
  boundAddresses,
  type Look,
} from "../listen/bind.ts";
import { acceptLoop, acceptWarnings } from "../listen/tcp.ts";
import type { Budget } from "../manage/limits/budget.ts";
import { Clock } from "../manage/clock.ts";
import { Crowd } from "../manage/flow/crowd.ts";
import { HeapGuard } from "../manage/limits/memory_guard.ts";
import { helloInfo, recordOf } from "../manage/describe.ts";
import { type FlowParts, Flows, OPENINGS_PER_SECOND } from "../manage/flow/flows.ts";
import { OwnEndpoints } from "../manage/flow/own_endpoints.ts";
import { Rate } from "../manage/limits/rate.ts";
import { serve, type ServeParts } from "../manage/session/serve.ts";
import type { LifeEnd } from "../manage/life.ts";
import type { ListenerState } from "../manage/listener_state.ts";
import { Sessions } from "../manage/session/sessions.ts";
import type { AccessRecord, LiveRecord } from "../observe/access/record.ts";
import { type LiveQuery, selectLive } from "../observe/access/live.ts";
import type { NameResolver } from "../resolve/dns.ts";
import { atOnce, type Steps } from "../slices.ts";
import { within } from "../within.ts";
import { Bindings, type TcpBinding, type UdpBinding } from "./bindings.ts";
import { datagramBuiltins } from "./datagram_builtins.ts";
import type { DrainOptions } from "./messages.ts";
import type { SharedView } from "./shared.ts";
import { type PreparedStates, prepareStates, type States } from "./states.ts";

const logger = getLogger(["shunt", "plane"]);

/** What a data plane is given. */
export interface PlaneOptions {
  readonly io: Io;
  readonly resolver: NameResolver;
  readonly shared: SharedView;
  /** Whether others bind the same addresses: workers, or a shunt that takes over. */
  readonly reusePort: boolean;
  /** What is looked at before the first addresses are bound. */
  readonly look: Look;
  /** Gets a record of each session and flow at its end. */
  readonly onEnd: ((record: AccessRecord) => void) | undefined;
  /** Reports whether anybody wants such records now: making one costs 1 µs. */
  readonly records: () => boolean;
}

/**
 * Milliseconds for which a shunt that is taken over from accepts what had begun to connect: handshakes
 * take a round trip, and the kernel resets those of a closed socket.
 */
const HAND_OVER_MS = 1000;
/** Milliseconds in which answers still reach the clients of flows that another shunt goes on with. */
const ANSWERS_MS = 1000;

/** A part of the descriptors, and at least so many, may be of connections that linger. */
const LINGER_SHARE = { of: 8, least: 32 } as const;

function lingerLimits({ maxSockets, workers }: SharedView["memory"]): LingerLimits {
  const share = Math.floor(maxSockets / LINGER_SHARE.of / workers);
  const connections = Math.max(LINGER_SHARE.least, Math.min(LINGER_LIMITS.connections, share));
  return { ...LINGER_LIMITS, connections };
}

/** A configuration whose addresses are bound, and which does not run yet. */
export interface Prepared {
  readonly config: Config;
  readonly shared: SharedView;
  readonly bound: ReadonlyMap<string, Bound>;
  readonly addresses: Readonly<Record<string, BoundAddresses>>;
  readonly states: PreparedStates;
}

/** A running data plane. */
export class Plane {
  /** What each listener is bound to. */
  addresses: Readonly<Record<string, BoundAddresses>> = {};
  readonly clock: Clock = new Clock();
  readonly #options: PlaneOptions;
  readonly #bindings = new Bindings();
  readonly #crowd = new Crowd(this.clock);
  readonly #own = new OwnEndpoints(() => this.clock.now);
  readonly #sessions: Sessions;
  readonly #budget: Budget;
  readonly #serveParts: ServeParts;
  readonly #flowParts: FlowParts;
  readonly #loops = new Set<Promise<void>>();
  readonly #heap = new HeapGuard({
    read: heapUse,
    collect: collectGarbage,
    now: () => performance.now(),
  });
  #shared: SharedView;
  #states: States | undefined;
  #drainTimeout = 0;
  #ending: Promise<number> | undefined;
  /** Ends the wait of a hand-over. */
  #hurry: (() => void) | undefined;
  /** Sessions and flows that had to be closed. */
  #cut = 0;

  /**
   * Binds all listeners and starts to serve.
   *
   * @param config A checked configuration
   * @param options Sockets, resolver and what is shared
   * @throws {ShuntError} with code `bind_failed`; nothing is left bound
   */
  constructor(config: Config, options: PlaneOptions) {
    const { io, resolver, shared } = options;
    this.#options = options;
    this.#shared = shared;
    this.#budget = shared.budget(config.limits.detect_memory);
    const lingering = new Lingering(shared.lingering(), {
      limits: lingerLimits(shared.memory),
      sockets: shared.sockets().count,
    });
    const onEnd: LifeEnd = (life, reason, error) => {
      if (options.records()) this.#tell({ ...recordOf(life), reason, error });
    };
    this.#sessions = new Sessions(onEnd, lingering);
    const common = { io, clock: this.clock, resolver, budget: this.#budget };
    this.#serveParts = {
      ...common,
      sessions: this.#sessions,
      lingering: this.#sessions.lingering,
      end: (session, reason, error) => this.#sessions.end(session, reason, error),
      builtin: (session, name) => connectBuiltin(name, helloInfo(session)),
    };
    this.#flowParts = {
      ...common,
      onEnd,
      builtin: datagramBuiltins(this.clock),
      crowd: this.#crowd,
      own: this.#own,
      // A fifth of a second's worth at once: two ticks of the clock.
      openings: new Rate(OPENINGS_PER_SECOND, this.clock, OPENINGS_PER_SECOND / 5),
    };
    try {
      atOnce(this.commit(atOnce(this.prepare(config, shared, options.look))));
    } catch (error) {
      this.clock[Symbol.dispose]();
      throw error;
    }
    this.clock.onTick((time) => this.#tick(time));
  }

  /** Whether it drains or is closed. */
  get ending(): boolean {
    return this.#ending !== undefined;
  }

  /**
   * Binds what a configuration has and this one has not, and makes ready what takes time, so that
   * {@linkcode commit} takes none. Nothing of what runs changes.
   *
   * @param config A checked configuration
   * @param shared Its memory
   * @param look Whether nobody else may have bound what is new
   * @returns What {@linkcode commit} or {@linkcode abort} takes
   * @throws {ShuntError} with code `bind_failed`; nothing is bound that was not before
   */
  *prepare(config: Config, shared: SharedView, look: Look): Steps<Prepared> {
    const { io, reusePort } = this.#options;
    const { known } = this.#bindings;
    const now = () => this.clock.now;
    // First, for what is bound is to be let go of if anything after it fails.
    const states = yield* prepareStates(config, { shared, now, previous: this.#states });
    const bound = yield* bindListeners(config.listeners, { io, shared: reusePort, known, ...look });
    const addresses: Record<string, BoundAddresses> = {};
    for (const [name, { tcp, udp }] of bound) {
      addresses[name] = { tcp: boundAddresses(tcp), udp: boundAddresses(udp) };
    }
    return { config, shared, bound, addresses, states };
  }

  /** Forgets a prepared configuration, and closes what was bound for it. */
  abort({ bound }: Prepared): void {
    this.#closeUnknown(bound);
  }

  /**
   * Makes a prepared configuration the one that new sessions and flows meet, in its first step; sockets
   * are taken up and closed in those that follow. What runs goes on as it began; sockets that the
   * configuration has no more take nothing new.
   *
   * @param prepared What {@linkcode prepare} gave
   */
  *commit({ config, shared, bound, addresses, states }: Prepared): Steps<void> {
    this.#shared = shared;
    shared.pressure.onMany(() => this.#lookAtHeap());
    this.#drainTimeout = config.drain_timeout;
    this.#budget.limit = config.limits.detect_memory;
    const { workers } = shared.memory;
    limitLargeBuffers(config.limits.relay_memory / workers);
    limitRests(config.limits.relay_memory / workers);
    this.#states = states();
    this.addresses = addresses;
    const kept = new Set<StreamListener | DatagramSocket>();
    const fresh: { readonly socket: { close(): void }; readonly take: () => void }[] = [];
    for (const [name, { tcp, udp }] of bound) {
      const state = this.#states.listeners.get(name)!;
      for (const socket of tcp) {
        kept.add(socket);
        const take = () => this.#serve(socket, state);
        if (this.#bindings.tcpOf(socket) === undefined) fresh.push({ socket, take });
        else take();
      }
      for (const socket of udp) {
        kept.add(socket);
        const take = () => this.#receive(socket, state);
        if (this.#bindings.udpOf(socket) === undefined) fresh.push({ socket, take });
        else take();
      }
    }
    const gone = [...this.#bindings.tcp].filter(([, { socket }]) => !kept.has(socket));
    for (const { socket, take } of fresh) {
      yield;
      if (this.ending) socket.close();
      else take();
    }
    this.#own.set(this.#udpAddresses());
    for (const [key, { socket }] of gone) {
      yield;
      // Whoever ends meanwhile closes all that there is.
      if (this.ending) return;
      socket.close();
      this.#bindings.tcp.delete(key);
    }
    for (const binding of this.#bindings.udp.values()) {
      if (!kept.has(binding.socket)) this.#retire(binding);
    }
  }

  /**
   * Lists what lives.
   *
   * @param query Which sessions or flows are wanted
   */
  live(query: LiveQuery): LiveRecord[] {
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
   * Has each flow keep its client, whoever gets what is new.
   *
   * @param on Whether flows that begin from now on do so too
   */
  hold(on: boolean): void {
    for (const flows of this.#bindings.flows()) flows.hold(on);
  }

  /**
   * Has some of the sockets that share its addresses get all that is new: those of a shunt that takes
   * over.
   *
   * @param share Which; `undefined` lets all have their share again
   * @returns Why not all of it could be done
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
   * Takes nothing new, lets what runs finish, and ends.
   *
   * @param options How long that may take, and whether another shunt takes over
   * @returns How many sessions and flows had to be closed
   */
  drain(options: DrainOptions): Promise<number> {
    return this.#ending ??= this.#end(options);
  }

  /** Closes everything at once, also while draining. */
  async close(): Promise<void> {
    const draining = this.#ending;
    this.#ending ??= this.#end({ timeoutMs: 0, handOver: false });
    this.#hurry?.();
    if (draining !== undefined) this.#endAll();
    await this.#ending;
  }

  #tick(time: number): void {
    this.#sessions.sweep(time);
    for (const binding of this.#bindings.udp.values()) {
      if (time >= binding.closeAt) binding.flows.endAll("shutdown");
      binding.flows.sweep(time);
    }
    for (const { limits } of this.#states?.listeners.values() ?? []) limits.sweep();
    this.#shared.tick();
    if (this.#shared.pressure.collects()) this.#heap.collect();
    this.#lookAtHeap();
  }

  #lookAtHeap(): void {
    const { pressure } = this.#shared;
    this.#heap.tick();
    pressure.refuse(this.#heap.refusing, this.#heap.use);
  }

  #tell(record: AccessRecord): void {
    try {
      this.#options.onEnd?.(record);
    } catch (error) {
      // Whoever listens must not keep a session from ending.
      logger.error("A listener for ended sessions failed", { error: String(error) });
    }
  }

  #closeUnknown(bound: ReadonlyMap<string, Bound>): void {
    for (const { tcp, udp } of bound.values()) {
      for (const socket of tcp) if (this.#bindings.tcpOf(socket)?.socket !== socket) socket.close();
      for (const socket of udp) if (this.#bindings.udpOf(socket)?.socket !== socket) socket.close();
    }
  }

  *#udpAddresses(): Generator<Endpoint> {
    for (const { socket } of this.#bindings.udp.values()) yield socket.local;
  }

  #serve(socket: StreamListener, state: ListenerState): void {
    const known = this.#bindings.tcpOf(socket);
    if (known !== undefined) {
      known.state = state;
      return;
    }
    const binding: TcpBinding = { socket, state };
    this.#bindings.tcp.set(bindKey(socket.local), binding);
    const warn = acceptWarnings(() => binding.state.name);
    this.#run(acceptLoop(socket, {
      io: this.#options.io,
      onStream: (stream) => serve(stream, binding.state, this.#serveParts),
      onError: (error, backoff) => {
        binding.state.counters.acceptErrors++;
        warn(error, backoff);
      },
    }));
  }

  #receive(socket: DatagramSocket, state: ListenerState): void {
    const known = this.#bindings.udpOf(socket);
    if (known !== undefined) {
      known.flows.listener = state;
      known.flows.draining = false;
      known.closeAt = Infinity;
      return;
    }
    const flows = new Flows(socket, state, this.#flowParts);
    this.#bindings.udp.set(bindKey(socket.local), { socket, flows, closeAt: Infinity });
    this.#run(socket.receive({
      onDatagram: (bytes, from) => flows.take(bytes, from),
      onUndeliverable: (to, error) => flows.undeliverable(to, error),
      onError: (error) =>
        logger.error("Cannot receive a datagram; trying again", {
          listener: flows.listener.name,
          error: String(error),
        }),
    }));
  }

  /** Keeps a loop until it ends, which it does when its socket is closed. */
  #run(loop: Promise<void>): void {
    this.#loops.add(loop);
    loop.then(() => this.#loops.delete(loop));
  }

  /** Lets the flows of a socket that the configuration has no more finish, and closes it. */
  #retire(binding: UdpBinding): void {
    if (binding.closeAt !== Infinity) return;
    const { socket, flows } = binding;
    flows.draining = true;
    binding.closeAt = this.clock.now + this.#drainTimeout;
    flows.drained().then(() => {
      // Another reload may have taken it up again.
      if (!flows.draining || this.#ending !== undefined) return;
      socket.close();
      this.#crowd.delete(flows);
      this.#bindings.udp.delete(bindKey(socket.local));
      this.#own.set(this.#udpAddresses());
    });
  }

  async #end({ timeoutMs, handOver }: DrainOptions): Promise<number> {
    if (handOver) {
      this.hold(true);
      // Whoever has begun to connect to this one is still taken.
      await this.#wait(HAND_OVER_MS);
    }
    for (const { socket } of this.#bindings.tcp.values()) socket.close();
    this.#sessions.draining = true;
    const flows = [...this.#bindings.flows()];
    for (const one of flows) one.draining = true;
    if (handOver) {
      // Should the other shunt die, the next one needs the address.
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
    await Promise.all(this.#loops);
    return this.#cut;
  }

  /** Waits, unless all is closed meanwhile. */
  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#hurry = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #endAll(): void {
    this.#cut += this.#sessions.live.size;
    for (const flows of this.#bindings.flows()) this.#cut += flows.size;
    this.#sessions.endAll("shutdown");
    for (const flows of this.#bindings.flows()) flows.endAll("shutdown");
    this.#sessions.lingering.cutAll();
  }
}
