/**
 * A shared allowance of bytes. Knows neither who takes nor what for.
 *
 * @module
 */

/** Counts bytes that many hold together, up to a limit. */
export class Budget {
  /** Bytes that are taken now. */
  used = 0;
  readonly #limit: number;

  /** @param limit Bytes that may be taken at once */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * Takes bytes if there are enough.
   *
   * @param bytes How many
   * @returns Whether they were taken
   */
  take(bytes: number): boolean {
    if (this.used + bytes > this.#limit) return false;
    this.used += bytes;
    return true;
  }

  /**
   * Gives bytes back.
   *
   * @param bytes As many as were taken
   */
  give(bytes: number): void {
    this.used -= bytes;
  }
}
