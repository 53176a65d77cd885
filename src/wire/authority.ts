/**
 * `host[:port]` as HTTP writes it (RFC 9110 §7.2, RFC 3986 §3.2). Knows no message and no header.
 *
 * @module
 */

import { isIPv6 } from "node:net";

// No user information: RFC 9110 §4.2.4 has it treated as an error. No percent encoding: no DNS name has it.
const AUTHORITY = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._~-]+))(?::[0-9]{0,5})?$/i;
const LONGEST = 255 + ":65535".length; // RFC 1035 §2.3.4

/**
 * Takes the host out of an authority.
 *
 * @param text Host and perhaps port
 * @returns Lower-case host without port or trailing dot, IPv6 without brackets; `undefined` where
 * there is none that a route could name
 */
export function hostOf(text: string): string | undefined {
  if (text.length > LONGEST) return undefined;
  const [, v6, name] = AUTHORITY.exec(text) ?? [];
  if (v6 !== undefined) return isIPv6(v6) ? v6.toLowerCase() : undefined;
  if (name === undefined) return undefined;
  const host = name.endsWith(".") ? name.slice(0, -1) : name;
  return host === "" || host.endsWith(".") ? undefined : host.toLowerCase();
}
