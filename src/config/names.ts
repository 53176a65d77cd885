/**
 * Name patterns (`sni`, `host`) and networks (`source`, `trusted`): what is legal. Knows no key and
 * no route.
 *
 * @module
 */

import ipaddr from "ipaddr.js";
import { isIpLiteral, parseSocketAddress } from "../wire/address.ts";
import { isHostName } from "../wire/host_name.ts";
import { quote } from "./problem.ts";
import type { Fault } from "./scalars.ts";

/** Bits of the prefix of IPv4-mapped addresses (RFC 4291 §2.5.5.2). */
const MAPPED_BITS = 96;

/**
 * Checks a name pattern: exact, `*.suffix` or `*`.
 *
 * @param text The pattern
 * @param options Whether an IP literal is a name too: an HTTP host may be one, a TLS server name
 * never is (RFC 6066 §3)
 * @returns The pattern in lower case without a trailing dot, or what is wrong
 */
export function parsePattern(text: string, options: { readonly ip: boolean }): string | Fault {
  const pattern = text.toLowerCase().replace(/(?<=[^.*])\.$/, "");
  if (pattern === "*") return pattern;
  if (isIpLiteral(pattern)) {
    if (options.ip) return pattern;
    return {
      fault: `A server name is never an IP address, got ${quote(text)}`,
      hint: 'use a name, or leave "sni" out',
    };
  }
  const name = pattern.startsWith("*.") ? pattern.slice(2) : pattern;
  if (isHostName(name)) return pattern;
  return { fault: `Expected a name, "*.suffix" or "*", got ${quote(text)}`, ...remedy(pattern) };
}

function remedy(pattern: string): { readonly hint?: string } {
  const meant = /^[a-z]+:\/\/([^/]+)/.exec(pattern)?.[1] ?? pattern;
  const name = /^\[?(.*?)\]?(?::[0-9]*)?$/.exec(meant)?.[1] ?? meant;
  const isName = isHostName(name.replace(/^\*\./, "")) || isIpLiteral(name);
  if (name !== pattern && isName) return { hint: `did you mean ${quote(name)}?` };
  if (/[^ -~]/.test(pattern)) return { hint: 'write other letters as clients send them: "xn--…"' };
  if (pattern.includes("*")) return { hint: 'a "*" stands for whole labels at the start' };
  return {};
}

/**
 * Checks a network: an IP address, or one with a prefix length.
 *
 * @param text The network
 * @returns The text itself, or what is wrong
 */
export function parseNetwork(text: string): string | Fault {
  const [, host = "", digits] = /^([^/%]*)(?:\/([0-9]{1,3}))?$/.exec(text) ?? [];
  if (isIpLiteral(host)) {
    const bits = host.includes(":") ? 128 : 32;
    if (Number(digits ?? 0) <= bits) return text;
    return { fault: `The prefix length of ${quote(text)} is greater than ${bits}` };
  }
  const address = parseSocketAddress(text);
  const hint = typeof address !== "string" && isIpLiteral(address.host)
    ? `did you mean ${quote(address.host)}?`
    : "names are not resolved here";
  const example = '"10.0.0.0/8", "192.0.2.7" or "2001:db8::/32"';
  return { fault: `Expected a network such as ${example}, got ${quote(text)}`, hint };
}

/** A network in the form that containment is decided in. */
export interface Network {
  readonly address: ReturnType<typeof ipaddr.parse>;
  readonly bits: number;
}

/**
 * Reads a network that {@linkcode parseNetwork} found legal.
 *
 * @param text The network
 * @returns Its address and prefix length
 */
export function toNetwork(text: string): Network {
  const [host = "", digits] = text.split("/");
  const address = ipaddr.parse(host);
  const bits = digits === undefined ? address.toByteArray().length * 8 : +digits;
  // Mapped IPv4 counts as IPv4, as it does for sources; a network of more than that is IPv6.
  if (address.kind() === "ipv6" && bits >= MAPPED_BITS) {
    const v6 = address as ipaddr.IPv6;
    if (v6.isIPv4MappedAddress()) return { address: v6.toIPv4Address(), bits: bits - MAPPED_BITS };
  }
  return { address, bits };
}
