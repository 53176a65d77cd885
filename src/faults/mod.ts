/**
 * Faults on demand: which faults a session or flow has, and how they are applied.
 *
 * @module
 */

import type { Route } from "../resolve/router.ts";
import type { Upstream } from "../resolve/upstream.ts";
import { type FaultPlan, planFaults } from "./plan.ts";

export { faultySocket } from "./datagrams.ts";

/**
 * Returns the faults of a session or flow.
 *
 * @param route Its route, whose faults take precedence
 * @param upstream Its upstream
 * @returns Its faults; `undefined` if there are none or the dice spare it
 */
export function faultsOf(route: Route | undefined, upstream: Upstream): FaultPlan | undefined {
  const config = route?.faults ?? upstream.config.faults;
  return config === undefined ? undefined : planFaults(config);
}

export { FaultyStream } from "./stream.ts";
