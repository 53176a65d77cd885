/**
 * What all but the detectors have to know of a protocol.
 *
 * @module
 */

import type { FactName } from "./mod.ts";

/** A protocol that a route can ask for. */
export interface ProtocolInfo {
  readonly name: string;
  /** The transports it occurs on. */
  readonly transports: readonly ("tcp" | "udp")[];
  /** The facts that it can tell. */
  readonly facts: readonly FactName[];
}

/** What `match: { protocol }` may be beside the protocols that shunt detects. */
export const PSEUDO_PROTOCOLS: readonly ProtocolInfo[] = [
  { name: "unknown", transports: ["tcp", "udp"], facts: [] },
  // A flow begins with a datagram, so it is never silent.
  { name: "silent", transports: ["tcp"], facts: [] },
];
