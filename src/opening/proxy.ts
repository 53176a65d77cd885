/**
 * The PROXY header that gives an upstream's targets the client's address, before any of the client's bytes.
 * It waits for no answer. Knows no session or flow.
 *
 * @module
 */

import { NO_BYTES } from "../wire/bytes.ts";
import { encodeProxyHeader, type ProxyAddresses } from "../wire/proxy_protocol.ts";

/**
 * Makes the header that goes before a client's bytes or its first datagram.
 *
 * @param version What the upstream asks for
 * @returns The header; empty with `off`, and with `v1` on UDP, which v1 does not know
 */
export function proxyHeader(
  version: "off" | "v1" | "v2",
  addresses: ProxyAddresses,
): Uint8Array {
  if (version === "off" || (version === "v1" && addresses.transport === "udp")) return NO_BYTES;
  return encodeProxyHeader(version, addresses);
}
