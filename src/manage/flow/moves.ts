/**
 * Which flows have to move to another target. Knows no socket and no table.
 *
 * @module
 */

import type { FlowData } from "./data.ts";
import type { ListenerState } from "../listener_state.ts";

/**
 * Reports whether a reload has taken a flow's target away.
 *
 * @param data The flow
 * @param upstreams The upstreams as they are now
 * @returns Whether its target is no longer one of its upstream's
 */
export function isGone(
  { upstream, target }: FlowData,
  upstreams: ListenerState["upstreams"],
): boolean {
  if (upstream === undefined || target === undefined) return false;
  const targets = upstreams.get(upstream.name)?.targets ?? [];
  return !targets.some(({ name }) => name === target.name);
}

/**
 * Reports whether any target is dead, so that looking for its flows makes sense.
 *
 * @param listener Whose upstreams to look at
 * @returns Whether one is down or ejected
 */
export function hasDeadTargets({ upstreams }: ListenerState): boolean {
  for (const { targets } of upstreams.values()) {
    for (const { standing } of targets) if (standing.dead) return true;
  }
  return false;
}
