/**
 * The PROXY header that tells an upstream's targets the client's address, before anything of the client's.
 * It says something and waits for nothing. Knows no session or flow.
 *
 * @module
 */

import { NO_BYTES } from "../wire/bytes.ts";
import { encodeProxyHeader, type ProxyAddresses } from "../wire/proxy_protocol.ts";

/**
 * Makes the header that goes before a client's bytes or its first datagram.
 *
 * @param version What the upstream asks for
 * @param addresses What to tell
 * @returns The header; empty if the upstream asks for none, or for v1, which knows no UDP, by UDP
 */
export function proxyHeader(
  version: "off" | "v1" | "v2",
  addresses: ProxyAddresses,
): Uint8Array {
  if (version === "off" || (version === "v1" && addresses.transport === "udp")) return NO_BYTES;
  return encodeProxyHeader(version, addresses);
}
