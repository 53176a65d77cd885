/**
 * Why sessions and flows end and datagrams are dropped: closed lists with texts. Used by access lines,
 * metrics and the reference.
 *
 * @module
 */

/** Why a session or flow ended: the closed list behind `reason` in access lines and metrics. */
export const CLOSE_TEXTS = {
  done: "Both sides ended in order",
  idle_timeout: "No bytes passed for the upstream's `idle_timeout`, or for " +
    "`limits.unanswered_flow_timeout` after a single unanswered datagram",
  client_closed: "The client left before shunt connected to a target",
  client_reset: "The client's connection broke, or a reply could not be sent to it",
  target_reset: "The target's connection broke, or a datagram could not be sent to it",
  detect_timeout: "Detection took longer than `detect.timeout` and `on_timeout` is `close`",
  detect_memory: "Sessions and flows together held all of `limits.detect_memory`",
  unreadable: "The protocol is certain, but a name or another fact that routes ask for could not " +
    "be read: see `detect_end` and `detect.on_unreadable`",
  proxy_header: "A PROXY header is missing although required, or is broken",
  proxy_untrusted: "`proxy_protocol.trusted` does not list the sender, and the listener requires " +
    "a PROXY header or no route takes the one that was sent",
  opening_refused:
    "No target agreed to what shunt must ask before the client's first bytes, such as " +
    "PostgreSQL's SSLRequest",
  opening_timeout: "In the dialogue before the client's first bytes, the client was silent for " +
    "`detect.timeout`, or the target for `connect_timeout`",
  opening_violation: "In the dialogue before the client's first bytes, the client or the target " +
    "spoke too early or broke the rules",
  no_route: "No route matched",
  no_target: "The upstream has no usable target",
  dns_failed: "A target's name could not be resolved",
  connect_refused: "A target refused the connection",
  connect_timeout: "No target answered within `connect_timeout`",
  connect_failed: "A target could not be reached for another reason",
  limit_sessions: "The listener is at its `limits.sessions`",
  limit_source: "The source is at `limits.per_source` sessions and flows",
  limit_rate: "The source opens sessions and flows faster than `limits.new_per_source`",
  no_descriptors: "All file descriptors for sessions and flows are in use",
  displaced: "A new flow needed the place, as `limits.flows` or the descriptors were used up, " +
    "and this one had one unanswered datagram, or had been quiet for 2 s after an answer to one. " +
    "Or it was the quietest of four QUIC connections from one client address when a fifth began",
  joined: "A QUIC connection that goes to the same place as another of its client: the other " +
    "flow took over its datagrams",
  no_memory: "The process is close to `limits.memory`, or a thread to the limit of its heap: " +
    "shunt takes nothing new until memory is free again",
  target_gone: "The flow's target was removed from the configuration or found dead: the client's " +
    "next datagram starts a new flow",
  fault: "Reset on purpose by `faults.reset_after`",
  drained: "The flow was silent for 2 s while shunt drained",
  shutdown: "Still running at the end of `drain_timeout`, or when shunt had to stop at once",
  worker_died: "Its worker died and was replaced",
  internal_error: "A bug in shunt: please report the log line",
} as const;

/** A key of {@linkcode CLOSE_TEXTS}. */
export type CloseReason = keyof typeof CLOSE_TEXTS;

/** The keys of {@linkcode CLOSE_TEXTS}. */
export const CLOSE_REASONS: readonly CloseReason[] = Object.keys(CLOSE_TEXTS) as CloseReason[];

/** Why a datagram was dropped. */
export const DROP_TEXTS = {
  limit_flows: "The listener is at its `limits.flows`",
  limit_source: "The source is at `limits.per_source` sessions and flows",
  limit_rate: "The source opens sessions and flows faster than `limits.new_per_source`",
  no_descriptors: "All file descriptors for sessions and flows are in use",
  no_memory: "The process is close to `limits.memory`, or a thread to the limit of its heap",
  limit_openings: "More than 10,000 datagrams a second per thread that may open QUIC " +
    "connections, from clients without an answer so far",
  other_hello: "It carries a different QUIC hello than the one that its flow was routed by",
  held_bytes: "The flow already holds `detect.max_bytes`",
  held_datagrams: "The flow already holds as many datagrams as it may",
  detect_memory: "Sessions and flows together hold all of `limits.detect_memory`",
  flow_closed: "Its flow ended before a target could take it",
  send_failed: "It could not be sent: it is too long, a kernel queue or table is full, or a " +
    "filter or the lack of a route stops it",
  not_target: "It came from an address that is not the flow's target",
  own_address: "It claims to come from an address that shunt itself listens on",
  hidden_initial: "On a running flow, a QUIC Initial came behind another packet, where it could " +
    "start a connection unread",
  builtin_rate: "A built-in target had sent all the answers that it may send in a second",
  draining: "shunt takes no new flows while it drains",
} as const;

/** A key of {@linkcode DROP_TEXTS}. */
export type DropReason = keyof typeof DROP_TEXTS;

/** The keys of {@linkcode DROP_TEXTS}. */
export const DROP_REASONS: readonly DropReason[] = Object.keys(DROP_TEXTS) as DropReason[];
