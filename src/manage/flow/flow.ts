/**
 * The record of one UDP flow and the words around it. Knows where a flow stands in its life and what
 * it has carried; never sockets, routes or the clock.
 *
 * @module
 */

import type { FlowList, Listed } from "./list.ts";

/**
 * Where a flow stands: the route is being found; the target is being resolved; what was held goes to
 * the target in order; datagrams go straight on; over.
 */
export type FlowState = "detecting" | "resolving" | "flushing" | "open" | "closed";

/**
 * What became of a datagram that came in:
 *
 * - `forward`: the flow is open, send the datagram on now
 * - `new`: it began a flow, which holds it; detect, or go on to resolving
 * - `held`: the flow keeps it; while the flow is detecting, ask the detectors again
 * - `full`: it was dropped, and the flow is detecting: conclude with what is held
 * - `dropped`: it was dropped, the flow goes on
 * - `refused`: it was dropped, and there is no flow
 * - `stale`: its flow should not go on: nothing was done with it, close the flow and ask again
 */
export type Arrival = "forward" | "new" | "held" | "full" | "dropped" | "refused" | "stale";

/** Why the sweep reports a flow: nothing either way for `idleMs`, or detecting or resolving too long. */
export type Expiry = "idle" | "deadline";

/** What one listener's flows may take. */
export interface FlowLimits {
  /** Flows at once. */
  readonly flows: number;
  /** Payload bytes that one flow may hold: `detect.max_bytes`. */
  readonly heldBytes: number;
  /** Datagrams that one flow may hold. */
  readonly heldDatagrams: number;
  /** Milliseconds that detection may take: `detect.timeout`. */
  readonly detectMs: number;
  /**
   * How long an open flow may be silent of which the client has sent one datagram and the target none, if
   * that is shorter than its own idle time; no bound of its own unless given.
   */
  readonly unansweredMs?: number;
}

/** Memory that everything which holds bytes shares: `limits.detect_memory`. */
export interface MemoryBudget<D> {
  /**
   * Takes memory. May end other flows for it, and so call the table.
   *
   * @param bytes How much
   * @param flow Whose it is to be; unset for one that is about to begin
   * @returns `false`, with nothing taken, when there is not as much left
   */
  take(bytes: number, flow?: Flow<D>): boolean;
  /**
   * Gives memory back.
   *
   * @param bytes As much as was taken before
   */
  give(bytes: number): void;
  /**
   * Is told how much a flow holds, whenever that has changed.
   *
   * @param flow The flow
   * @param bytes What it has taken and not given back
   */
  note?(flow: Flow<D>, bytes: number): void;
}

/** One client's association with a listener, as everyone but the table sees it. */
export interface Flow<D> {
  /** Unique, sortable id. */
  readonly id: string;
  /** The listener socket that the client writes to. */
  readonly slot: number;
  /** The client's address as the socket shows it. */
  readonly host: string;
  /** The client's port. */
  readonly port: number;
  /** What the shell attaches: route, target, upstream socket. */
  readonly data: D;
  readonly state: FlowState;
  /** Why it ended; empty while it lives. */
  readonly reason: string;
  /** Datagrams that wait, in order of arrival; always the same array, for the detectors' sake. */
  readonly held: readonly Uint8Array[];
  /** Payload bytes of {@linkcode held}. */
  readonly heldBytes: number;
  /** When it began. */
  readonly started: number;
  /** When a datagram last came, either way. */
  readonly lastSeen: number;
  /** When detecting or resolving has taken too long; `Infinity` in the other states. */
  readonly deadline: number;
  /** How long it may be silent; `Infinity` before it has a target. */
  readonly idleMs: number;
  /** Datagrams handed on to the target. */
  readonly upDatagrams: number;
  /** Payload bytes handed on to the target. */
  readonly upBytes: number;
  /** Datagrams that came from the target. */
  readonly downDatagrams: number;
  /** Payload bytes that came from the target. */
  readonly downBytes: number;
  /** Datagrams of this flow that were dropped. */
  readonly dropped: number;
  /** Whether another flow takes its place at the client's next datagram. */
  readonly stale: boolean;
  /** Position in the table; -1 once closed. */
  readonly index: number;
}

/** Who a flow belongs to and when it began. */
export interface FlowOrigin<D> {
  readonly id: string;
  readonly slot: number;
  readonly host: string;
  readonly port: number;
  readonly newData: (flow: Flow<D>) => D;
  readonly now: number;
  readonly deadline: number;
  readonly unansweredMs: number;
}

/** The same flow as the table sees it: it alone writes here. */
export class FlowRecord<D> implements Flow<D>, Listed<FlowRecord<D>> {
  readonly id: string;
  readonly slot: number;
  readonly host: string;
  readonly port: number;
  readonly data: D;
  readonly started: number;
  readonly unansweredMs: number;
  readonly held: Uint8Array[] = [];
  state: FlowState = "detecting";
  reason = "";
  heldBytes = 0;
  /** Whether the first held datagram is with the shell, being sent. */
  sending = false;
  lastSeen: number;
  deadline: number;
  idleMs = Infinity;
  upDatagrams = 0;
  upBytes = 0;
  downDatagrams = 0;
  downBytes = 0;
  dropped = 0;
  stale = false;
  list: FlowList<FlowRecord<D>> | undefined;
  before: FlowRecord<D> | undefined;
  after: FlowRecord<D> | undefined;
  index = -1;

  /** @param origin Who it belongs to and when it began */
  constructor(origin: FlowOrigin<D>) {
    this.id = origin.id;
    this.slot = origin.slot;
    this.host = origin.host;
    this.port = origin.port;
    this.started = origin.now;
    this.lastSeen = origin.now;
    this.deadline = origin.deadline;
    this.unansweredMs = origin.unansweredMs;
    this.data = origin.newData(this);
  }
}
