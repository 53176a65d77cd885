/**
 * A token bucket by the coarse clock. Does not know what is counted.
 *
 * @module
 */

import { refilled } from "../../bucket.ts";

/** Allows something so often a second, and after a pause so often at once as its burst says. */
export class Rate {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #clock: { readonly now: number };
  #tokens: number;
  #at: number;

  /**
   * @param perSecond How often
   * @param clock The coarse time in milliseconds
   * @param burst How often at once: a second's worth unless given
   */
  constructor(perSecond: number, clock: { readonly now: number }, burst = perSecond) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#clock = clock;
    this.#tokens = burst;
    this.#at = clock.now;
  }

  /**
   * Asks for once more.
   *
   * @returns Whether it may be; then it is counted
   */
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
