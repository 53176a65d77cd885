/**
 * Long work in slices, between which everything else in the thread has its turn. Knows nothing of what
 * is done.
 *
 * @module
 */

/** What work throws that is no longer wanted, once it has closed what it had open. */
export class GivenUp extends Error {
  override name = "GivenUp";
}

/** Work in steps: it yields wherever it may be interrupted, after a millisecond or so at most. */
export type Steps<T> = Generator<void, T, void>;

/**
 * Milliseconds of a slice. What comes in meanwhile waits for its end, and to pass a byte on takes a few
 * turns of the event loop, so this is a small part of the 50 ms that nobody may wait for longer.
 */
const SLICE_MS = 4;

/**
 * Does all of the work now.
 *
 * @param steps The work
 * @returns What it gives
 */
export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/**
 * Does the work in slices.
 *
 * @param steps The work
 * @param isOver Reports whether the work is no longer wanted
 * @returns What it gives
 * @throws {GivenUp} once it is no longer wanted
 */
export async function inSlices<T>(
  steps: Steps<T>,
  isOver: () => boolean = () => false,
): Promise<T> {
  for (;;) {
    if (isOver()) steps.throw(new GivenUp("It was given up"));
    const end = performance.now() + SLICE_MS;
    do {
      const { done, value } = steps.next();
      if (done) return value;
    } while (performance.now() < end);
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}
