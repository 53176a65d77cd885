/**
 * The fields of an access line and their meanings, for the reference. Does not know how lines are written.
 *
 * @module
 */

import { byName, FACTS, SHOWN_NAMES } from "../../facts/mod.ts";

/** The fields, in their order. A line leaves out fields that are not known. */
export const ACCESS_TEXTS = {
  id: "Unique; ids sort by start time (ULID)",
  transport: "`tcp` for a session, `udp` for a flow",
  listener: "The listener's name",
  source: "The client's address, or the one in a trusted PROXY header",
  protocol: "The protocol, `unknown` or `silent`; left out if no route asked for it",
  ...byName(SHOWN_NAMES, (name): string => FACTS[name].shown),
  detect_end: "What ended detection before everything was read, see below; left out if nothing did",
  route: "The route that matched, by position: `routes[0]`",
  upstream: "The upstream that the route leads to",
  target: "The target, as the configuration spells it",
  bytes_up: "Bytes sent to the target, including a PROXY header",
  bytes_down: "Bytes sent to the client",
  detect_ms: "Milliseconds until the protocol was known",
  connect_ms: "Milliseconds from then until a target was connected",
  duration_ms: "Milliseconds from start to end",
  reason: "Why it ended, see below",
  error: "The error behind the reason",
} as const;
