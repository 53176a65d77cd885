/**
 * An ordered list of flows. The flows themselves are linked: a `Set` would keep the places of removed flows,
 * and finding the first would walk over them. Every call takes constant time.
 *
 * @module
 */

/** A member of a list. Only the list itself changes these fields. */
export interface Listed<T extends Listed<T>> {
  list: FlowList<T> | undefined;
  before: T | undefined;
  after: T | undefined;
}

/** A list of flows. Each flow is in one list at most. */
export class FlowList<T extends Listed<T>> {
  #first: T | undefined;
  #last: T | undefined;

  /** The flow that was added first, if there is one. */
  get first(): T | undefined {
    return this.#first;
  }

  /** Adds a flow at the end. It leaves the list that it is in, if any. */
  add(flow: T): void {
    if (flow === this.#last) return;
    flow.list?.delete(flow);
    flow.list = this;
    flow.before = this.#last;
    if (this.#last === undefined) this.#first = flow;
    else this.#last.after = flow;
    this.#last = flow;
  }

  /** Removes a flow, which is in this list. */
  delete(flow: T): void {
    const { before, after } = flow;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    flow.before = flow.after = flow.list = undefined;
  }
}
