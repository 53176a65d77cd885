/**
 * Reads `host[:port]` as HTTP writes it (RFC 9110 §7.2, RFC 3986 §3.2). Knows no message and no header.
 *
 * @module
 */

import { isIP, isIPv6 } from "node:net";
import { hostName, MAX_NAME } from "./host_name.ts";
import { latin1 } from "./reader.ts";

// User information is refused, since RFC 9110 §4.2.4 treats it as an error. Percent encoding is refused,
// since no DNS name contains it.
const AUTHORITY = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+))(?::[0-9]{0,5})?$/i;
const LONGEST = MAX_NAME + ".:65535".length;

/**
 * Takes the host out of an authority.
 *
 * @param text Host and perhaps port
 * @returns Lower-case host without port or trailing dot, IPv6 without brackets, as a string of its own;
 * `undefined` if it is neither a host name ({@linkcode hostName}) nor an IP literal
 */
export function hostOf(text: string): string | undefined {
  if (text.length > LONGEST) return undefined;
  const [, v6, name] = AUTHORITY.exec(text) ?? [];
  if (v6 !== undefined) return isIPv6(v6) ? copied(v6) : undefined;
  if (name === undefined) return undefined;
  const v4 = name.endsWith(".") ? name.slice(0, -1) : name;
  return isIP(v4) === 4 ? copied(v4) : hostName(name);
}

const ENCODER = new TextEncoder();

/**
 * Copies a part of a string. Without a copy, it would keep the whole string alive, which may be a header
 * line of 64 KiB.
 */
function copied(text: string): string {
  const bytes = ENCODER.encode(text.toLowerCase());
  return latin1(bytes, 0, bytes.length);
}
