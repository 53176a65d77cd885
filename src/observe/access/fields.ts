/**
 * The fields of an access line and their meanings, for the reference. Does not know how lines are written.
 *
 * @module
 */

/** The fields, in their order. A line leaves out fields that are not known. */
export const ACCESS_TEXTS = {
  id: "Unique; ids sort by start time (ULID)",
  transport: "`tcp` for a session, `udp` for a flow",
  listener: "The listener's name",
  source: "The client's address, or the one in a trusted PROXY header",
  protocol: "The protocol, `unknown` or `silent`; left out if no route asked for it",
  sni: "Server name of the TLS or QUIC hello",
  alpn: "Protocols that the hello offers: the first eight, cut to 32 bytes with `…` unless a " +
    "route asks for them",
  ja4: "JA4 fingerprint of the hello",
  tls_version: "The highest TLS version that the hello offers",
  hello_bytes: "Bytes of the hello",
  host: "Host of an HTTP request",
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
