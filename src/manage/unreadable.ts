/**
 * Decides about a session or flow whose facts could not be read: its protocol is certain, or it stopped while
 * it could still become one that has such facts. Knows the listener's policy, never what made them
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
 * Reports whether a session or flow is closed because its facts could not be read.
 *
 * @param listener Where it came in
 * @param detected What detection found out
 * @param seen The same, as the router takes it
 * @returns What `detect.on_unreadable` says; if it is unset, or the protocol is not certain, whether the
 * route hinges on those facts
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
  // Two bytes of a hello are as good a way past a route as two hundred.
  return detected.maybe?.some((protocol) =>
    // Nothing is in doubt that shunt would not have asked for.
    (!liesBehind(protocol) || router.wants.named(protocol).size > 0) &&
    router.hinges({ ...seen, protocol }, inDoubt({ ...detected, protocol }))
  ) ?? false;
}

/**
 * Reports whether what the client sends next has to be checked against what it has sent, because other facts
 * could have led elsewhere.
 *
 * @param listener Where it came in
 * @param detected What detection found out
 * @param seen The same, as the router takes it
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
