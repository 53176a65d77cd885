/**
 * What readers of several formats need: wildcard addresses, the rest of the protocols, ports by name. Knows
 * no format.
 *
 * @module
 */

import { type ProtocolInfo, PSEUDO_PROTOCOLS } from "../facts/mod.ts";
import type { Transport } from "../config/schema.ts";
import { isIpLiteral, parseSocketAddress } from "../wire/address.ts";
import { type Item, type Note, remark, unconverted } from "./plan.ts";

/**
 * Lists all protocols of a transport except some.
 *
 * @param without The protocols to leave out
 * @param options All protocols and the transport
 * @returns The names of the others
 */
export function othersThan(
  without: readonly string[],
  { protocols, transport }: {
    readonly protocols: readonly ProtocolInfo[];
    readonly transport: Transport;
  },
): string[] {
  return [...protocols, ...PSEUDO_PROTOCOLS]
    .filter(({ name, transports }) => transports.includes(transport) && !without.includes(name))
    .map(({ name }) => name);
}

/**
 * Merges `0.0.0.0` and `[::]` on the same port, since shunt's `[::]` takes IPv4 too. Next to any other IPv4
 * address, `[::]` would open more than was asked for and is left out.
 *
 * @param addresses The addresses of one transport
 * @returns The addresses to bind, and notes on the others
 */
export function joinWildcards(
  addresses: readonly Item<string>[],
): { readonly bind: Item<string>[]; readonly notes: Note[] } {
  const bind: Item<string>[] = [];
  const notes: Note[] = [];
  const v4 = new Map<number, string>();
  const parsed = addresses.map((item) => {
    const address = parseSocketAddress(item.value);
    const place = typeof address === "string" ? undefined : address;
    if (place !== undefined && !place.host.includes(":") && v4.get(place.port) !== "0.0.0.0") {
      v4.set(place.port, place.host);
    }
    return { item, place };
  });
  const wide = new Set(
    parsed.flatMap(({ place }) => place?.host === "::" ? [place.port] : []),
  );
  for (const { item, place } of parsed) {
    const other = place === undefined ? undefined : v4.get(place.port);
    if (place?.host === "0.0.0.0" && wide.has(place.port)) continue;
    if (place?.host !== "::") bind.push(item);
    else if (other === undefined || other === "0.0.0.0") {
      bind.push(item);
      if (other === undefined) notes.push(remark(item.from, "[::] of shunt takes IPv4 too"));
    } else {
      notes.push(
        unconverted(item.from, `[::] of shunt takes IPv4 too, and only ${other} was asked for`),
      );
    }
  }
  return { bind, notes };
}

/** Ports that such configurations write by service name (IANA). */
const SERVICES: Readonly<Record<string, number>> = {
  daytime: 13,
  domain: 53,
  ftp: 21,
  http: 80,
  "http-alt": 8080,
  https: 443,
  imap: 143,
  imap2: 143,
  imaps: 993,
  ldap: 389,
  ldaps: 636,
  "ms-wbt-server": 3389,
  mysql: 3306,
  ntp: 123,
  openvpn: 1194,
  pop3: 110,
  pop3s: 995,
  postgresql: 5432,
  sip: 5060,
  smtp: 25,
  smtps: 465,
  socks: 1080,
  ssh: 22,
  submission: 587,
  submissions: 465,
  syslog: 514,
  telnet: 23,
  "xmpp-client": 5222,
  "xmpp-server": 5269,
};

/** Returns the number of a port that may be a service name; unknown names are returned unchanged. */
export function portNumber(port: string): string {
  const known = Object.hasOwn(SERVICES, port) ? SERVICES[port] : undefined;
  return known === undefined ? port : String(known);
}

/** Peers to trust with PROXY headers if the input trusts anyone, which would be unsafe. */
export const LOOPBACK: readonly string[] = ["127.0.0.0/8", "::1"];

/** Removes the brackets from an IPv6 address. */
export function unbracket(host: string): string {
  return host.replace(/^\[(.*)\]$/, "$1");
}

/** Stands for a host name: an address for documentation (RFC 5737 §3), which no machine has. */
const PLACEHOLDER_HOST = "192.0.2.1";

/**
 * Returns the address to bind for a host, since shunt resolves no names for binding.
 *
 * @param host The host without brackets
 * @returns The address, and what the user has to do if it is a placeholder
 */
export function bindableHost(host: string): { readonly host: string; readonly why?: string } {
  if (isIpLiteral(host) || host === "localhost") return { host };
  const why = `shunt listens on addresses; put that of "${host}" in place of ${PLACEHOLDER_HOST}`;
  return { host: PLACEHOLDER_HOST, why };
}

/** Joins a host without brackets and an unchecked port. */
export function hostAndPort(host: string, port: string): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
