/**
 * What shunt counts, as plain numbers: why sessions and flows end, what is dropped, how much went
 * through. Knows no socket and no log.
 *
 * @module
 */

/** Why a session or flow ended: the closed list behind `reason` in access lines and metrics. */
export const CLOSE_REASONS = [
  /** Both sides ended in order. */
  "done",
  /** Nothing moved for the upstream's `idle_timeout`. */
  "idle_timeout",
  /** The client left before a target had been asked. */
  "client_closed",
  /** The client's connection broke, or a reply could not be sent to it. */
  "client_reset",
  /** The target's connection broke, or a datagram could not be sent to it. */
  "target_reset",
  /** Detection took longer than `detect.timeout` and `on_timeout` is `close`. */
  "detect_timeout",
  /** All sessions and flows together hold `limits.detect_memory`. */
  "detect_memory",
  /** A PROXY header was required or begun, and is missing or broken. */
  "proxy_header",
  /** No route matched. */
  "no_route",
  /** The upstream has no target that may be tried. */
  "no_target",
  /** A target's name could not be resolved. */
  "dns_failed",
  /** A target refused the connection. */
  "connect_refused",
  /** No target answered within `connect_timeout`. */
  "connect_timeout",
  /** A target could not be reached for another reason. */
  "connect_failed",
  /** The listener has `limits.sessions` sessions. */
  "limit_sessions",
  /** The source has `limits.per_source` sessions and flows. */
  "limit_source",
  /** The source opens more than `limits.new_per_source`. */
  "limit_rate",
  /** Still running when `drain_timeout` had passed, or when shunt was told to stop at once. */
  "shutdown",
  /** A bug in shunt: please report the log line. */
  "internal_error",
] as const;

/** One of {@linkcode CLOSE_REASONS}. */
export type CloseReason = typeof CLOSE_REASONS[number];

/** Why a datagram was dropped. */
export const DROP_REASONS = [
  /** The listener has `limits.flows` flows. */
  "limit_flows",
  /** The source has `limits.per_source` sessions and flows. */
  "limit_source",
  /** The source opens more than `limits.new_per_source`. */
  "limit_rate",
  /** The flow holds `detect.max_bytes`. */
  "held_bytes",
  /** The flow holds as many datagrams as may wait. */
  "held_datagrams",
  /** All sessions and flows together hold `limits.detect_memory`. */
  "detect_memory",
  /** It was held by a flow that ended before a target could take it. */
  "flow_closed",
  /** It came from someone who is not the flow's target. */
  "not_target",
  /** New flows are not taken while shunt drains. */
  "draining",
] as const;

/** One of {@linkcode DROP_REASONS}. */
export type DropReason = typeof DROP_REASONS[number];

function zeros<K extends string>(keys: readonly K[]): Record<K, number> {
  return Object.fromEntries(keys.map((key) => [key, 0])) as Record<K, number>;
}

/** The counters of one listener. */
export class Counters {
  sessionsTotal = 0;
  sessionsActive = 0;
  flowsTotal = 0;
  flowsActive = 0;
  /** Bytes from clients to targets. */
  bytesUp = 0;
  /** Bytes from targets to clients. */
  bytesDown = 0;
  /** Errors of accepting, such as having no descriptor left. */
  acceptErrors = 0;
  readonly closes: Record<CloseReason, number> = zeros(CLOSE_REASONS);
  readonly drops: Record<DropReason, number> = zeros(DROP_REASONS);
}
