/**
 * The hash of source_ip, source_socket and maglev: the same in every process, on every machine and after
 * every restart. Knows bytes and addresses; balancer.ts chooses targets by it.
 *
 * @module
 */

import { readIp } from "../wire/ip.ts";

/**
 * Mixes the bits of an unsigned 32-bit number so that each depends on all: the last step of MurmurHash3.
 */
export function mix32(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ hash >>> 16, 0x85ebca6b);
  hash = Math.imul(hash ^ hash >>> 13, 0xc2b2ae35);
  return (hash ^ hash >>> 16) >>> 0;
}

function scramble(word: number): number {
  const scaled = Math.imul(word, 0xcc9e2d51);
  return Math.imul(scaled << 15 | scaled >>> 17, 0x1b873593);
}

/**
 * MurmurHash3, x86 32-bit variant: in the public domain, spreads short keys well, and needs no 64-bit
 * arithmetic, for which JavaScript would allocate.
 *
 * @param bytes The bytes
 * @param seed Makes independent hashes of the same bytes
 * @returns An unsigned 32-bit number
 */
export function murmur3(bytes: Uint8Array, seed = 0): number {
  const whole = bytes.length & ~3;
  let hash = seed;
  for (let i = 0; i < whole; i += 4) {
    hash ^= scramble(
      bytes[i]! | bytes[i + 1]! << 8 | bytes[i + 2]! << 16 | bytes[i + 3]! << 24,
    );
    hash = Math.imul(hash << 13 | hash >>> 19, 5) + 0xe6546b64 | 0;
  }
  let tail = 0;
  for (let i = bytes.length - 1; i >= whole; i--) tail = tail << 8 | bytes[i]!;
  if (whole < bytes.length) hash ^= scramble(tail);
  return mix32(hash ^ bytes.length);
}

const encoder = new TextEncoder();

/** Hashes a text as UTF-8; see {@linkcode murmur3}. */
export function hashText(text: string, seed = 0): number {
  return murmur3(encoder.encode(text), seed);
}

const words = new Uint16Array(8);
const key = new Uint8Array(18);
const keyWithoutPort = key.subarray(0, 16);

/**
 * Hashes a client's address, and its port if given. The address's bytes are hashed, not its text, so all
 * spellings and the IPv4-mapped form give the same hash.
 *
 * @param host IP literal; any other text is hashed as it is
 * @param port Port number
 * @returns An unsigned 32-bit number
 */
export function hashClient(host: string, port?: number): number {
  if (readIp(host, words) === 0) return port === undefined ? hashText(host) : hashText(host, port);
  for (let i = 0; i < 8; i++) {
    key[2 * i] = words[i]! >>> 8;
    key[2 * i + 1] = words[i]! & 0xff;
  }
  if (port === undefined) return murmur3(keyWithoutPort);
  key[16] = port >>> 8;
  key[17] = port & 0xff;
  return murmur3(key);
}
