/**
 * Watches whether sessions or flows are refused because the process has too little of something. Refuses
 * nothing itself.
 *
 * @module
 */

import type { Counters } from "../observe/metrics/counters.ts";

/** Milliseconds between two readings of the counters. */
const READ_MS = 1000;
/** Milliseconds between two warnings. */
const AGAIN_MS = 60_000;

/** Warns of refusals, at most once a minute. */
export class RefusalWatch {
  readonly #reason: "no_descriptors" | "no_memory";
  readonly #totals: () => Counters;
  readonly #warn: (refused: number) => void;
  #refused = 0;
  #readAt = 0;
  #warnAt = 0;

  /**
   * @param reason Why they are refused
   * @param totals Returns the sum of all counters
   * @param warn Called with how many were refused since its last call
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

  /** Lets time pass; `now` is in milliseconds. */
  tick(now: number): void {
    if (now < this.#readAt) return;
    this.#readAt = now + READ_MS;
    if (now < this.#warnAt) return;
    const { closes, drops } = this.#totals();
    const refused = closes[this.#reason] + drops[this.#reason];
    if (refused <= this.#refused) return;
    this.#warnAt = now + AGAIN_MS;
    this.#warn(refused - this.#refused);
    this.#refused = refused;
  }
}
