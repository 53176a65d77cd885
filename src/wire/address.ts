/**
 * Addresses as text and back: `host:port`, `[v6]:port`, `unix:PATH`, `builtin:NAME`. Knows no socket
 * and resolves no name.
 *
 * @module
 */

import { isIP, isIPv6 } from "node:net";
import ipaddr from "ipaddr.js";
import { isHostName } from "./host_name.ts";

/** An address of IP literal (or, for a target, host name) and port. */
export interface SocketAddress {
  /** IP literal without brackets, or host name. */
  readonly host: string;
  /** 0 to 65535. */
  readonly port: number;
}

/** The in-process targets. */
export const BUILTINS = ["hello", "echo", "discard", "reset"] as const;

/** Name of an in-process target. */
export type BuiltinName = typeof BUILTINS[number];

/** The address of a target. */
export type TargetAddress =
  | { readonly kind: "inet"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "builtin"; readonly name: BuiltinName };

/** Reports whether text is an IPv4 or IPv6 literal, without brackets. */
export function isIpLiteral(host: string): boolean {
  return isIP(host) !== 0;
}

/**
 * Parses `host:port` or `[v6]:port`.
 *
 * @param text The text
 * @returns The address, or a sentence fragment that says what is wrong with it
 */
export function parseSocketAddress(text: string): SocketAddress | string {
  const split = /^(?:\[([^\]]*)\]|([^:]*)):([^:]*)$/.exec(text);
  if (split === null) {
    if (isIPv6(text)) return 'IPv6 addresses need brackets and a port, as in "[::1]:443"';
    const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(text);
    if (scheme !== null) return `an address has no scheme; leave out ${JSON.stringify(scheme[0])}`;
    if (text.startsWith("/")) return 'a path needs "unix:" before it';
    if (text.startsWith("[")) return 'port is missing, as in "[::1]:443"';
    return 'port is missing, as in "127.0.0.1:443"';
  }
  const [, v6, name, digits = ""] = split;
  if (!/^[0-9]{1,5}$/.test(digits) || Number(digits) > 65535) {
    return `port ${JSON.stringify(digits)} is not a number from 0 to 65535`;
  }
  const port = Number(digits);
  if (v6 !== undefined) {
    return isIPv6(v6) ? { host: v6, port } : `${JSON.stringify(v6)} is not an IPv6 address`;
  }
  if (name === undefined || name === "") return 'host is missing, as in "0.0.0.0:443"';
  if (name === "*") return `"*" is not an address; use "0.0.0.0" or "[::]"`;
  if (isIP(name) === 4 || isHostName(name)) return { host: name, port };
  return `${JSON.stringify(name)} is neither an IP address nor a host name`;
}

/**
 * Parses a target: `host:port`, `[v6]:port`, `unix:PATH` or `builtin:NAME`.
 *
 * @param text The text
 * @returns The target's address, or a sentence fragment that says what is wrong with it
 */
export function parseTargetAddress(text: string): TargetAddress | string {
  if (text.startsWith("unix:")) {
    const path = text.slice("unix:".length);
    return path === "" ? 'path is missing, as in "unix:/run/app.sock"' : { kind: "unix", path };
  }
  if (text.startsWith("builtin:")) {
    const name = text.slice("builtin:".length);
    const known = BUILTINS.find((builtin) => builtin === name);
    return known === undefined
      ? `built-in target ${JSON.stringify(name)} does not exist; there are ${BUILTINS.join(", ")}`
      : { kind: "builtin", name: known };
  }
  const address = parseSocketAddress(text);
  if (typeof address === "string") return address;
  if (address.port === 0) return "port 0 cannot be connected to";
  return { kind: "inet", ...address };
}

/** Writes an address as `host:port`, with brackets around IPv6. */
export function formatAddress(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Writes a target's address as the configuration does. */
export function formatTarget(address: TargetAddress): string {
  switch (address.kind) {
    case "inet":
      return formatAddress(address.host, address.port);
    case "unix":
      return `unix:${address.path}`;
    case "builtin":
      return `builtin:${address.name}`;
  }
}

/**
 * Strips the IPv4-mapped prefix that dual-stack sockets show (`::ffff:192.0.2.1`, RFC 4291 §2.5.5.2).
 *
 * @param host IP literal as a socket shows it
 * @returns The IPv4 literal if the address is a mapped one, else `host` itself
 */
export function unmapHost(host: string): string {
  return host.startsWith("::ffff:") && host.includes(".") ? host.slice(7) : host;
}

/**
 * Spells an IP literal as sockets do: IPv6 as in RFC 5952, mapped IPv4 as IPv4.
 *
 * @param host IP literal in any spelling
 * @returns The literal to compare with what a socket shows
 */
export function canonicalHost(host: string): string {
  const zone = host.indexOf("%");
  if (zone >= 0 || !isIPv6(host)) return host;
  const parsed = ipaddr.IPv6.parse(host);
  return parsed.isIPv4MappedAddress()
    ? parsed.toIPv4Address().toString()
    : parsed.toRFC5952String();
}

/**
 * Writes the host of a bound address, IP literal or `localhost` (bound as 127.0.0.1), as its socket does.
 */
export function boundHost(host: string): string {
  return host === "localhost" ? "127.0.0.1" : canonicalHost(host);
}

/**
 * Reports whether a host is `0.0.0.0` or `::`, in any spelling: can be bound to, but is no machine's
 * address.
 */
export function isWildcard(host: string): boolean {
  const canonical = canonicalHost(host);
  return canonical === "0.0.0.0" || canonical === "::";
}

/**
 * Reports whether binding to an address would clash with other bound addresses. A wildcard takes its port
 * on every address.
 *
 * @param at Host, in any spelling, and port
 * @param others `IP:PORT` of each; other texts clash with nothing
 * @returns Whether it clashes with any of them
 */
export function overlaps(
  at: { readonly host: string; readonly port: number },
  others: readonly string[],
): boolean {
  return others.some((text) => {
    const other = parseSocketAddress(text);
    if (typeof other === "string" || other.port !== at.port) return false;
    const hosts = [boundHost(at.host), boundHost(other.host)];
    return hosts[0] === hosts[1] || hosts.includes("0.0.0.0") || hosts.includes("::");
  });
}
