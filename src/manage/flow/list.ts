/**
 * Flows in an order. The flows themselves are linked: a `Set` would keep the places of those that have left
 * it, and a look for the first would walk over them. Every call takes constant time.
 *
 * @module
 */

/** A member of a list. Only the list itself changes these. */
export interface Listed<T extends Listed<T>> {
  /** The list that it is in. */
  list: FlowList<T> | undefined;
  before: T | undefined;
  after: T | undefined;
}

/** A list of flows. Each flow is in one list at most. */
export class FlowList<T extends Listed<T>> {
  #first: T | undefined;
  #last: T | undefined;

  /** The one that was added first; `undefined` if there is none. */
  get first(): T | undefined {
    return this.#first;
  }

  /**
   * Adds a flow at the end.
   *
   * @param flow The flow; leaves the list that it is in, if any
   */
  add(flow: T): void {
    if (flow === this.#last) return;
    flow.list?.delete(flow);
    flow.list = this;
    flow.before = this.#last;
    if (this.#last === undefined) this.#first = flow;
    else this.#last.after = flow;
    this.#last = flow;
  }

  /**
   * Removes a flow.
   *
   * @param flow The flow, in this list
   */
  delete(flow: T): void {
    const { before, after } = flow;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    flow.before = flow.after = flow.list = undefined;
  }
}
