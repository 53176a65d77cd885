/**
 * The flows of one socket that clients write to: carries out what the flow table decides. The table
 * knows the lives of flows; this knows detection, routes and targets.
 *
 * @module
 */

import { monotonicUlid } from "@std/ulid";
import { type Detected, Detection } from "../detect/mod.ts";
import type { DetectEnd } from "../detect/ends.ts";
import { ConnectError, DetectError, ResolveError } from "../errors.ts";
import type { DatagramAddress, DatagramSocket } from "../io/mod.ts";
import type { CloseReason } from "../observe/counters.ts";
import type { Seen } from "../resolve/router.ts";
import type { Upstream } from "../resolve/upstream.ts";
import { unmapHost } from "../wire/address.ts";
import { concatenate } from "../wire/bytes.ts";
import type { Budget } from "./budget.ts";
import { type Clock, TICK_MS } from "./clock.ts";
import { type DialParts, dialUpstream } from "./dial.ts";
import type { Flow, FlowLimits, MemoryBudget } from "./flow.ts";
import { countBytes, FlowData } from "./flow_data.ts";
import { FlowTable } from "./flow_table.ts";
import { hasDeadTargets, isGone } from "./flow_moves.ts";
import { LocalSlots } from "./local_slots.ts";
import { flowPreface, NOTHING } from "./preface.ts";
import type { ListenerState } from "./session.ts";
import { closesUnreadable, UNREADABLE } from "./unreadable.ts";

/** Idle time of a flow whose upstream sets none: 30 s. */
const IDLE_MS = 30_000;
/** Datagrams that one flow may hold: no handshake that shunt knows opens with more. */
const HELD_DATAGRAMS = 64;

/** Silence after which a flow ends while shunt drains, whatever its upstream's `idle_timeout`. */
const DRAIN_IDLE_MS = 2000;

/** A sweep of 100,000 flows takes 1 ms or more: so many are looked at once a second only. */
const MANY_FLOWS = 10_000;
const SLOW_SWEEP_MS = 1000;

/** Is told of each flow once, at its end. */
export type FlowEnd = (flow: Flow<FlowData>, reason: CloseReason, error: unknown) => void;

/** What flows need. */
export interface FlowParts extends DialParts {
  readonly clock: Clock;
  readonly budget: Budget;
  readonly onEnd: FlowEnd;
}

/** All flows of one socket. */
export class Flows {
  /** Set while no new flow is taken. */
  draining = false;
  readonly #socket: DatagramSocket;
  readonly #parts: FlowParts;
  readonly #table: FlowTable<FlowData>;
  #listener: ListenerState;
  readonly #slots = new LocalSlots();
  readonly #onIdle: (() => void)[] = [];
  readonly #shed = (flow: Flow<FlowData>) => this.end(flow, "detect_memory");
  #handedOver = false;
  #nextSweep = 0;

  /**
   * @param socket Where clients write to; replies leave from it
   * @param listener Whose socket it is
   * @param parts What flows need
   */
  constructor(socket: DatagramSocket, listener: ListenerState, parts: FlowParts) {
    this.#socket = socket;
    this.#listener = listener;
    this.#parts = parts;
    this.#table = new FlowTable<FlowData>({
      limits: limitsOf(listener),
      budget: memoryOf(parts.budget),
      drops: listener.counters.drops,
      newId: () => monotonicUlid(),
      newData: () => new FlowData(this.#listener, this.#shed),
      admit: (host) =>
        this.draining ? "draining" : this.#listener.limits.admit("flow", unmapHost(host)),
      release: ({ host, data }) => data.listener.limits.release("flow", unmapHost(host)),
    });
  }

  /** Whose flows they are: new ones, that is; those that run keep to what they began with. */
  get listener(): ListenerState {
    return this.#listener;
  }

  set listener(listener: ListenerState) {
    this.#listener = listener;
    this.#table.limits = limitsOf(listener);
    this.#table.drops = listener.counters.drops;
    for (const flow of this.#table) {
      if (isGone(flow.data, listener.upstreams)) this.#table.expire(flow);
    }
  }

  /** How many flows live. */
  get size(): number {
    return this.#table.size;
  }

  /** The flows that live now. */
  get live(): Iterable<Flow<FlowData>> {
    return this.#table;
  }

  /**
   * Ends the flow to whose client a datagram could not be sent.
   *
   * @param to The client
   * @param error Why
   */
  undeliverable(to: DatagramAddress, error: unknown): void {
    const flow = this.#table.find(this.#slots.of(to.local), to.hostname, to.port);
    if (flow !== undefined) this.#sendFailed(flow, "client_reset", error);
  }

  /**
   * Takes a datagram of a client's.
   *
   * @param bytes The datagram, borrowed until the promise settles
   * @param from The client
   * @returns A promise where `bytes` are still being sent; it never rejects
   */
  take(bytes: Uint8Array, from: DatagramAddress): Promise<void> | undefined {
    const slot = this.#slots.of(from.local);
    const { now } = this.#parts.clock;
    const arrival = this.#table.arrive(slot, from.hostname, from.port, bytes, now);
    const { flow } = this.#table;
    if (flow === undefined) return;
    switch (arrival) {
      case "forward":
        return this.#send(flow, bytes);
      case "new":
        this.#begin(flow, from);
        return;
      case "held":
        if (flow.state === "detecting") this.#detect(flow);
        return;
      case "full":
        this.#conclude(flow, flow.held.length < HELD_DATAGRAMS ? "max_bytes" : "datagrams");
        return;
      case "stale":
        return this.#renew(flow, bytes, from);
      case "dropped":
      case "refused":
        return;
    }
  }

  /** Begins another flow in the place of one whose target is gone, knowing what that had learned. */
  #renew(flow: Flow<FlowData>, bytes: Uint8Array, from: DatagramAddress): undefined {
    this.end(flow, "target_gone");
    const { detected } = flow.data;
    const { now } = this.#parts.clock;
    const arrival = this.#table.arrive(flow.slot, flow.host, flow.port, bytes, now);
    if (arrival === "new" && this.#table.flow !== undefined) {
      this.#begin(this.#table.flow, from, detected);
    }
  }

  /** Another shunt is about to get what is new at the address: flows keep hearing their clients. */
  handOver(): void {
    this.#handedOver = true;
    for (const flow of this.#table) this.#pin(flow.data);
  }

  #pin(data: FlowData): void {
    if (data.client === undefined) return;
    try {
      data.pin ??= this.#socket.pin?.(data.client);
    } catch {
      // No descriptor is left: the client has to begin anew.
    }
  }

  /**
   * Ends what is idle or overdue.
   *
   * @param now Coarse time in milliseconds
   */
  sweep(now: number): void {
    if (this.draining) this.#endQuiet(now);
    if (now < this.#nextSweep) return;
    this.#nextSweep = now + (this.#table.size > MANY_FLOWS ? SLOW_SWEEP_MS : 0);
    this.#table.sweep(now, (flow, why) => {
      if (why === "idle") this.end(flow, "idle_timeout");
      else if (flow.state !== "detecting") this.end(flow, "dns_failed");
      else if (flow.data.listener.config.detect.on_timeout === "close") {
        this.end(flow, "detect_timeout");
      } else this.#conclude(flow, "deadline");
    });
    for (const flow of this.#table) countBytes(flow);
    this.#expireDead();
  }

  /** Flows of a dead target move at their next datagram. */
  #expireDead(): void {
    if (!hasDeadTargets(this.#listener)) return;
    for (const flow of this.#table) {
      if (flow.data.target?.standing.dead) this.#table.expire(flow);
    }
  }

  /** A flow has no end of its own: while draining, a short silence is one. */
  #endQuiet(now: number): void {
    for (const flow of this.#table) {
      if (now - flow.lastSeen >= DRAIN_IDLE_MS) this.end(flow, "drained");
    }
  }

  /**
   * Ends a flow: the only way, on every path. Later calls do nothing.
   *
   * @param flow The flow
   * @param reason Why it ends
   * @param error What caused it, for the log
   */
  end(flow: Flow<FlowData>, reason: CloseReason, error?: unknown): void {
    if (!this.#table.close(flow, reason)) return;
    const { server, target, pin } = flow.data;
    server?.close();
    pin?.close();
    target?.flows.add(-1);
    if (reason === "target_reset" && !flow.data.answered) target?.flowFailed();
    countBytes(flow);
    const counters = flow.data.listener.counters.flows;
    counters.seconds.observe((performance.now() - flow.data.started) / 1000);
    counters.end(reason);
    this.#parts.onEnd(flow, reason, error);
    if (this.#table.size === 0) this.#onIdle.splice(0).forEach((tell) => tell());
  }

  /** Waits until no flow lives. */
  drained(): Promise<void> {
    if (this.#table.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  /**
   * Ends all flows.
   *
   * @param reason Why
   */
  endAll(reason: CloseReason): void {
    for (const flow of this.#table) this.end(flow, reason);
  }

  #begin(flow: Flow<FlowData>, client: DatagramAddress, known?: Detected): void {
    const { counters, router } = flow.data.listener;
    counters.flows.begin();
    flow.data.client = this.#socket.keep(client);
    // Begun before the other one gets what is new, it has to keep its client as well.
    if (this.#handedOver) this.#pin(flow.data);
    if (known !== undefined || router.needs("udp", unmapHost(flow.host)) === "nothing") {
      this.#route(flow, known);
    } else {
      flow.data.detection = new Detection("udp", router.needsHost, router.alpn);
      this.#detect(flow);
    }
  }

  #detect(flow: Flow<FlowData>): void {
    const detected = flow.data.detection?.datagrams(flow.held);
    if (detected !== undefined) this.#route(flow, detected);
  }

  /** Goes on with what is certain, where no more datagrams come or may be held. */
  #conclude(flow: Flow<FlowData>, end: DetectEnd): void {
    this.#route(flow, flow.data.detection?.conclude(end));
  }

  #route(flow: Flow<FlowData>, detected?: Detected): void {
    const { data } = flow;
    const counters = data.listener.counters.flows;
    if (detected !== undefined) {
      data.detected = detected;
      data.detection = undefined;
      data.detectMs = performance.now() - data.started;
      counters.detectSeconds.observe(data.detectMs / 1000);
    }
    counters.detect(detected?.protocol);
    const seen: Seen = {
      transport: "udp",
      protocol: detected?.protocol ?? "",
      source: unmapHost(flow.host),
      ...detected?.facts,
    };
    if (detected?.end !== undefined) {
      counters.endDetection(detected.end);
      if (closesUnreadable(data.listener, detected, seen)) {
        return this.end(flow, "unreadable", new DetectError(UNREADABLE, { code: "unreadable" }));
      }
    }
    const route = data.listener.router.match(seen);
    if (route === undefined) return this.end(flow, "no_route");
    data.route = route;
    counters.match(route.index);
    const upstream = data.listener.upstreams.get(route.upstream);
    if (upstream === undefined) return this.end(flow, "internal_error");
    data.upstream = upstream;
    this.#table.resolving(flow, upstream.config.connect_timeout + TICK_MS);
    this.#open(flow, upstream).catch((error: unknown) => {
      if (error instanceof ConnectError || error instanceof ResolveError) {
        this.end(flow, error.code as CloseReason, error);
      } else {
        this.end(flow, "internal_error", error);
      }
    });
  }

  /** Finds a target that can be sent to, and sends what is held. */
  async #open(flow: Flow<FlowData>, upstream: Upstream): Promise<void> {
    const { data } = flow;
    const dialed = dialUpstream(flow, upstream, {
      ...this.#parts,
      onReply: (bytes) => this.#reply(flow, bytes),
      onStranger: () => {
        data.listener.counters.drops.not_target++;
      },
      onError: (error) => this.end(flow, "target_reset", error),
    });
    // No await where there is nothing to wait for: the rest of a batch is not held, but forwarded.
    const server = dialed instanceof Promise ? await dialed : dialed;
    if (server === undefined) return;
    const idleMs = (upstream.config.idle_timeout ?? IDLE_MS) + TICK_MS;
    if (!this.#table.opened(flow, idleMs)) return server.close();
    data.server = server;
    data.connectMs = performance.now() - data.started - (data.detectMs ?? 0);
    upstream.times.udp.observe(data.connectMs / 1000);
    data.target?.totals.addFlow();
    data.preface = flowPreface(flow, upstream, this.#socket.local);
    for (let held = this.#table.nextHeld(flow); held; held = this.#table.nextHeld(flow)) {
      const sent = this.#send(flow, held);
      if (sent !== undefined) await sent;
    }
    // A reload that came meanwhile has not asked about a flow without a target.
    if (data.listener !== this.#listener && isGone(data, this.#listener.upstreams)) {
      this.#table.expire(flow);
    }
  }

  #send(flow: Flow<FlowData>, bytes: Uint8Array): Promise<void> | undefined {
    const { data } = flow;
    const { preface } = data;
    // It goes with the first datagram that can be sent.
    data.preface = NOTHING;
    try {
      const sent = data.server?.send(preface === NOTHING ? bytes : concatenate(preface, bytes));
      return sent === undefined ? undefined : this.#settle(flow, sent, "target_reset", preface);
    } catch (error) {
      data.preface = preface;
      this.#sendFailed(flow, "target_reset", error);
    }
  }

  #reply(flow: Flow<FlowData>, bytes: Uint8Array): Promise<void> | undefined {
    const { data } = flow;
    const { client } = data;
    if (client === undefined) return;
    if (!data.answered) {
      data.answered = true;
      data.target?.standing.answered();
    }
    if (!this.#table.reply(flow, bytes.length, this.#parts.clock.now)) return;
    try {
      const sent = this.#socket.send(bytes, client);
      return sent === undefined ? undefined : this.#settle(flow, sent, "client_reset");
    } catch (error) {
      this.#sendFailed(flow, "client_reset", error);
    }
  }

  async #settle(
    flow: Flow<FlowData>,
    sent: Promise<unknown>,
    reason: CloseReason,
    preface = NOTHING,
  ): Promise<void> {
    try {
      await sent;
    } catch (error) {
      if (preface !== NOTHING) flow.data.preface = preface;
      this.#sendFailed(flow, reason, error);
    }
  }

  /** One datagram that cannot be sent is lost; a socket that cannot send ends its flow. */
  #sendFailed(flow: Flow<FlowData>, reason: CloseReason, error: unknown): void {
    if (this.#parts.io.classify(error) === "not_sent") {
      flow.data.listener.counters.drops.send_failed++;
    } else this.end(flow, reason, error);
  }
}

/** The memory of all detections, as a flow table asks for it. */
function memoryOf(budget: Budget): MemoryBudget<FlowData> {
  return {
    take: (bytes, flow) => budget.claim(bytes, flow?.data),
    give: (bytes) => budget.give(bytes),
    note: (flow, bytes) => {
      flow.data.flow = flow;
      budget.note(flow.data, bytes);
    },
  };
}

function limitsOf({ config }: ListenerState): FlowLimits {
  return {
    flows: config.limits.flows,
    heldBytes: config.detect.max_bytes,
    heldDatagrams: HELD_DATAGRAMS,
    detectMs: config.detect.timeout + TICK_MS,
  };
}
