/**
 * The facts: what clients tell of themselves in their first bytes. Knows no byte, no route and no
 * configuration.
 *
 * @module
 */

/**
 * What a detector learned beside the protocol's name; keys as access lines and JSON spell them.
 */
export interface Facts {
  /** Server name of a ClientHello: lower case, without a trailing dot. */
  readonly sni?: string;
  /**
   * Protocols that a ClientHello offers, in its order: the first eight, of 32 bytes at the most with an
   * ellipsis after what is cut, and those that a route asks for.
   */
  readonly alpn?: readonly string[];
  /** JA4 fingerprint of a ClientHello. */
  readonly ja4?: string;
  /** The highest TLS version that a ClientHello offers: `1.0` to `1.3`. */
  readonly tls_version?: string;
  /** Length of a ClientHello message, without what carried it. */
  readonly hello_bytes?: number;
  /** HTTP host: lower case, without port or trailing dot; IPv6 without brackets. */
  readonly host?: string;
  /** Version as the protocol spells it: HTTP `1.0`, `1.1`, `2`; QUIC `1`, `2`; SSH `2.0`. */
  readonly version?: string;
}

/** The facts that a route can ask for. */
export const FACT_NAMES = ["sni", "alpn", "ja4", "host"] as const;

/** One of {@linkcode FACT_NAMES}. */
export type FactName = typeof FACT_NAMES[number];
