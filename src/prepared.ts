/**
 * A change in two halves, as everything makes one that may fail: it is prepared, while what runs goes on as
 * it was, and then committed or aborted. Knows nothing of what changes.
 *
 * @module
 */

/** A change that is ready. One of the two is called, once. */
export interface Prepared<Committed = void, Aborted = void> {
  /** Makes it what runs. */
  commit(): Committed;
  /** Gives it up, and closes what was opened for it. */
  abort(): Aborted;
}
