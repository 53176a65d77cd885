/**
 * A change in two halves, for every change that may fail: it is prepared while everything runs unchanged, and
 * then committed or aborted. Knows nothing about what changes.
 *
 * @module
 */

/** A change that is ready. The caller calls one of the two functions, once. */
export interface Prepared<Committed = void, Aborted = void> {
  /** Makes the change. */
  commit(): Committed;
  /** Gives the change up, and closes what was opened for it. */
  abort(): Aborted;
}
