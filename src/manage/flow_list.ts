/**
 * Flows in an order. A list through the flows themselves: a `Set` would keep the places of those that have
 * left it, and looking for the first would walk over them. Every call takes constant time.
 *
 * @module
 */

import type { FlowRecord } from "./flow.ts";

/** A list of flows, each of which is in one list at most. */
export class FlowList<D> {
  #first: FlowRecord<D> | undefined;
  #last: FlowRecord<D> | undefined;

  /** The one that was added first; `undefined` if there is none. */
  get first(): FlowRecord<D> | undefined {
    return this.#first;
  }

  /**
   * Adds a flow at the end.
   *
   * @param flow The flow; leaves the list that it is in, if any
   */
  add(flow: FlowRecord<D>): void {
    if (flow === this.#last) return;
    flow.list?.delete(flow);
    flow.list = this;
    flow.before = this.#last;
    if (this.#last === undefined) this.#first = flow;
    else this.#last.after = flow;
    this.#last = flow;
  }

  /**
   * Lets a flow go.
   *
   * @param flow The flow, in this list
   */
  delete(flow: FlowRecord<D>): void {
    const { before, after } = flow;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    flow.before = flow.after = flow.list = undefined;
  }
}
