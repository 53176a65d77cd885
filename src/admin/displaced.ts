/**
 * Counts clients that lost their place at the admin address, and logs it once a minute at most. Knows no
 * connection.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import type { DisplacedCounts, Displacement } from "../observe/metrics/measures.ts";

const logger = getLogger(["shunt", "admin"]);

/** Milliseconds between two lines of the log. */
const LOG_MS = 60_000;

/** The counts of lost places. */
export class Displaced {
  readonly #counts: Record<Displacement, number> = { request: 0, answer: 0, turn: 0 };
  #loggedAt = -Infinity;

  /** The counts so far. */
  get counts(): DisplacedCounts {
    return this.#counts;
  }

  /**
   * Counts one client.
   *
   * @param what What the place was for
   * @param now The time in milliseconds
   */
  add(what: Displacement, now: number = performance.now()): void {
    this.#counts[what]++;
    if (now - this.#loggedAt < LOG_MS) return;
    this.#loggedAt = now;
    logger.warn("Clients of the admin address lost their places to others", { ...this.#counts });
  }
}
