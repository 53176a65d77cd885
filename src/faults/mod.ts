/**
 * Faults on demand: which a session or flow has, and how they get in its way.
 *
 * @module
 */

import type { Route } from "../resolve/router.ts";
import type { Upstream } from "../resolve/upstream.ts";
import { type FaultPlan, planFaults } from "./plan.ts";

export { faultySocket } from "./datagrams.ts";

/**
 * Tells the faults of a session or flow.
 *
 * @param route Its route, whose faults come first
 * @param upstream Its upstream
 * @returns Its faults; `undefined` where there are none, or the dice spare it
 */
export function faultsOf(route: Route | undefined, upstream: Upstream): FaultPlan | undefined {
  const config = route?.faults ?? upstream.config.faults;
  return config === undefined ? undefined : planFaults(config);
}

export { FaultyStream } from "./stream.ts";
