/**
 * Watches whether sessions or flows are refused because the process has too little of something. Refuses
 * nothing itself.
 *
 * @module
 */

import type { Counters } from "../observe/metrics/counters.ts";

/** Milliseconds between two looks. */
const LOOK_MS = 1000;
/** Milliseconds between two warnings. */
const AGAIN_MS = 60_000;

/** Warns of refusals, at most once a minute. */
export class RefusalWatch {
  readonly #reason: "no_descriptors" | "no_memory";
  readonly #totals: () => Counters;
  readonly #warn: (refused: number) => void;
  #refused = 0;
  #lookAt = 0;
  #warnAt = 0;

  /**
   * @param reason Why they are refused
   * @param totals Returns the sum of all counters
   * @param warn Takes how many were refused since it was last called
   */
  constructor(
    reason: "no_descriptors" | "no_memory",
    totals: () => Counters,
    warn: (refused: number) => void,
  ) {
    this.#reason = reason;
    this.#totals = totals;
    this.#warn = warn;
  }

  /**
   * Lets time pass.
   *
   * @param now The time in milliseconds
   */
  tick(now: number): void {
    if (now < this.#lookAt) return;
    this.#lookAt = now + LOOK_MS;
    if (now < this.#warnAt) return;
    const { closes, drops } = this.#totals();
    const refused = closes[this.#reason] + drops[this.#reason];
    if (refused <= this.#refused) return;
    this.#warnAt = now + AGAIN_MS;
    this.#warn(refused - this.#refused);
    this.#refused = refused;
  }
}
