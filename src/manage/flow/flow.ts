/**
 * The record of one UDP flow, and the types around it. Knows a flow's state and what it has carried; never
 * sockets, routes or the clock.
 *
 * @module
 */

import type { DropReason } from "../../observe/reasons.ts";
import type { FlowList, Listed } from "./list.ts";

/**
 * The state of a flow: its route is being found; its target is being resolved; held datagrams are being sent to
 * the target in order; datagrams are forwarded at once; the flow has ended.
 */
export type FlowState = "detecting" | "resolving" | "flushing" | "open" | "closed";

/**
 * What the table did with a datagram that arrived:
 *
 * - `forward`: the flow is open: send the datagram now
 * - `new`: it began a flow, which holds it: detect, or continue with resolving
 * - `held`: the flow holds it: if the flow is detecting, ask the detectors again
 * - `full`: it was dropped, and the flow is detecting: conclude with what is held
 * - `dropped`: it was dropped, and the flow continues
 * - `refused`: it was dropped, and there is no flow
 * - `stale`: nothing, because its flow should end: close the flow and ask again
 */
export type DatagramFate = "forward" | "new" | "held" | "full" | "dropped" | "refused" | "stale";

/** Why the sweep reports a flow: silent for `idleMs`, or detecting or resolving for too long. */
export type Expiry = "idle" | "deadline";

/** The limits of one listener's flows. */
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
   * How long an open flow may be silent if its client has sent one datagram and its target none, unless its
   * own idle time is shorter. No such bound unless given.
   */
  readonly unansweredMs?: number;
}

/** Memory that all holders of bytes share: `Budget` in limits/budget.ts. */
export interface MemoryBudget<D> {
  /** Takes bytes; may end other flows for them, and so call the table. */
  claim(bytes: number, holder?: D): boolean;
  give(bytes: number): void;
  note(holder: D, bytes: number): void;
}

/** A shortage that the end of another flow relieves. */
export type Shortage = "limit_flows" | "no_descriptors";

/** Reports whether the end of another flow helps a flow that was refused. */
export function isShortage(reason: DropReason): reason is Shortage {
  return reason === "limit_flows" || reason === "no_descriptors";
}

/** What a table needs from outside. None of these functions may throw, and only `makeRoom` may call the table. */
export interface FlowTableOptions<D> {
  readonly limits: FlowLimits;
  /** Memory for held datagrams, shared with all other holders of bytes. */
  readonly budget: MemoryBudget<D>;
  /** Counts dropped datagrams, also of others. */
  readonly drops: Record<DropReason, number>;
  /** Makes the id of a new flow. */
  readonly newId: () => string;
  /** Makes the data of a new flow. */
  readonly newData: (flow: Flow<D>) => D;
  /** Called once per new flow: a drop reason refuses it, `undefined` admits it. */
  readonly admit: (host: string, port: number) => DropReason | undefined;
  /**
   * Called if there is no room for a new flow. May end another flow, in this table (see
   * `FlowTable.oldestUnanswered`) or elsewhere. Without it, new flows are refused.
   *
   * @returns Whether it has ended one, so that admission can be asked for again
   */
  readonly makeRoom?: (shortage: Shortage, host: string) => boolean;
  /** Called exactly once for every admitted flow, when it closes. */
  readonly release: (flow: Flow<D>) => void;
}

/** What is known about a flow at its beginning. */
export interface FlowOrigin<D>
  extends
    Pick<FlowRecord<D>, "id" | "slot" | "host" | "port" | "started" | "deadline" | "unansweredMs"> {
  /** Makes its data. */
  readonly newData: (flow: Flow<D>) => D;
}

/** One client's association with a listener. Only the table writes here. */
export class FlowRecord<D> implements Listed<FlowRecord<D>> {
  /** Unique, sortable id. */
  readonly id: string;
  /** The listener socket that the client writes to. */
  readonly slot: number;
  /** The client's address as the socket shows it. */
  readonly host: string;
  /** The client's port. */
  readonly port: number;
  /** When it began. */
  readonly started: number;
  /** How long it may be silent if its client has sent one datagram and its target none. */
  readonly unansweredMs: number;
  /** Datagrams that wait, in order of arrival; always the same array, as detectors require. */
  readonly held: Uint8Array[] = [];
  state: FlowState = "detecting";
  /** Why it ended; empty while it lives. */
  reason = "";
  /** Payload bytes of {@linkcode held}. */
  heldBytes = 0;
  /** Whether the first held datagram is being sent. */
  sending = false;
  /** When a datagram last came, either way. */
  lastSeen: number;
  /** When detecting or resolving will have taken too long; `Infinity` in the other states. */
  deadline: number;
  /** How long it may be silent; `Infinity` before it has a target. */
  idleMs = Infinity;
  /** Datagrams sent to the target, and their payload bytes. */
  upDatagrams = 0;
  upBytes = 0;
  /** Datagrams that came from the target, and their payload bytes. */
  downDatagrams = 0;
  downBytes = 0;
  /** Datagrams of this flow that were dropped. */
  dropped = 0;
  /** Whether another flow replaces it at the client's next datagram. */
  stale = false;
  list: FlowList<FlowRecord<D>> | undefined;
  before: FlowRecord<D> | undefined;
  after: FlowRecord<D> | undefined;
  /** Position in the table; -1 once closed. */
  index = -1;
  /** What is stored with it: route, target, upstream socket. */
  readonly data: D;

  constructor(origin: FlowOrigin<D>) {
    this.id = origin.id;
    this.slot = origin.slot;
    this.host = origin.host;
    this.port = origin.port;
    this.started = origin.started;
    this.lastSeen = origin.started;
    this.deadline = origin.deadline;
    this.unansweredMs = origin.unansweredMs;
    this.data = origin.newData(this);
  }
}

/** A flow, as all other code uses it. */
export interface Flow<D>
  extends Readonly<Omit<FlowRecord<D>, "held" | "sending" | keyof Listed<FlowRecord<D>>>> {
  readonly held: readonly Uint8Array[];
}
