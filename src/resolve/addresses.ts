/**
 * The order in which the addresses of a name are tried. Knows IP literals as text and the client's address;
 * resolves and connects nothing.
 *
 * @module
 */

import type { UpstreamConfig } from "../config/schema.ts";
import type { SocketAddress } from "../wire/address.ts";
import { hashClient, hashText, mix32 } from "./hash.ts";
import type { Target } from "./target.ts";

function isV6(address: string): boolean {
  return address.includes(":");
}

/** IPv6 first, so that the second attempt is of the other family (RFC 8305 §4). */
function interleave(v6: readonly string[], v4: readonly string[]): string[] {
  const list: string[] = [];
  for (let i = 0; i < v6.length || i < v4.length; i++) {
    if (i < v6.length) list.push(v6[i]!);
    if (i < v4.length) list.push(v4[i]!);
  }
  return list;
}

/** Addresses kept of one name. More would not make it more reachable. */
const MAX_ADDRESSES = 64;

/**
 * Puts the addresses of a name into an order that does not depend on the order in the answer, which name
 * servers rotate.
 *
 * @param addresses IP literals, perhaps repeated
 * @returns Each address once, families alternating, IPv6 first; 64 at most
 */
export function arrange(addresses: readonly string[]): readonly string[] {
  const sorted = [...new Set(addresses)].sort();
  const v4 = sorted.filter((address) => !isV6(address));
  return interleave(sorted.filter(isV6), v4).slice(0, MAX_ADDRESSES);
}

function rotate(list: readonly string[], turn: number): string[] {
  const start = list.length === 0 ? 0 : turn % list.length;
  return [...list.slice(start), ...list.slice(0, start)];
}

/** Sorts by a score. Each client has its own order, which stays the same if an address disappears. */
function rank(list: readonly string[], key: number): string[] {
  const scores = new Map(list.map((address) => [address, mix32(key ^ hashText(address))]));
  return [...list].sort((a, b) => scores.get(b)! - scores.get(a)!);
}

/**
 * Orders the addresses of a target for a client. Policies that hash give a client the same order each time;
 * with others, each call starts at the next address.
 *
 * @param upstream The upstream, for its policy
 * @param target The target whose name was resolved
 * @param list Its addresses
 * @param client The client's address
 * @returns The addresses in the order of trying, families alternating, IPv6 first
 */
export function orderAddresses(
  upstream: { readonly config: Pick<UpstreamConfig, "balance"> },
  target: Target,
  list: readonly string[],
  client: SocketAddress,
): readonly string[] {
  if (list.length < 2) return list;
  const v6 = list.filter(isV6);
  const v4 = list.filter((address) => !isV6(address));
  const { balance } = upstream.config;
  switch (balance) {
    case "source_ip":
    case "source_socket":
    case "maglev": {
      const key = balance === "source_socket"
        ? hashClient(client.host, client.port)
        : hashClient(client.host);
      return interleave(rank(v6, key), rank(v4, key));
    }
    case "first":
    case "random":
    case "round_robin":
    case "least_sessions": {
      const turn = target.turn++;
      return interleave(rotate(v6, turn), rotate(v4, turn));
    }
  }
}
