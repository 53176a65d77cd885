/**
 * Warns the operator of too few descriptors: if the limits of a configuration need more than the process
 * may have, and while sessions and flows are refused because none are left. Refuses nothing itself.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import type { Config } from "../config/schema.ts";
import type { Counters } from "../observe/metrics/counters.ts";
import { SOCKETS } from "../manage/limits/limits.ts";
import { RefusalWatch } from "./refusals.ts";

const logger = getLogger(["shunt", "limits"]);

/** Returns how many descriptors a configuration's limits let sessions and flows have. */
function descriptorsNeeded({ listeners }: Pick<Config, "listeners">): number {
  let needed = 0;
  for (const { transports, limits } of Object.values(listeners)) {
    if (transports.includes("tcp")) needed += limits.sessions * SOCKETS.session;
    if (transports.includes("udp")) needed += limits.flows * SOCKETS.flow;
  }
  return needed;
}

/** Watches descriptors for one process. */
export class DescriptorWatch {
  readonly #most: number;
  readonly #refusals: RefusalWatch;

  /**
   * @param most Descriptors that sessions and flows may have together
   * @param totals Returns the sum of all counters
   */
  constructor(most: number, totals: () => Counters) {
    this.#most = most;
    this.#refusals = new RefusalWatch("no_descriptors", totals, (refused) =>
      logger.warn(
        "Sessions or flows are refused: no descriptor is left for them; raise the process's limit " +
          "(ulimit -n, LimitNOFILE=)",
        { refused, available: most },
      ));
  }

  /** Warns if the limits of a configuration need more than the process may have. */
  check(config: Config): void {
    const needed = descriptorsNeeded(config);
    if (needed <= this.#most) return;
    logger.warn(
      "The listeners' limits.sessions and limits.flows need more descriptors than the process may " +
        "have; raise its limit (ulimit -n, LimitNOFILE=) or lower them",
      { needed, available: this.#most },
    );
  }

  /** Warns once a minute while no descriptor is left for new sessions or flows; `now` is in milliseconds. */
  tick(now: number): void {
    this.#refusals.tick(now);
  }
}
