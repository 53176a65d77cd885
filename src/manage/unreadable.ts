/**
 * Decides about a session or flow whose facts could not be read: its protocol is certain, or detection ended
 * while a protocol with such facts was still possible. Knows the listener's policy; never what made them
 * unreadable.
 *
 * @module
 */

import { type Detected, inDoubt, liesBehind } from "../detect/mod.ts";
import type { Seen } from "../resolve/router.ts";
import type { ListenerState } from "./listener_state.ts";

/** The error's message, for the log. */
export const UNREADABLE =
  "The protocol is certain, but a name or fact that routes ask for could not be read";

/**
 * Reports whether a session or flow is closed because its facts could not be read. `detect.on_unreadable`
 * decides; if it is unset, or the protocol is not certain, it is closed if the route depends on those facts.
 *
 * @param detected What detection found out
 * @param seen The same, for the router
 */
export function closesUnreadable(
  { config, router }: Pick<ListenerState, "config" | "router">,
  detected: Detected,
  seen: Seen,
): boolean {
  const policy = config.detect.on_unreadable;
  if (detected.end === undefined || policy === "fallthrough") return false;
  const doubtful = inDoubt(detected);
  if (doubtful.length > 0) return policy === "close" || router.hinges(seen, doubtful);
  // A client must not get past a route with two bytes of a hello, just as with two hundred.
  return detected.maybe?.some((protocol) =>
    // Facts that shunt would not have asked for are not in doubt.
    (!liesBehind(protocol) || router.wants.named(protocol).size > 0) &&
    router.hinges({ ...seen, protocol }, inDoubt({ ...detected, protocol }))
  ) ?? false;
}

/**
 * Reports whether what the client sends next has to be compared with what it has sent, because with other facts
 * another route could match.
 *
 * @param detected What detection found out
 * @param seen The same, for the router
 * @returns `false` if routes ask for none of these facts, or if they did not count
 */
export function needsWatch(
  { router }: Pick<ListenerState, "router">,
  detected: Detected,
  { transport, protocol, source }: Seen,
): boolean {
  if (detected.end !== undefined) return false;
  return router.hinges({ transport, protocol, source }, inDoubt({ ...detected, end: "malformed" }));
}
