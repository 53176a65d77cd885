/**
 * The fields of an access line and what they mean, for the reference. Knows not how lines are written.
 *
 * @module
 */

import { byName, FACTS, SHOWN_NAMES } from "../../facts/mod.ts";

/** The fields, in their order; a field that is not known is left out of its line. */
export const ACCESS_TEXTS = {
  id: "Unique; ids sort by the time at which they began (ULID)",
  transport: "`tcp` for a session, `udp` for a flow",
  listener: "The listener's name",
  source: "The client's address, or the one that a trusted PROXY header tells",
  protocol: "The protocol, `unknown` or `silent`; not there where no route asked for it",
  ...byName(SHOWN_NAMES, (name): string => FACTS[name].shown),
  detect_end: "What ended detection before all was read, see below; not there if nothing did",
  route: "The route that matched, by its place: `routes[0]`",
  upstream: "The upstream that the route leads to",
  target: "The target, as the configuration spells it",
  bytes_up: "Bytes that the target was sent, a PROXY header included",
  bytes_down: "Bytes that the client was sent",
  detect_ms: "Milliseconds until the protocol was clear",
  connect_ms: "Milliseconds from then until a target was connected",
  duration_ms: "Milliseconds from beginning to end",
  reason: "Why it ended, see below",
  error: "The error behind the reason",
} as const;
