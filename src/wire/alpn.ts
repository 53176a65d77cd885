/**
 * Reads the protocol names that a ClientHello offers (RFC 7301 §3.1), within bounds: a hello may hold
 * 30,000 of them. Knows the extension's data only.
 *
 * @module
 */

import { latin1, u16, u8 } from "./reader.ts";

/** Names that are kept to be shown, besides those that routes ask for. */
export const SHOWN_NAMES = 8;
/** Bytes that are kept of each name. A longer name ends in an ellipsis, which no name can contain. */
export const SHOWN_BYTES = 32;

/** Protocol names that routes ask for, to be found among the names that a hello offers. */
export class AlpnSet {
  readonly #names = new Set<string>();
  /** Keyed by a hash of the name's bytes, so that the size of the set does not matter. */
  readonly #byHash = new Map<number, { readonly name: string; readonly bytes: Uint8Array }[]>();

  /** @param names The names; a name may appear more than once */
  constructor(names: Iterable<string> = []) {
    for (const name of names) this.add(name);
  }

  /**
   * Adds a name, unless it is there.
   *
   * @param name The name
   */
  add(name: string): void {
    if (this.#names.has(name)) return;
    this.#names.add(name);
    const bytes = new TextEncoder().encode(name);
    const hash = hashOf(bytes, 0, bytes.length);
    this.#byHash.set(hash, [...this.#byHash.get(hash) ?? [], { name, bytes }]);
  }

  /**
   * Finds the name that stands at a place.
   *
   * @param bytes Where it stands
   * @param start Index of its first byte
   * @param end Index after its last byte
   * @returns The set's own string, or `undefined` if no route asks for that name
   */
  find(bytes: Uint8Array, start: number, end: number): string | undefined {
    if (this.#byHash.size === 0) return undefined;
    for (const asked of this.#byHash.get(hashOf(bytes, start, end)) ?? []) {
      if (isAt(asked.bytes, bytes, start, end)) return asked.name;
    }
    return undefined;
  }
}

/** An empty set, for use if no route asks for a name. */
export const NO_ALPN: AlpnSet = new AlpnSet();

/** FNV-1a. A client that knows the names can force collisions, which cost one comparison each. */
function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return hash;
}

function isAt(asked: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (asked.length !== end - start) return false;
  for (let i = 0; i < asked.length; i++) {
    if (asked[i] !== bytes[start + i]) return false;
  }
  return true;
}

/**
 * Reads the data of an ALPN extension. Neither the list nor any of its names may be empty.
 *
 * @param hello Where the data stand
 * @param place Indexes of their first byte and after their last
 * @param asked The names to look for in the whole list
 * @returns Names in the client's order, one character per byte: the first {@linkcode SHOWN_NAMES}, each cut
 * to {@linkcode SHOWN_BYTES} bytes and an ellipsis, and all asked names, whole and once each; `null` if the
 * data contradict themselves
 */
export function readAlpn(
  hello: Uint8Array,
  { from, to }: { readonly from: number; readonly to: number },
  asked: AlpnSet,
): string[] | null {
  if (to - from < 4 || from + 2 + u16(hello, from) !== to) return null;
  const names: string[] = [];
  let count = 0;
  for (let at = from + 2; at < to; count++) {
    const start = at + 1;
    const end = start + u8(hello, at);
    if (end === start || end > to) return null;
    const found = asked.find(hello, start, end);
    if (found !== undefined) {
      if (count < SHOWN_NAMES || !names.includes(found)) names.push(found);
    } else if (count < SHOWN_NAMES) names.push(shown(hello, start, end));
    at = end;
  }
  return names;
}

function shown(hello: Uint8Array, start: number, end: number): string {
  if (end - start <= SHOWN_BYTES) return latin1(hello, start, end);
  return `${latin1(hello, start, start + SHOWN_BYTES)}…`;
}
