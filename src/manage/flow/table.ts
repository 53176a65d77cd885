/**
 * The table of one listener's UDP flows: their clients, their states, what they hold and when they expire.
 * Never touches a socket, a clock or randomness: datagrams and time are arguments.
 *
 * @module
 */

import type { DropReason } from "../../observe/reasons.ts";
import { FlowIndex } from "./flow_index.ts";
import { FlowList } from "./list.ts";
import {
  type DatagramFate,
  type Expiry,
  type Flow,
  type FlowLimits,
  FlowRecord,
  type FlowState,
  type FlowTableOptions,
  isShortage,
} from "./flow.ts";

/**
 * What a held datagram costs besides its payload: measured 400 to 480 bytes of resident memory for a
 * `Uint8Array` of its own. It is charged, so that the budget also stops floods of empty datagrams.
 */
export const HELD_OVERHEAD = 400;

/**
 * Flows that end at most for a new one: one for a place in the table, one for a descriptor. With more, a
 * datagram could end many if a reload has lowered the limit.
 */
const MOST_DISPLACED = 2;

/** Milliseconds of silence after which a flow that had an answer to its only datagram may have to make room. */
const QUIET_MS = 2000;

/**
 * The flows of one listener. No method throws, whatever the order of calls. On a closed flow, or a flow of
 * another table, they do nothing. A time before the last one counts as the last one.
 *
 * Every datagram that arrives is in exactly one place: sent (`upDatagrams`), held, or in `drops`.
 */
export class FlowTable<D> {
  /** The limits. A reload assigns new ones; running flows stay even if they exceed them. */
  limits: FlowLimits;
  /** Counts dropped datagrams; a reload assigns new counts. */
  drops: Record<DropReason, number>;
  /** The flow of the last {@linkcode arrive}; `undefined` if it was refused. */
  flow: Flow<D> | undefined;
  /** Flows by state. */
  readonly counts: Readonly<Record<Exclude<FlowState, "closed">, number>>;
  readonly #counts = { detecting: 0, resolving: 0, flushing: 0, open: 0 };
  readonly #options: FlowTableOptions<D>;
  readonly #index = new FlowIndex<D>();
  /** Flows whose client has sent one datagram and whose target none, oldest first. */
  readonly #unanswered = new FlowList<FlowRecord<D>>();
  /** Flows whose client has sent one datagram and whose target has answered; the first is quiet longest. */
  readonly #answered = new FlowList<FlowRecord<D>>();
  #now = -Infinity;
  #held = 0;

  constructor(options: FlowTableOptions<D>) {
    this.#options = options;
    this.limits = options.limits;
    this.drops = options.drops;
    this.counts = this.#counts;
  }

  /** The number of flows. */
  get size(): number {
    return this.#index.all.length;
  }

  /** Bytes of the budget that held datagrams take: payload and {@linkcode HELD_OVERHEAD} each. */
  get held(): number {
    return this.#held;
  }

  /** The number of client addresses, each once per slot; until the next sweep also those of closed flows. */
  get hosts(): number {
    return this.#index.hosts;
  }

  /** The flow that has waited longest for a first answer to its only datagram, if any does. */
  get oldestUnanswered(): Flow<D> | undefined {
    return this.#unanswered.first;
  }

  /** The flow that has been silent longest, for 2 s or more, after answers to its only datagram, if any. */
  get oldestQuiet(): Flow<D> | undefined {
    const flow = this.#answered.first;
    return flow !== undefined && this.#now - flow.lastSeen >= QUIET_MS ? flow : undefined;
  }

  /**
   * Lists all flows. The last listed flow may be closed. If others close meanwhile, one may be listed twice,
   * and none is missed.
   */
  *[Symbol.iterator](): Generator<Flow<D>> {
    const { all } = this.#index;
    for (let i = all.length - 1; i >= 0; i--) {
      const flow = all[i];
      if (flow !== undefined) yield flow;
    }
  }

  /**
   * Takes a datagram in. The caller keeps its buffer: the table holds a copy.
   *
   * @param slot The listener socket it came from: a small integer, 0 and up
   * @param host The client's address
   * @param port The client's port
   * @param datagram The payload; empty is legal
   * @param now The time in milliseconds
   * @returns What was done with it; the flow is in {@linkcode flow}
   */
  arrive(
    slot: number,
    host: string,
    port: number,
    datagram: Uint8Array,
    now: number,
  ): DatagramFate {
    if (now > this.#now) this.#now = now;
    const flow = this.#index.find(slot, host, port);
    if (flow === undefined || flow.state === "closed") {
      return this.#begin(slot, host, port, datagram);
    }
    this.flow = flow;
    if (flow.stale && flow.state === "open") return "stale";
    flow.list?.delete(flow);
    flow.lastSeen = this.#now;
    if (flow.state === "open") {
      flow.upDatagrams++;
      flow.upBytes += datagram.length;
      return "forward";
    }
    const refusal = this.#refusal(datagram.length, flow);
    if (refusal === undefined) {
      this.#hold(flow, datagram);
      return "held";
    }
    flow.dropped++;
    this.drops[refusal]++;
    return flow.state === "detecting" ? "full" : "dropped";
  }

  /** Finds the flow of a client, if there is one. */
  find(slot: number, host: string, port: number): Flow<D> | undefined {
    const flow = this.#index.find(slot, host, port);
    return flow?.state === "closed" ? undefined : flow;
  }

  /**
   * Ends detection: the route is known, and a target is being found.
   *
   * @param flow The flow, in state `detecting`
   * @param timeoutMs Milliseconds that resolving may take from now
   * @returns `false` if the flow is not detecting (closed meanwhile)
   */
  resolving(flow: Flow<D>, timeoutMs: number): boolean {
    const record = this.#index.recordOf(flow);
    if (record?.state !== "detecting") return false;
    this.#enter(record, "resolving");
    record.deadline = this.#now + timeoutMs;
    return true;
  }

  /**
   * Ends resolving: there is a socket to send through. Call {@linkcode nextHeld} until it returns nothing.
   *
   * @param flow The flow, in state `resolving`
   * @param idleMs Milliseconds that the flow may be silent from now on
   * @returns `false` if the flow is not resolving: close the socket that was made for it
   */
  opened(flow: Flow<D>, idleMs: number): boolean {
    const record = this.#index.recordOf(flow);
    if (record?.state !== "resolving") return false;
    this.#enter(record, "flushing");
    record.deadline = Infinity;
    record.idleMs = idleMs;
    record.lastSeen = this.#now;
    return true;
  }

  /**
   * Returns the next held datagram to send. It keeps its memory until the next call, which has to come once it
   * is sent. Datagrams that arrive meanwhile queue behind it.
   *
   * @param flow The flow, in state `flushing`
   * @returns The datagram; `undefined` if none is left, which makes the flow `open`
   */
  nextHeld(flow: Flow<D>): Uint8Array | undefined {
    const record = this.#index.recordOf(flow);
    if (record?.state !== "flushing") return undefined;
    if (record.sending) {
      record.sending = false;
      const sent = record.held.shift();
      if (sent !== undefined) this.#giveBack(record, sent.length, 1);
      this.#note(record);
    }
    const next = record.held[0];
    if (next === undefined) {
      this.#enter(record, "open");
      return undefined;
    }
    record.sending = true;
    record.upDatagrams++;
    record.upBytes += next.length;
    return next;
  }

  /**
   * Counts a datagram from the flow's target.
   *
   * @param flow The flow, in state `flushing` or `open`
   * @param bytes Its payload bytes
   * @param now The time in milliseconds
   * @returns `false` if it must not be relayed, because the flow has ended
   */
  reply(flow: Flow<D>, bytes: number, now: number): boolean {
    if (now > this.#now) this.#now = now;
    const record = this.#index.recordOf(flow);
    if (record?.state !== "open" && record?.state !== "flushing") return false;
    if (record.list !== undefined) this.#answered.add(record);
    record.lastSeen = this.#now;
    record.downDatagrams++;
    record.downBytes += bytes;
    return true;
  }

  /** Marks a flow in any state: another replaces it at its client's next datagram. */
  expire(flow: Flow<D>): void {
    const record = this.#index.recordOf(flow);
    if (record !== undefined) record.stale = true;
  }

  /**
   * Ends a flow and frees everything that it had. Datagrams that it still held are dropped as `flow_closed`.
   *
   * @param flow The flow, in any state
   * @param reason Why it ends
   * @returns Whether this call ended it: `false` from the second call on
   */
  close(flow: Flow<D>, reason: string): boolean {
    const record = this.#index.recordOf(flow);
    if (record === undefined) return false;
    const lost = record.held.length - (record.sending ? 1 : 0);
    record.dropped += lost;
    this.drops.flow_closed += lost;
    this.#giveBack(record, record.heldBytes, record.held.length);
    record.held.length = 0;
    this.#note(record);
    record.sending = false;
    this.#enter(record, "closed");
    record.reason = reason;
    record.list?.delete(record);
    this.#index.delete(record);
    this.#options.release(record);
    return true;
  }

  /**
   * Reports every flow that is past its deadline or has been silent for too long. The table does not close
   * it: the next sweep reports it again unless it has closed or changed its state.
   *
   * @param now The time in milliseconds
   * @param onExpired Gets the flow and why; may call the table
   */
  sweep(now: number, onExpired: (flow: Flow<D>, why: Expiry) => void): void {
    if (now > this.#now) this.#now = now;
    const time = this.#now;
    // Backwards, because closing a flow moves the last one, which has been checked already, into its place.
    const { all } = this.#index;
    for (let i = all.length - 1; i >= 0; i--) {
      const flow = all[i];
      if (flow === undefined) continue;
      // Negated: a time that is not a number expires a flow rather than keeping it for ever.
      if (!(time < flow.deadline)) onExpired(flow, "deadline");
      else if (!(time - flow.lastSeen < this.#idleOf(flow))) onExpired(flow, "idle");
    }
    this.#index.forget();
  }

  /** Returns how long a flow may be silent. Before it has a target, its deadline counts instead. */
  #idleOf({ list, idleMs, unansweredMs }: FlowRecord<D>): number {
    if (list !== this.#unanswered || idleMs === Infinity) return idleMs;
    return Math.min(idleMs, unansweredMs);
  }

  #begin(slot: number, host: string, port: number, datagram: Uint8Array): DatagramFate {
    const refusal = this.#isFull && !this.#hasDisplaceable
      ? "limit_flows"
      : this.#refusal(datagram.length) ?? this.#admit(host, port, datagram.length);
    if (refusal !== undefined) {
      this.flow = undefined;
      this.drops[refusal]++;
      return "refused";
    }
    const flow = new FlowRecord<D>({
      id: this.#options.newId(),
      slot,
      host,
      port,
      newData: this.#options.newData,
      started: this.#now,
      deadline: this.#now + this.limits.detectMs,
      unansweredMs: this.limits.unansweredMs ?? Infinity,
    });
    this.#index.add(flow);
    this.#unanswered.add(flow);
    this.#counts.detecting++;
    this.#hold(flow, datagram);
    this.flow = flow;
    return "new";
  }

  get #hasDisplaceable(): boolean {
    const found = this.oldestUnanswered ?? this.oldestQuiet;
    return found !== undefined && this.#options.makeRoom !== undefined;
  }

  get #isFull(): boolean {
    return this.#index.all.length >= this.limits.flows;
  }

  /**
   * Asks for admission: last, because an admission counts, and again if another flow has made room. If it is
   * denied, gives back what {@linkcode #refusal} took.
   */
  #admit(host: string, port: number, bytes: number): DropReason | undefined {
    for (let displaced = 0;; displaced++) {
      const refusal = this.#isFull ? "limit_flows" : this.#options.admit(host, port);
      if (refusal === undefined) return undefined;
      const again = isShortage(refusal) && displaced < MOST_DISPLACED &&
        this.#options.makeRoom?.(refusal, host) === true;
      if (again) continue;
      this.#options.budget.give(bytes + HELD_OVERHEAD);
      return refusal;
    }
  }

  /** Returns why a datagram cannot be held. If it can be, takes the memory for it. */
  #refusal(bytes: number, flow?: FlowRecord<D>): DropReason | undefined {
    const heldDatagrams = flow?.held.length ?? 0;
    const heldBytes = flow?.heldBytes ?? 0;
    if (heldDatagrams >= this.limits.heldDatagrams) return "held_datagrams";
    // One is held whatever its size: if nothing has to be detected, it is sent at once.
    if (heldDatagrams > 0 && heldBytes + bytes > this.limits.heldBytes) return "held_bytes";
    return this.#options.budget.claim(bytes + HELD_OVERHEAD, flow?.data)
      ? undefined
      : "detect_memory";
  }

  #hold(flow: FlowRecord<D>, datagram: Uint8Array): void {
    // Not `slice`, which node's Buffer overrides to share memory.
    flow.held.push(new Uint8Array(datagram));
    flow.heldBytes += datagram.length;
    this.#held += datagram.length + HELD_OVERHEAD;
    this.#note(flow);
  }

  #giveBack(flow: FlowRecord<D>, bytes: number, datagrams: number): void {
    const taken = bytes + datagrams * HELD_OVERHEAD;
    flow.heldBytes -= bytes;
    this.#held -= taken;
    this.#options.budget.give(taken);
  }

  #note(flow: FlowRecord<D>): void {
    this.#options.budget.note(flow.data, flow.heldBytes + flow.held.length * HELD_OVERHEAD);
  }

  #enter(flow: FlowRecord<D>, state: FlowState): void {
    if (flow.state !== "closed") this.#counts[flow.state]--;
    if (state !== "closed") this.#counts[state]++;
    flow.state = state;
  }
}
