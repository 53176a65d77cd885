/**
 * Runs long work in slices, between which everything else in the thread has its turn. Knows nothing about the
 * work.
 *
 * @module
 */

/** Thrown into work that is no longer wanted, which then closes what it has opened. */
export class GivenUp extends Error {
  override name = "GivenUp";
}

/** Work in steps: it yields if it may be interrupted, at least every millisecond or so. */
export type Steps<T> = Generator<void, T, void>;

/**
 * Milliseconds of a slice. Incoming bytes wait for its end, and relaying a byte takes a few turns of the
 * event loop, so a slice is a small part of the 50 ms that any client may have to wait.
 */
const SLICE_MS = 4;

/** Does all of the work now, and returns its result. */
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
 * @returns Its result
 * @throws {GivenUp} if it is no longer wanted
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
