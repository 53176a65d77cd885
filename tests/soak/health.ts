/**
 * Asks a running shunt for its health all the time, as a kubelet does. Knows nothing of the load.
 *
 * @module
 */

import type { Shunt } from "./shunt.ts";
import { pause } from "./tally.ts";

const EVERY_MS = 500;

/** Asks until it is stopped. */
export class HealthPoll {
  /** Milliseconds that the slowest answer took. */
  slowest = 0;
  #over = false;
  readonly #polling: Promise<void>;

  /** @param shunt Whose health */
  constructor(shunt: Shunt) {
    this.#polling = this.#poll(shunt);
    // Who stops it hears of it.
    this.#polling.catch(() => {});
  }

  async #poll(shunt: Shunt): Promise<void> {
    while (!this.#over) {
      const begun = performance.now();
      if (!await shunt.isHealthy()) throw new Error("/healthz said something else than ok");
      this.slowest = Math.max(this.slowest, performance.now() - begun);
      await pause(EVERY_MS);
    }
  }

  /**
   * Stops.
   *
   * @throws {Error} if an answer was missing or wrong
   */
  async stop(): Promise<void> {
    this.#over = true;
    await this.#polling;
  }
}
