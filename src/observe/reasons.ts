/**
 * Why sessions and flows end and datagrams are dropped: closed lists, with what each word means. Access
 * lines, metrics and the reference take them from here.
 *
 * @module
 */

/** Why a session or flow ended: the closed list behind `reason` in access lines and metrics. */
export const CLOSE_TEXTS = {
  done: "Both sides ended in order",
  idle_timeout:
    "Nothing moved for the upstream's `idle_timeout` or, after one datagram without an " +
    "answer, for `limits.unanswered_flow_timeout`",
  client_closed: "The client left before a target had been asked",
  client_reset: "The client's connection broke, or a reply could not be sent to it",
  target_reset: "The target's connection broke, or a datagram could not be sent to it",
  detect_timeout: "Detection took longer than `detect.timeout` and `on_timeout` is `close`",
  detect_memory: "All sessions and flows together hold `limits.detect_memory`",
  unreadable:
    "The protocol is certain, but a name or fact that routes ask for could not be read: see " +
    "`detect_end` and `detect.on_unreadable`",
  proxy_header: "A PROXY header was required or begun, and is missing or broken",
  proxy_untrusted:
    "The listener requires a PROXY header, or was sent one that no route takes, and " +
    "`proxy_protocol.trusted` does not name the sender",
  opening_refused:
    "No target took what a route makes shunt ask of it before the client's first bytes, such as " +
    "PostgreSQL's TLS",
  opening_timeout:
    "The client was silent for `detect.timeout`, or the target for `connect_timeout`, in the dialogue " +
    "before the client's first bytes",
  opening_violation:
    "The client or the target spoke out of turn, or said something else, in the dialogue before the " +
    "client's first bytes",
  no_route: "No route matched",
  no_target: "The upstream has no target that may be tried",
  dns_failed: "A target's name could not be resolved",
  connect_refused: "A target refused the connection",
  connect_timeout: "No target answered within `connect_timeout`",
  connect_failed: "A target could not be reached for another reason",
  limit_sessions: "The listener has `limits.sessions` sessions",
  limit_source: "The source has `limits.per_source` sessions and flows",
  limit_rate: "The source opens more than `limits.new_per_source`",
  no_descriptors: "All descriptors that sessions and flows may have are taken",
  displaced:
    "A flow of one datagram without an answer, or quiet for 2 s after one, when `limits.flows` or the " +
    "descriptors were used up and another began; or the quietest of four flows of one client " +
    "address's QUIC connections, when a fifth began",
  joined:
    "A QUIC connection that turned out to go where another of its client goes: that flow took its " +
    "datagrams",
  no_memory:
    "The process nears `limits.memory`, or a thread the limit of its heap: nothing new is " +
    "taken until there is less",
  target_gone:
    "The flow's target was taken out of the configuration, or found dead: its next datagram " +
    "begins another flow",
  fault: "Reset on purpose by `faults.reset_after`",
  drained: "A flow that was silent for 2 s while shunt drained",
  shutdown: "Still running when `drain_timeout` had passed, or when shunt was told to stop at once",
  worker_died: "Its worker died, and was replaced",
  internal_error: "A bug in shunt: please report the log line",
} as const;

/** A key of {@linkcode CLOSE_TEXTS}. */
export type CloseReason = keyof typeof CLOSE_TEXTS;

/** The keys of {@linkcode CLOSE_TEXTS}. */
export const CLOSE_REASONS: readonly CloseReason[] = Object.keys(CLOSE_TEXTS) as CloseReason[];

/** Why a datagram was dropped. */
export const DROP_TEXTS = {
  limit_flows: "The listener has `limits.flows` flows",
  limit_source: "The source has `limits.per_source` sessions and flows",
  limit_rate: "The source opens more than `limits.new_per_source`",
  no_descriptors: "All descriptors that sessions and flows may have are taken",
  no_memory: "The process nears `limits.memory`, or a thread the limit of its heap",
  limit_openings:
    "More than 10,000 datagrams a second and thread came that may open QUIC connections of clients " +
    "without an answer",
  other_hello: "It carries another QUIC hello than the one by which its flow was routed",
  held_bytes: "The flow holds `detect.max_bytes`",
  held_datagrams: "The flow holds as many datagrams as may wait",
  detect_memory: "All sessions and flows together hold `limits.detect_memory`",
  flow_closed: "It was held by a flow that ended before a target could take it",
  send_failed:
    "It could not be sent: too long, a queue or a table of the kernel's is full, or a filter " +
    "or a route is in its way",
  not_target: "It came from someone who is not the flow's target",
  own_address: "It claims to come from an address that shunt itself listens on",
  hidden_initial:
    "On a running flow, a QUIC Initial lay behind another packet, where it could begin a " +
    "connection unread",
  builtin_rate: "A built-in target had given as many answers in a second as it may",
  draining: "New flows are not taken while shunt drains",
} as const;

/** A key of {@linkcode DROP_TEXTS}. */
export type DropReason = keyof typeof DROP_TEXTS;

/** The keys of {@linkcode DROP_TEXTS}. */
export const DROP_REASONS: readonly DropReason[] = Object.keys(DROP_TEXTS) as DropReason[];
