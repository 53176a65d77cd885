/**
 * Says in the log how many access lines were left out, of all planes together. Knows not which.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import type { LeftOut } from "../access/sampler.ts";

const logger = getLogger(["shunt", "log"]);

/** Milliseconds between two such lines. */
const SAY_MS = 10_000;

/** Collects what planes tell. */
export class LeftOutTeller {
  #reasons: Record<string, number> = {};
  #lines = 0;
  #saidAt = -Infinity;

  /**
   * Takes what a plane has left out.
   *
   * @param leftOut How many lines, by reason
   */
  add(leftOut: LeftOut): void {
    for (const [reason, lines] of Object.entries(leftOut)) {
      this.#reasons[reason] = (this.#reasons[reason] ?? 0) + lines;
      this.#lines += lines;
    }
  }

  /**
   * Is told of the time.
   *
   * @param now The time in milliseconds
   */
  tick(now: number): void {
    if (this.#lines === 0 || now - this.#saidAt < SAY_MS) return;
    this.#saidAt = now;
    this.flush();
  }

  /** Says what has not been said. */
  flush(): void {
    if (this.#lines === 0) return;
    const reasons = Object.entries(this.#reasons).map(([reason, n]) => [`left_out_${reason}`, n]);
    logger.warn("Access lines were left out: there were more than log.access_rate", {
      lines: this.#lines,
      ...Object.fromEntries(reasons),
    });
    this.#reasons = {};
    this.#lines = 0;
  }
}
