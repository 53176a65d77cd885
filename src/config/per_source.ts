/**
 * Works out what `limits.per_source: auto` means. Knows one listener.
 *
 * @module
 */

import type { ListenerConfig } from "./schema.ts";

/** One source may have a fifth of a listener, so that one alone never fills it. */
const SHARE = 0.2;
/** The least that `auto` means, for clients behind one NAT at a small listener. */
const LEAST = 100;

/** The limits of a listener, with all numbers known. */
export type ListenerLimits =
  & Pick<ListenerConfig["limits"], "sessions" | "flows" | "new_per_source">
  & {
    /** 0 = no limit. */
    readonly per_source: number;
  };

/** Returns a listener's limits, with a number in place of `auto`. */
export function listenerLimits(
  { limits, transports }: Pick<ListenerConfig, "limits" | "transports">,
): ListenerLimits {
  if (limits.per_source !== "auto") return { ...limits, per_source: limits.per_source };
  const most = transports.includes("tcp") ? limits.sessions : limits.flows;
  return { ...limits, per_source: Math.max(LEAST, Math.floor(most * SHARE)) };
}
