/**
 * A token bucket by the coarse clock. Knows not what is counted.
 *
 * @module
 */

/** Allows something so often a second, and as often at once after a second without it. */
export class Rate {
  readonly #perSecond: number;
  readonly #clock: { readonly now: number };
  #tokens: number;
  #at: number;

  /**
   * @param perSecond How often
   * @param clock The coarse time in milliseconds
   */
  constructor(perSecond: number, clock: { readonly now: number }) {
    this.#perSecond = perSecond;
    this.#clock = clock;
    this.#tokens = perSecond;
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
      const gained = (now - this.#at) / 1000 * this.#perSecond;
      this.#tokens = Math.min(this.#perSecond, this.#tokens + gained);
      this.#at = now;
    }
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
