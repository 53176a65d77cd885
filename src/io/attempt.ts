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
