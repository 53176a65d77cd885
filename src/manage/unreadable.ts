/**
 * What becomes of a session or flow whose protocol is certain while facts that it may have told could not
 * be read. Knows the listener's policy, never what made them unreadable.
 *
 * @module
 */

import { type Detected, inDoubt } from "../detect/mod.ts";
import type { Seen } from "../resolve/router.ts";
import type { ListenerState } from "./session.ts";

/** The error's message, for the log. */
export const UNREADABLE =
  "The protocol is certain, but a name or fact that routes ask for could not be read";

/**
 * Reports whether a session or flow is closed because facts that it may have told could not be read.
 *
 * @param listener Whose client it is
 * @param detected What detection found out
 * @param seen The same, as the router takes it
 * @returns What `detect.on_unreadable` says; if it is unset, whether the route hinges on those facts
 */
export function closesUnreadable(
  { config, router }: Pick<ListenerState, "config" | "router">,
  detected: Detected,
  seen: Seen,
): boolean {
  const doubtful = inDoubt(detected);
  if (doubtful.length === 0) return false;
  const policy = config.detect.on_unreadable;
  return policy === undefined ? router.hinges(seen, doubtful) : policy === "close";
}
