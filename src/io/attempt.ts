/**
 * Lets an attempt to connect be given up. Lighter than an AbortController, which with its listener costs 2
 * µs a connection. Knows no socket.
 *
 * @module
 */

/** An attempt to connect, which its caller may give up. */
export class Attempt {
  /** Whether it was given up. */
  givenUp = false;
  /** Ends the wait, which then rejects with {@linkcode givenUp}. Set by the code that connects. */
  onGiveUp: (() => void) | undefined;

  /** Gives the attempt up; may be called again. */
  giveUp(): void {
    this.givenUp = true;
    const { onGiveUp } = this;
    this.onGiveUp = undefined;
    onGiveUp?.();
  }
}

/** Makes the error, not thrown, of an attempt that was given up. It counts as timed out. */
export function givenUp(): Error {
  return new DOMException("The attempt was given up", "AbortError");
}

/**
 * Waits for something that cannot be cancelled, until the attempt is given up.
 *
 * @param work What to wait for; if it is late, its result is dropped
 * @param attempt The attempt; its `onGiveUp` is taken until then
 * @param error Makes the error of giving up
 * @returns What `work` gives
 * @throws {unknown} what `work` rejects with, or the error of giving up
 */
export function unlessGivenUp<T>(
  work: Promise<T>,
  attempt: Attempt,
  error: () => Error = givenUp,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = () => reject(error());
    attempt.onGiveUp = giveUp;
    if (attempt.givenUp) attempt.giveUp();
    // What comes late must not take away what the next step has set.
    const settle = () => {
      if (attempt.onGiveUp === giveUp) attempt.onGiveUp = undefined;
    };
    work.then(settle, settle);
    work.then(resolve, reject);
  });
}
