/**
 * The table of one listener's UDP flows: who they are, where each stands, what they hold and when
 * they expire. Never touches a socket, a clock or randomness: datagrams and time are arguments.
 *
 * @module
 */

import type { DropReason } from "../observe/counters.ts";
import {
  type Arrival,
  type Expiry,
  type Flow,
  type FlowLimits,
  FlowRecord,
  type FlowState,
  type MemoryBudget,
} from "./flow.ts";

/**
 * What a held datagram costs beside its payload: measured 400 to 480 bytes of resident memory for a
 * `Uint8Array` of its own. Charged so that floods of empty datagrams meet the budget too.
 */
export const HELD_OVERHEAD = 400;

/**
 * How many closed flows stay in the maps at most until the next sweep. A `Map` keeps a deleted entry in its
 * hash chain until it rehashes: deleting at once, one client that comes and goes beside 10,000 others
 * walked thousands of dead entries, 80 µs a flow instead of 2.
 */
const CLOSED_KEPT = 1024;

/** What a table needs from outside; none of these functions may throw or, unless it says so, call the table. */
export interface FlowTableOptions<D> {
  /** What the flows may take. */
  readonly limits: FlowLimits;
  /** Memory for held datagrams, shared with whatever else holds bytes. */
  readonly budget: MemoryBudget<D>;
  /** Counts dropped datagrams; may count what others drop as well. */
  readonly drops: Record<DropReason, number>;
  /** Makes the id of a new flow. */
  readonly newId: () => string;
  /** Makes what the shell attaches to a new flow. */
  readonly newData: () => D;
  /** Asked once per new flow: a drop reason refuses it, `undefined` admits it. */
  readonly admit: (host: string) => DropReason | undefined;
  /** Called exactly once for every admitted flow, when it closes. */
  readonly release: (flow: Flow<D>) => void;
}

/**
 * The flows of one listener. No method throws, whatever the order of calls; on a closed flow, or
 * one of another table, they do nothing. Time that runs backwards stands still.
 *
 * Every datagram that arrives is in exactly one place: handed on (`upDatagrams`), held, or in `drops`.
 */
export class FlowTable<D> {
  /** What the flows may take; a reload assigns new ones, which running flows outlive. */
  limits: FlowLimits;
  /** Where dropped datagrams are counted; may be assigned as well. */
  drops: Record<DropReason, number>;
  /** The flow that the last {@linkcode arrive} concerned; `undefined` when it was refused. */
  flow: Flow<D> | undefined;
  /** Flows by state. */
  readonly counts: Readonly<Record<Exclude<FlowState, "closed">, number>>;
  readonly #counts = { detecting: 0, resolving: 0, flushing: 0, open: 0 };
  readonly #options: FlowTableOptions<D>;
  /** By slot, then host, then port: 54 ns a look-up, where one joined string costs 133. */
  readonly #slots: Map<string, Map<number, FlowRecord<D>>>[] = [];
  /** All flows, dense, so that a sweep is a plain loop that allocates nothing. */
  readonly #all: FlowRecord<D>[] = [];
  /** Closed flows that the maps still know. */
  readonly #closed: FlowRecord<D>[] = [];
  #now = -Infinity;
  #held = 0;

  /** @param options What the table needs from outside */
  constructor(options: FlowTableOptions<D>) {
    this.#options = options;
    this.limits = options.limits;
    this.drops = options.drops;
    this.counts = this.#counts;
  }

  /**
   * Tells how many flows live.
   *
   * @returns The number of flows
   */
  get size(): number {
    return this.#all.length;
  }

  /**
   * Tells how much of the budget held datagrams take: payload and {@linkcode HELD_OVERHEAD} each.
   *
   * @returns Bytes
   */
  get held(): number {
    return this.#held;
  }

  /**
   * Tells how many client addresses the table knows, each once per slot: those of flows that live,
   * and until the next sweep those of flows that have closed.
   *
   * @returns The number of addresses
   */
  get hosts(): number {
    return this.#slots.reduce((sum, hosts) => sum + hosts.size, 0);
  }

  /**
   * Walks over all flows. The flow it stands on may be closed; where others close meanwhile, one
   * may be seen twice, none is missed.
   *
   * @returns Every flow
   */
  *[Symbol.iterator](): Generator<Flow<D>> {
    for (let i = this.#all.length - 1; i >= 0; i--) {
      const flow = this.#all[i];
      if (flow !== undefined) yield flow;
    }
  }

  /**
   * Takes a datagram in. The caller keeps its buffer: what is held is a copy.
   *
   * @param slot The listener socket it came from: a small integer, 0 and up
   * @param host The client's address
   * @param port The client's port
   * @param datagram The payload; empty is legal
   * @param now The time in milliseconds
   * @returns What became of it; the flow is in {@linkcode flow}
   */
  arrive(slot: number, host: string, port: number, datagram: Uint8Array, now: number): Arrival {
    if (now > this.#now) this.#now = now;
    const flow = this.#slots[slot]?.get(host)?.get(port);
    if (flow === undefined || flow.state === "closed") {
      return this.#begin(slot, host, port, datagram);
    }
    this.flow = flow;
    if (flow.stale && flow.state === "open") return "stale";
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

  /**
   * Finds a flow.
   *
   * @param slot The listener socket its client writes to
   * @param host The client's address
   * @param port The client's port
   * @returns The flow, if it lives
   */
  find(slot: number, host: string, port: number): Flow<D> | undefined {
    const flow = this.#slots[slot]?.get(host)?.get(port);
    return flow?.state === "closed" ? undefined : flow;
  }

  /**
   * Ends detection: the route is known, the target is sought.
   *
   * @param flow The flow, in state `detecting`
   * @param timeoutMs How long resolving may take from now
   * @returns `false` when the flow is not detecting (closed meanwhile)
   */
  resolving(flow: Flow<D>, timeoutMs: number): boolean {
    const record = this.#own(flow);
    if (record?.state !== "detecting") return false;
    this.#enter(record, "resolving");
    record.deadline = this.#now + timeoutMs;
    return true;
  }

  /**
   * Ends resolving: there is a socket to send through. Take {@linkcode nextHeld} until it is empty.
   *
   * @param flow The flow, in state `resolving`
   * @param idleMs How long the flow may be silent from now on
   * @returns `false` when the flow is not resolving: close the socket that was made for it
   */
  opened(flow: Flow<D>, idleMs: number): boolean {
    const record = this.#own(flow);
    if (record?.state !== "resolving") return false;
    this.#enter(record, "flushing");
    record.deadline = Infinity;
    record.idleMs = idleMs;
    record.lastSeen = this.#now;
    return true;
  }

  /**
   * Hands out the next held datagram to send. It occupies its memory until the next call, which is
   * due once it is sent; what arrives meanwhile queues up behind it.
   *
   * @param flow The flow, in state `flushing`
   * @returns The datagram; `undefined` when none is left, which makes the flow `open`
   */
  nextHeld(flow: Flow<D>): Uint8Array | undefined {
    const record = this.#own(flow);
    if (record?.state !== "flushing") return undefined;
    if (record.sending) {
      record.sending = false;
      const sent = record.held.shift();
      if (sent !== undefined) this.#letGo(record, sent.length, 1);
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
   * @returns `false` when it must not be relayed, because the flow is over
   */
  reply(flow: Flow<D>, bytes: number, now: number): boolean {
    if (now > this.#now) this.#now = now;
    const record = this.#own(flow);
    if (record?.state !== "open" && record?.state !== "flushing") return false;
    record.lastSeen = this.#now;
    record.downDatagrams++;
    record.downBytes += bytes;
    return true;
  }

  /**
   * Marks a flow whose place another takes at its client's next datagram.
   *
   * @param flow The flow, in any state
   */
  expire(flow: Flow<D>): void {
    const record = this.#own(flow);
    if (record !== undefined) record.stale = true;
  }

  /**
   * Ends a flow and frees all it had; what it still held is dropped as `flow_closed`.
   *
   * @param flow The flow, in any state
   * @param reason Why it ends
   * @returns Whether this call ended it: `false` from the second call on
   */
  close(flow: Flow<D>, reason: string): boolean {
    const record = this.#own(flow);
    if (record === undefined) return false;
    const lost = record.held.length - (record.sending ? 1 : 0);
    record.dropped += lost;
    this.drops.flow_closed += lost;
    this.#letGo(record, record.heldBytes, record.held.length);
    record.held.length = 0;
    this.#note(record);
    record.sending = false;
    this.#enter(record, "closed");
    record.reason = reason;
    this.#remove(record);
    this.#options.release(record);
    return true;
  }

  /**
   * Reports every flow that is past its deadline or has been silent for too long. The table does not
   * close it: a flow that is neither closed nor moved on is reported again by the next sweep.
   *
   * @param now The time in milliseconds
   * @param onExpired Gets the flow and why; may call the table
   */
  sweep(now: number, onExpired: (flow: Flow<D>, why: Expiry) => void): void {
    if (now > this.#now) this.#now = now;
    const time = this.#now;
    // Backwards: closing moves the last flow, which was looked at already, into the gap.
    for (let i = this.#all.length - 1; i >= 0; i--) {
      const flow = this.#all[i];
      if (flow === undefined) continue;
      // Negated, so that a time that is not a number expires a flow rather than keeping it for ever.
      if (!(time < flow.deadline)) onExpired(flow, "deadline");
      else if (!(time - flow.lastSeen < flow.idleMs)) onExpired(flow, "idle");
    }
    this.#forget();
  }

  #begin(slot: number, host: string, port: number, datagram: Uint8Array): Arrival {
    const refusal = this.#all.length >= this.limits.flows
      ? "limit_flows"
      : this.#refusal(datagram.length) ?? this.#admit(host, datagram.length);
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
      data: this.#options.newData(),
      now: this.#now,
      deadline: this.#now + this.limits.detectMs,
    });
    const hosts = this.#slots[slot] ??= new Map();
    const ports = hosts.get(host);
    if (ports === undefined) hosts.set(host, new Map([[port, flow]]));
    else ports.set(port, flow);
    flow.index = this.#all.push(flow) - 1;
    this.#counts.detecting++;
    this.#hold(flow, datagram);
    this.flow = flow;
    return "new";
  }

  /** Asks last, as an admission counts; gives back what {@linkcode #refusal} took when it is denied. */
  #admit(host: string, bytes: number): DropReason | undefined {
    const refusal = this.#options.admit(host);
    if (refusal !== undefined) this.#options.budget.give(bytes + HELD_OVERHEAD);
    return refusal;
  }

  /** Tells why a datagram cannot be held; where it can, its memory is taken. */
  #refusal(bytes: number, flow?: FlowRecord<D>): DropReason | undefined {
    const heldDatagrams = flow?.held.length ?? 0;
    const heldBytes = flow?.heldBytes ?? 0;
    if (heldDatagrams >= this.limits.heldDatagrams) return "held_datagrams";
    // One is held whatever its size: where nothing has to be detected, it goes on at once.
    if (heldDatagrams > 0 && heldBytes + bytes > this.limits.heldBytes) return "held_bytes";
    return this.#options.budget.take(bytes + HELD_OVERHEAD, flow) ? undefined : "detect_memory";
  }

  #hold(flow: FlowRecord<D>, datagram: Uint8Array): void {
    // Not `slice`, which node's Buffer overrides to share memory.
    flow.held.push(new Uint8Array(datagram));
    flow.heldBytes += datagram.length;
    this.#held += datagram.length + HELD_OVERHEAD;
    this.#note(flow);
  }

  #letGo(flow: FlowRecord<D>, bytes: number, datagrams: number): void {
    const taken = bytes + datagrams * HELD_OVERHEAD;
    flow.heldBytes -= bytes;
    this.#held -= taken;
    this.#options.budget.give(taken);
  }

  #note(flow: FlowRecord<D>): void {
    this.#options.budget.note?.(flow, flow.heldBytes + flow.held.length * HELD_OVERHEAD);
  }

  #enter(flow: FlowRecord<D>, state: FlowState): void {
    if (flow.state !== "closed") this.#counts[flow.state]--;
    if (state !== "closed") this.#counts[state]++;
    flow.state = state;
  }

  #remove(flow: FlowRecord<D>): void {
    const last = this.#all.pop();
    if (last !== undefined && last !== flow) {
      this.#all[flow.index] = last;
      last.index = flow.index;
    }
    flow.index = -1;
    if (this.#closed.push(flow) >= CLOSED_KEPT) this.#forget();
  }

  /** Takes the closed flows out of the maps, unless their client has begun a new one since. */
  #forget(): void {
    for (const flow of this.#closed) {
      const hosts = this.#slots[flow.slot];
      const ports = hosts?.get(flow.host);
      if (ports?.get(flow.port) !== flow) continue;
      ports.delete(flow.port);
      if (ports.size === 0) hosts?.delete(flow.host);
    }
    this.#closed.length = 0;
  }

  /** The record behind a flow that lives in this table. */
  #own(flow: Flow<D>): FlowRecord<D> | undefined {
    const record = this.#all[flow.index];
    return record === flow ? record : undefined;
  }
}
