/**
 * Sets of source networks, for `match: { source }` and lists of trusted peers. Knows addresses only
 * as text; it resolves no name and knows no route.
 *
 * @module
 */

import { readIp } from "./ip.ts";

const MAPPED_BITS = 96;

/** One network: its first `bits` of 128, IPv4 in its mapped form. */
interface Network {
  readonly family: 4 | 6;
  readonly words: Uint16Array;
  readonly bits: number;
}

function parseNetwork(text: string): Network {
  const slash = text.indexOf("/");
  const host = slash < 0 ? text : text.slice(0, slash);
  const words = new Uint16Array(8);
  const family = readIp(host, words);
  const length = slash < 0 ? undefined : Number(text.slice(slash + 1));
  const isV4 = !host.includes(":");
  const most = isV4 ? 32 : 128;
  const legal = length === undefined ||
    (Number.isInteger(length) && length >= 0 && length <= most && slash < text.length - 1);
  if (family === 0 || !legal) throw new Error(`${JSON.stringify(text)} is not a network`);
  const bits = length === undefined ? 128 : length + (isV4 ? MAPPED_BITS : 0);
  // `::ffff:0:0/90` holds more than the mapped addresses: as a whole it is an IPv6 network.
  return { family: family === 4 && bits >= MAPPED_BITS ? 4 : 6, words, bits };
}

function holds(network: Network, words: Uint16Array): boolean {
  const whole = network.bits >>> 4;
  for (let i = 0; i < whole; i++) {
    if (network.words[i] !== words[i]) return false;
  }
  const rest = network.bits & 15;
  return rest === 0 || (network.words[whole]! ^ words[whole]!) >>> (16 - rest) === 0;
}

const scratch = new Uint16Array(8);

/** A set of networks: CIDRs and single addresses. */
export class AddressSet {
  readonly #networks: readonly Network[];

  /**
   * @param networks CIDRs such as `10.0.0.0/8`, or IP literals
   * @throws {Error} If one is neither
   */
  constructor(networks: readonly string[]) {
    this.#networks = networks.map(parseNetwork);
  }

  /**
   * Reports whether an address is in one of the networks. `::/0` is every IPv6 address and no IPv4
   * one; an IPv4-mapped address counts as the IPv4 address that it carries.
   *
   * @param source IP literal
   * @returns `false` also where `source` is no IP literal
   */
  has(source: string): boolean {
    const family = readIp(source, scratch);
    if (family === 0) return false;
    for (const network of this.#networks) {
      if (network.family === family && holds(network, scratch)) return true;
    }
    return false;
  }
}
