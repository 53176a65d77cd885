/**
 * What a naive model believes of one flow, and the comparison with the table's record of it. Knows
 * nothing of how the world goes on.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { Flow, FlowState } from "../../src/manage/flow.ts";

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
  times: { readonly now: number; readonly deadline: number },
): Belief {
  return {
    client,
    state: "detecting",
    held: [first],
    sending: false,
    lastSeen: times.now,
    deadline: times.deadline,
    idleMs: Infinity,
    up: 0,
    upBytes: 0,
    down: 0,
    dropped: 0,
  };
}

/**
 * Compares a flow with what is believed of it.
 *
 * @param flow The flow
 * @throws {AssertionError} when they differ
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
