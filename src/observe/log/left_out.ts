/**
 * Logs how many access lines were left out by all planes together. Does not know which lines.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import type { LeftOut } from "../access/sampler.ts";

const logger = getLogger(["shunt", "log"]);

/** Milliseconds between two lines of the log. */
const LOG_MS = 10_000;

/** Collects the planes' reports. */
export class LeftOutLog {
  #reasons: Record<string, number> = {};
  #lines = 0;
  #loggedAt = -Infinity;

  /** Adds a plane's report: how many lines, by reason. */
  add(leftOut: LeftOut): void {
    for (const [reason, lines] of Object.entries(leftOut)) {
      this.#reasons[reason] = (this.#reasons[reason] ?? 0) + lines;
      this.#lines += lines;
    }
  }

  /** Called regularly with the time in milliseconds. */
  tick(now: number): void {
    if (this.#lines === 0 || now - this.#loggedAt < LOG_MS) return;
    this.#loggedAt = now;
    this.flush();
  }

  /** Logs what has not been logged yet. */
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
