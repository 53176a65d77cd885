/**
 * A token bucket that uses the coarse clock. Does not know what is counted.
 *
 * @module
 */

import { refilled } from "../../bucket.ts";

/** Allows something so many times a second, and as often at once, after a pause, as its burst. */
export class Rate {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #clock: { readonly now: number };
  #tokens: number;
  #at: number;

  /**
   * @param clock The coarse time in milliseconds
   * @param burst Tokens that the bucket holds: a second's worth unless given
   */
  constructor(perSecond: number, clock: { readonly now: number }, burst = perSecond) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#clock = clock;
    this.#tokens = burst;
    this.#at = clock.now;
  }

  /** Takes a token if there is one, and reports whether it did. */
  take(): boolean {
    const { now } = this.#clock;
    if (now > this.#at) {
      this.#tokens = refilled(this.#tokens, now - this.#at, this.#perSecond, this.#burst);
      this.#at = now;
    }
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
