/**
 * The flows of one socket that clients write to. Carries out what the flow table decides. All flows begin and
 * end here. The table knows the state of each; steps and traffic know the rest.
 *
 * @module
 */

import { monotonicUlid } from "@std/ulid";
import { type Detected, Detection, type Opens, opens } from "../../detect/mod.ts";
import type { DatagramAddress, DatagramSocket } from "../../io/mod.ts";
import type { CloseReason, DropReason } from "../../observe/reasons.ts";
import { unmapHost } from "../../wire/address.ts";
import { mayBeginQuic } from "../../wire/quic_ids.ts";
import type { Budget } from "../limits/budget.ts";
import { type Clock, TICK_MS } from "../clock.ts";
import type { Crowd } from "./crowd.ts";
import type { DialParts } from "./dial.ts";
import type { Flow, FlowLimits, Shortage } from "./flow.ts";
import { type EndFlow, FlowData } from "./data.ts";
import { FlowSteps } from "./steps.ts";
import { FlowTable } from "./table.ts";
import { FlowTraffic } from "./traffic.ts";
import { LocalSlots } from "./local_slots.ts";
import type { OwnEndpoints } from "./own_endpoints.ts";
import { QuicClients } from "./quic_clients.ts";
import { ConnectionIds, LANES } from "./quic_lanes.ts";
import type { Rate } from "../limits/rate.ts";
import type { LifeEnd } from "../life.ts";
import type { ListenerState } from "../listener_state.ts";

/** Datagrams that one flow may hold: no handshake that shunt knows begins with more. */
const HELD_DATAGRAMS = 64;

/**
 * Connections per second that a thread may open for clients without an answer. Judging one costs 15 µs at most,
 * so a flood takes less than a sixth of a core.
 */
export const OPENINGS_PER_SECOND = 10_000;
/** Connections that a flow with an answer may open before that limit applies to it as well. */
const FREE_OPENINGS = 64;

/** Silence after which a flow ends while shunt drains, whatever its upstream's `idle_timeout`. */
const DRAIN_IDLE_MS = 2000;

/** A sweep of 100,000 flows takes 1 ms or more, so with this many it runs only once a second. */
const MANY_FLOWS = 10_000;
const SLOW_SWEEP_MS = 1000;

/** What flows need. */
export interface FlowParts extends DialParts {
  readonly clock: Clock;
  readonly budget: Budget;
  /** All flows of the thread, which make room for each other. */
  readonly crowd: Crowd;
  /** The addresses that shunt itself listens on. */
  readonly own: OwnEndpoints;
  /** Limits the connections that clients without an answer may open. */
  readonly openings: Rate;
  readonly onEnd: LifeEnd;
}

/** All flows of one socket. */
export class Flows {
  /** Set while no new flow is taken. */
  draining = false;
  readonly #socket: DatagramSocket;
  readonly #parts: FlowParts;
  readonly #table: FlowTable<FlowData>;
  readonly #traffic: FlowTraffic;
  #listener: ListenerState;
  readonly #slots = new LocalSlots();
  readonly #clients: QuicClients;
  readonly #steps: FlowSteps;
  readonly #onIdle: (() => void)[] = [];
  readonly #end: EndFlow = (flow, reason, error) => this.end(flow, reason, error);
  #holding = false;
  #nextSweep = 0;

  /**
   * @param socket The socket that clients write to; replies leave from it
   * @param listener The socket's listener
   * @param parts What flows need
   */
  constructor(socket: DatagramSocket, listener: ListenerState, parts: FlowParts) {
    this.#socket = socket;
    this.#listener = listener;
    this.#parts = parts;
    this.#table = new FlowTable<FlowData>({
      limits: limitsOf(listener),
      budget: parts.budget,
      drops: listener.counters.drops,
      newId: () => monotonicUlid(),
      newData: (flow) => new FlowData(flow, this.#listener, this.#end),
      admit: (host, port) => this.#admit(host, port),
      makeRoom: (shortage, host) => this.#makeRoom(shortage, host),
      release: ({ data, reason }) => data.finish(reason as CloseReason),
    });
    this.#traffic = new FlowTraffic(this.#table, socket, parts);
    this.#steps = new FlowSteps({
      ...parts,
      table: this.#table,
      traffic: this.#traffic,
      local: socket.local,
      listener: () => this.#listener,
    });
    this.#clients = new QuicClients(this.#table);
    parts.crowd.add(this);
  }

  /** The listener of new flows. Running flows keep the state that they began with. */
  get listener(): ListenerState {
    return this.#listener;
  }

  set listener(listener: ListenerState) {
    this.#listener = listener;
    this.#table.limits = limitsOf(listener);
    this.#table.drops = listener.counters.drops;
    for (const flow of this.#table) {
      if (flow.data.isGone(listener)) this.#table.expire(flow);
    }
  }

  /** The flow that has waited longest for a first answer to its only datagram. */
  get oldestUnanswered(): Flow<FlowData> | undefined {
    return this.#table.oldestUnanswered;
  }

  /** The flow that has been quiet longest after answers to its only datagram. */
  get oldestQuiet(): Flow<FlowData> | undefined {
    return this.#table.oldestQuiet;
  }

  /** The number of flows. */
  get size(): number {
    return this.#table.size;
  }

  /** The present flows. */
  get live(): Iterable<Flow<FlowData>> {
    return this.#table;
  }

  /** Notes that a datagram could not be sent to a client. */
  undeliverable(to: DatagramAddress, error: unknown): void {
    const slot = this.#slots.of(to.local) * LANES;
    for (let lane = 0; lane < LANES; lane++) {
      const flow = this.#table.find(slot + lane, to.hostname, to.port);
      if (flow !== undefined) this.#traffic.failed(flow, "client_reset", error);
    }
  }

  /**
   * Takes a client's datagram.
   *
   * @param bytes The datagram, borrowed until the promise settles
   * @param from The client
   * @returns A promise if `bytes` are still being sent; it never rejects
   */
  take(bytes: Uint8Array, from: DatagramAddress): Promise<void> | undefined {
    const slot = this.#slots.of(from.local) * LANES;
    const opened = opens(bytes);
    if (opened !== "nothing" && this.#isTooMany(opened, slot, from)) {
      this.#listener.counters.drops.limit_openings++;
      return;
    }
    if (this.#listener.router.readsDatagrams && mayBeginQuic(bytes)) {
      const takers = this.#clients.place(slot, bytes, from, this.#listener);
      if (takers.length === 0) this.#listener.counters.drops.hidden_initial++;
      return allOf(takers.map((taker) => this.#arrive(taker, bytes, from, opened)));
    }
    if (this.#clients.isEmpty) return this.#arrive(slot, bytes, from, opened);
    const takers = this.#clients.takers(slot, bytes, from);
    return allOf(takers.map((taker) => this.#arrive(taker, bytes, from, opened)));
  }

  /** Reports whether clients without an answer open so many connections that one more is dropped. */
  #isTooMany(opened: Opens, slot: number, { hostname, port }: DatagramAddress): boolean {
    if (this.#listener.router.needs("udp", unmapHost(hostname)) === "nothing") return false;
    let costs = opened === "connection";
    for (let lane = 0; lane < LANES; lane++) {
      const data = this.#table.find(slot + lane, hostname, port)?.data;
      if (data?.answered === true && data.openings++ < FREE_OPENINGS) return false;
      if (data !== undefined && data.watches.length > 0) costs = true;
    }
    return costs && !this.#parts.openings.take();
  }

  /** Gives a datagram to the flow of a slot. */
  #arrive(
    slot: number,
    bytes: Uint8Array,
    from: DatagramAddress,
    opened: Opens,
  ): Promise<void> | undefined {
    const { now } = this.#parts.clock;
    if (opened !== "nothing" && this.#contradicts(slot, bytes, from)) return;
    const fate = this.#table.arrive(slot, from.hostname, from.port, bytes, now);
    const { flow } = this.#table;
    if (flow === undefined) return;
    switch (fate) {
      case "forward":
        return this.#traffic.send(flow, bytes);
      case "new":
        this.#begin(flow, from);
        return;
      case "held":
        if (flow.state === "detecting") this.#steps.detect(flow);
        // The receiver waits; otherwise a burst would fill the flow's room before anything is sent.
        return flow.data.flushing;
      case "full":
        this.#steps.conclude(flow, flow.held.length < HELD_DATAGRAMS ? "max_bytes" : "datagrams");
        return;
      case "stale":
        return this.#renew(flow, bytes, from);
      case "dropped":
      case "refused":
        return;
    }
  }

  /** Drops a datagram that contradicts the facts that its flow was routed by, and reports whether it did. */
  #contradicts(slot: number, bytes: Uint8Array, { hostname, port }: DatagramAddress): boolean {
    const flow = this.#table.find(slot, hostname, port);
    if (flow === undefined || flow.data.watches.every((watch) => watch.allows(bytes))) return false;
    flow.data.listener.counters.drops.other_hello++;
    return true;
  }

  #admit(host: string, port: number): DropReason | undefined {
    if (this.draining) return "draining";
    if (this.#parts.own.has(host, port)) return "own_address";
    return this.#listener.limits.admit("flow", unmapHost(host));
  }

  #makeRoom(shortage: Shortage, host: string): boolean {
    const { limits, name } = this.#listener;
    if (limits.refusesSource(unmapHost(host))) return false;
    return this.#parts.crowd.displace(shortage === "limit_flows" ? name : undefined);
  }

  /** Replaces a flow whose target is gone with another, which keeps what was detected. */
  #renew(flow: Flow<FlowData>, bytes: Uint8Array, from: DatagramAddress): undefined {
    this.end(flow, "target_gone");
    const { detected, watches } = flow.data;
    const { now } = this.#parts.clock;
    const fate = this.#table.arrive(flow.slot, flow.host, flow.port, bytes, now);
    if (fate === "new" && this.#table.flow !== undefined) {
      this.#table.flow.data.watches = watches;
      this.#begin(this.#table.flow, from, detected);
    }
  }

  /**
   * Makes each flow keep its client: another shunt will get what is new at the address.
   *
   * @param on Whether flows that begin from now on keep theirs too
   */
  hold(on: boolean): void {
    this.#holding = on;
    for (const flow of this.#table) this.#pin(flow.data);
  }

  /** Leaves what clients send to the other shunt. Answers to earlier datagrams still reach them. */
  leave(): void {
    for (const flow of this.#table) this.#leave(flow.data);
  }

  #leave(data: FlowData): void {
    const { pin } = data;
    data.pin = undefined;
    pin?.leave();
  }

  #pin(data: FlowData): void {
    if (data.client === undefined) return;
    try {
      data.pin ??= this.#socket.pin?.(data.client);
    } catch {
      // No descriptor is left: the client has to start again.
    }
  }

  /** Ends flows that are idle or overdue; `now` is the coarse time in milliseconds. */
  sweep(now: number): void {
    if (this.draining) this.#endQuiet(now);
    if (now < this.#nextSweep) return;
    this.#nextSweep = now + (this.#table.size > MANY_FLOWS ? SLOW_SWEEP_MS : 0);
    this.#table.sweep(now, (flow, why) => {
      if (why === "idle") this.end(flow, "idle_timeout");
      else if (flow.state !== "detecting") this.end(flow, "dns_failed");
      else if (flow.data.listener.config.detect.on_timeout === "close") {
        this.end(flow, "detect_timeout");
      } else this.#steps.conclude(flow, "deadline");
    });
    for (const { data } of this.#table) data.count();
    this.#expireDead();
  }

  /** Marks the flows of dead targets: each is replaced at its next datagram. */
  #expireDead(): void {
    const { upstreams } = this.#listener;
    const targets = upstreams.values().flatMap(({ targets }) => targets);
    if (!targets.some(({ standing }) => standing.dead)) return;
    for (const flow of this.#table) {
      if (flow.data.target?.standing.dead) this.#table.expire(flow);
    }
  }

  /** Ends flows that have been silent for a short time, which is enough while draining. */
  #endQuiet(now: number): void {
    for (const flow of this.#table) {
      if (now - flow.lastSeen < DRAIN_IDLE_MS) continue;
      this.#leave(flow.data);
      // A datagram may have arrived in that instant.
      if (now - flow.lastSeen >= DRAIN_IDLE_MS) this.end(flow, "drained");
    }
  }

  /**
   * Ends a flow, on every path. Later calls do nothing.
   *
   * @param flow The flow
   * @param reason Why it ends
   * @param error What caused it, for the log
   */
  end(flow: Flow<FlowData>, reason: CloseReason, error?: unknown): void {
    if (!this.#table.close(flow, reason)) return;
    const { server, pin } = flow.data;
    this.#clients.ended(flow);
    server?.close();
    pin?.close();
    this.#parts.onEnd(flow.data, reason, error);
    if (this.#table.size === 0) this.#onIdle.splice(0).forEach((resolve) => resolve());
  }

  /** Waits until there is no flow. */
  drained(): Promise<void> {
    if (this.#table.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  /** Ends all flows. */
  endAll(reason: CloseReason): void {
    for (const flow of this.#table) this.end(flow, reason);
  }

  #begin(flow: Flow<FlowData>, client: DatagramAddress, known?: Detected): void {
    const { counters, router } = flow.data.listener;
    counters.flows.begin();
    flow.data.client = this.#socket.keep(client);
    this.#clients.began(flow);
    if (router.readsDatagrams) flow.data.ids = ConnectionIds.of(flow.held[0]);
    // It began before the other shunt got what is new, so it has to keep its client as well.
    if (this.#holding) this.#pin(flow.data);
    if (known !== undefined || router.needs("udp", unmapHost(flow.host)) === "nothing") {
      this.#steps.route(flow, known);
    } else {
      flow.data.detection = new Detection("udp", router.wants);
      this.#steps.detect(flow);
    }
  }
}

/** Waits for all sends that take time, if any does. */
function allOf(sent: readonly (Promise<void> | undefined)[]): Promise<void> | undefined {
  return sent.length > 1 ? Promise.all(sent).then(() => {}) : sent[0];
}

function limitsOf({ config }: ListenerState): FlowLimits {
  return {
    flows: config.limits.flows,
    heldBytes: config.detect.max_bytes,
    heldDatagrams: HELD_DATAGRAMS,
    detectMs: config.detect.timeout + TICK_MS,
    unansweredMs: config.limits.unanswered_flow_timeout + TICK_MS,
  };
}
