/**
 * Opens messages sealed with AES-128-GCM (NIST SP 800-38D). Use it only with keys that are public: see
 * aes.ts.
 *
 * Why by hand: the tag is checked before anything is decrypted, so that a forgery of 1,200 bytes costs 6 µs
 * and makes no garbage. With `node:crypto`, which throws if the tag is wrong, it costs 13 to 16 µs.
 *
 * @module
 */

import { encryptBlock, expandKey, ROUND_KEY_WORDS, word } from "./aes.ts";

const BLOCK_BYTES = 16;
/** Bytes of a tag. */
export const TAG_BYTES = 16;

// Shared by all calls, as none awaits.
const KEYS = new Int32Array(ROUND_KEY_WORDS);
/** The key that {@linkcode KEYS} and {@linkcode MULTIPLES} were made from. */
let prepared: Int32Array | undefined;
const BLOCK = new Int32Array(4);
/** Multiples of the hash key by all polynomials of degree 3 or less, four words each. */
const MULTIPLES = new Int32Array(64);
const HASH = new Int32Array(4);

/** Maps four bits that are shifted out at the low end to the bits that they change at the high end. */
const REDUCTIONS = Int32Array.from({ length: 16 }, (_, bits) => {
  let sum = 0;
  for (let i = 0; i < 4; i++) if (bits >> i & 1) sum ^= 0xe1000000 >>> (3 - i);
  return sum;
});

/** The message and key that {@linkcode open} takes. */
export interface Sealed {
  /** Four words. The array must never change. */
  readonly key: Int32Array;
  /** Three words. */
  readonly nonce: Int32Array;
  /** Additional data that is authenticated but not encrypted: its first {@linkcode aadBytes} bytes. */
  readonly aad: Uint8Array;
  readonly aadBytes: number;
  /** Where ciphertext and tag lie. */
  readonly bytes: Uint8Array;
  /** Index of the ciphertext's first byte. */
  readonly from: number;
  /** Index of the tag, directly after the ciphertext. */
  readonly tagAt: number;
}

/**
 * Decrypts a message if it is authentic. Checking the tag costs 80 ns a block, decrypting as much again.
 *
 * @param sealed The message and its key
 * @param into Where the plaintext goes; must have room for it
 * @returns Whether the message is authentic; if not, `into` is unchanged
 */
export function open(sealed: Sealed, into: Uint8Array): boolean {
  const { key, nonce, aad, aadBytes, bytes, from, tagAt } = sealed;
  // The packets of a datagram share one key.
  if (key !== prepared) prepare(key);
  HASH.fill(0);
  absorb(aad, 0, aadBytes);
  absorb(bytes, from, tagAt);
  HASH[1]! ^= 8 * aadBytes;
  HASH[3]! ^= 8 * (tagAt - from);
  multiply();
  count(nonce, 1);
  for (let i = 0; i < 4; i++) {
    if ((HASH[i]! ^ BLOCK[i]!) !== word(bytes, tagAt + 4 * i)) return false;
  }
  decrypt(sealed, into);
  return true;
}

function decrypt({ nonce, bytes, from, tagAt }: Sealed, into: Uint8Array): void {
  const length = tagAt - from;
  for (let at = 0, counter = 2; at < length; at += BLOCK_BYTES, counter++) {
    count(nonce, counter);
    const end = Math.min(BLOCK_BYTES, length - at);
    for (let i = 0; i < end; i++) {
      into[at + i] = bytes[from + at + i]! ^ BLOCK[i >> 2]! >>> (24 - 8 * (i & 3));
    }
  }
}

function prepare(key: Int32Array): void {
  expandKey(key, KEYS);
  BLOCK.fill(0);
  encryptBlock(KEYS, BLOCK);
  makeMultiples();
  prepared = key;
}

/** Makes a block of the key stream. */
function count(nonce: Int32Array, counter: number): void {
  BLOCK[0] = nonce[0]!;
  BLOCK[1] = nonce[1]!;
  BLOCK[2] = nonce[2]!;
  BLOCK[3] = counter;
  encryptBlock(KEYS, BLOCK);
}

/** Fills the table from the hash key in {@linkcode BLOCK}. The highest bit is degree 0. */
function makeMultiples(): void {
  let a = BLOCK[0]!, b = BLOCK[1]!, c = BLOCK[2]!, d = BLOCK[3]!;
  for (let i = 8; i > 0; i >>= 1) {
    MULTIPLES[4 * i] = a;
    MULTIPLES[4 * i + 1] = b;
    MULTIPLES[4 * i + 2] = c;
    MULTIPLES[4 * i + 3] = d;
    const carry = d & 1;
    d = d >>> 1 | c << 31;
    c = c >>> 1 | b << 31;
    b = b >>> 1 | a << 31;
    a = a >>> 1 ^ (carry === 0 ? 0 : 0xe1000000);
  }
  for (let i = 2; i < 16; i <<= 1) {
    for (let k = 4; k < 4 * i; k++) {
      MULTIPLES[4 * i + k] = MULTIPLES[4 * i + (k & 3)]! ^ MULTIPLES[k]!;
    }
  }
}

/** Adds bytes to the hash; the last block is padded with zeros. */
function absorb(bytes: Uint8Array, from: number, to: number): void {
  let at = from;
  for (; at + BLOCK_BYTES <= to; at += BLOCK_BYTES) {
    HASH[0]! ^= word(bytes, at);
    HASH[1]! ^= word(bytes, at + 4);
    HASH[2]! ^= word(bytes, at + 8);
    HASH[3]! ^= word(bytes, at + 12);
    multiply();
  }
  if (at === to) return;
  for (let i = 0; at < to; i++, at++) HASH[i >> 2]! ^= bytes[at]! << (24 - 8 * (i & 3));
  multiply();
}

/** Multiplies the hash by the hash key, four bits at a time (SP 800-38D §6.3). */
function multiply(): void {
  let a = 0, b = 0, c = 0, d = 0;
  for (let i = 3; i >= 0; i--) {
    const bits = HASH[i]!;
    for (let shift = 0; shift < 32; shift += 4) {
      const out = d & 15;
      const m = (bits >>> shift & 15) << 2;
      d = (d >>> 4 | c << 28) ^ MULTIPLES[m + 3]!;
      c = (c >>> 4 | b << 28) ^ MULTIPLES[m + 2]!;
      b = (b >>> 4 | a << 28) ^ MULTIPLES[m + 1]!;
      a = a >>> 4 ^ REDUCTIONS[out]! ^ MULTIPLES[m]!;
    }
  }
  HASH[0] = a;
  HASH[1] = b;
  HASH[2] = c;
  HASH[3] = d;
}
