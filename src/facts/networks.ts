/**
 * Networks, for `match: { source }` and lists of trusted peers: an IP address, or one with a prefix
 * length. Knows addresses only as text; it resolves no name and knows no route.
 *
 * @module
 */

import { isIpLiteral, parseSocketAddress } from "../wire/address.ts";
import { readIp } from "../wire/ip.ts";
import { type Fault, quote } from "../wording.ts";
import type { Kind, PatternSet } from "./kind.ts";

/** Patterns that are networks. */
export const networks: Omit<Kind, "read"> = {
  what: 'a network such as "10.0.0.0/8" or "192.0.2.7"',
  listed: "an IP address or CIDR block",
  title: "IP address or CIDR block",
  parse,
  key,
  coverers,
  compile: (patterns) => new AddressSet(patterns),
};

const MAPPED_BITS = 96;

/** One network: its first `bits` of 128, IPv4 in its mapped form. */
interface Network {
  readonly family: 4 | 6;
  readonly words: Uint16Array;
  readonly bits: number;
}

function toNetwork(text: string): Network {
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
  // `::ffff:0:0/90` holds more than the mapped addresses, so it is an IPv6 network.
  return { family: family === 4 && bits >= MAPPED_BITS ? 4 : 6, words, bits };
}

/** Returns the family and the bits of the prefix: the beginnings of a key are the keys of wider networks. */
function key(text: string): string {
  const { family, words, bits } = toNetwork(text);
  let digits = "";
  for (const word of words) digits += word.toString(2).padStart(16, "0");
  return `${family} ${digits.slice(family === 4 ? MAPPED_BITS : 0, bits)}`;
}

function coverers(key: string): readonly string[] {
  const found: string[] = [];
  for (let end = key.indexOf(" ") + 1; end <= key.length; end++) found.push(key.slice(0, end));
  return found;
}

/** Returns the text itself, or what is wrong. */
function parse(text: string): string | Fault {
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
export class AddressSet implements PatternSet {
  readonly #networks: readonly Network[];

  /**
   * @param networks CIDRs such as `10.0.0.0/8`, or IP literals
   * @throws {Error} If one is neither
   */
  constructor(networks: readonly string[]) {
    this.#networks = networks.map(toNetwork);
  }

  /**
   * Reports whether an address is in one of the networks. `::/0` is every IPv6 address and no IPv4
   * one; an IPv4-mapped address counts as the IPv4 address that it carries.
   *
   * @param source An IP literal; anything else is in no network
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
