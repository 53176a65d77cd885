/**
 * A way to give up an attempt to connect, lighter than an AbortController: that and its listener cost
 * each connection 2 µs. Knows no socket.
 *
 * @module
 */

/** An attempt to connect, which whoever waits for it may give up. */
export class Attempt {
  /** Whether it was given up. */
  givenUp = false;
  /** Ends the wait, which rejects with {@linkcode givenUp}; set by whoever makes others wait. */
  onGiveUp: (() => void) | undefined;

  /** Gives it up; may be called again. */
  giveUp(): void {
    this.givenUp = true;
    const { onGiveUp } = this;
    this.onGiveUp = undefined;
    onGiveUp?.();
  }
}

/**
 * Makes the error of an attempt that was given up.
 *
 * @returns The error, not thrown; it counts as timed out
 */
export function givenUp(): Error {
  return new DOMException("The attempt was given up", "AbortError");
}
