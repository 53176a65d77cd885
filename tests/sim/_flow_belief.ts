/**
 * A naive model of one flow, and the comparison with the table's record of it. Knows nothing of how the
 * world goes on.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { Flow, FlowState } from "../../src/manage/flow/flow.ts";

/** One client of the world. */
export interface Client {
  readonly slot: number;
  readonly host: string;
  readonly port: number;
  sent: number;
  /** Numbers of the datagrams that reached a target, -1 for an empty one, over all flows. */
  readonly reached: number[];
}

/** What the model believes of one flow; `flow.data` points here. */
export interface Belief {
  readonly client: Client;
  state: FlowState;
  held: Uint8Array[];
  sending: boolean;
  lastSeen: number;
  deadline: number;
  idleMs: number;
  readonly unansweredMs: number;
  /** Datagrams that its client has sent, dropped ones included. */
  sent: number;
  up: number;
  upBytes: number;
  down: number;
  dropped: number;
}

/** What the world attaches to a flow. */
export interface Box {
  belief: Belief | undefined;
}

/**
 * Makes the belief of a flow that has just begun.
 *
 * @param client Whose flow it is
 * @param first The datagram that began it
 * @param times When it began and how long detection may take
 * @returns The belief
 */
export function newBelief(
  client: Client,
  first: Uint8Array,
  times: { readonly now: number; readonly deadline: number; readonly unansweredMs: number },
): Belief {
  return {
    client,
    state: "detecting",
    held: [first],
    sending: false,
    lastSeen: times.now,
    deadline: times.deadline,
    idleMs: Infinity,
    unansweredMs: times.unansweredMs,
    sent: 1,
    up: 0,
    upBytes: 0,
    down: 0,
    dropped: 0,
  };
}

/** Whether its client has sent one datagram, and its target none. */
export function isUnanswered({ sent, down }: Belief): boolean {
  return sent === 1 && down === 0;
}

/** Whether it has been silent for 2 s after answers to its client's only datagram. */
export function isQuiet({ sent, down, lastSeen }: Belief, now: number): boolean {
  return sent === 1 && down > 0 && now - lastSeen >= 2000;
}

/**
 * Compares a flow with its model.
 *
 * @param flow The flow
 * @throws {AssertionError} if they differ
 */
export function agree(flow: Flow<Box>): void {
  const belief = flow.data.belief;
  assert(belief !== undefined);
  const agrees = flow.state === belief.state && flow.held.length === belief.held.length &&
    flow.heldBytes === belief.held.reduce((sum, datagram) => sum + datagram.length, 0) &&
    flow.upDatagrams === belief.up && flow.upBytes === belief.upBytes &&
    flow.downDatagrams === belief.down && flow.downBytes === belief.down * 10 &&
    flow.dropped === belief.dropped && flow.lastSeen === belief.lastSeen &&
    flow.deadline === belief.deadline && flow.idleMs === belief.idleMs;
  if (!agrees) assertEquals({ ...flow, data: undefined } as unknown, belief);
}
