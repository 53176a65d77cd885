/**
 * HMAC with SHA-256 (FIPS 180-4, RFC 2104) for messages of one block. Use it only with keys that are
 * public: its time may depend on them.
 *
 * Why by hand: each key of a QUIC Initial takes two to four compressions of 0.23 µs. An HMAC of
 * `node:crypto` takes 4 to 6 µs, most of it to create an object, and one of `@noble/hashes` 5 µs.
 *
 * @module
 */

import { word } from "./aes.ts";

/** Words of 32 bits in a block. */
const BLOCK_WORDS = 16;
/** Words of 32 bits in a digest. */
const DIGEST_WORDS = 8;
/** The longest message that fits a block together with its end mark and length. */
const MAX_MESSAGE_BYTES = 55;

/** Fractional parts of the square roots of the first 8 primes (FIPS 180-4 §5.3.3). */
const INITIAL = Int32Array.of(
  0x6a09e667,
  0xbb67ae85,
  0x3c6ef372,
  0xa54ff53a,
  0x510e527f,
  0x9b05688c,
  0x1f83d9ab,
  0x5be0cd19,
);

/** Fractional parts of the cube roots of the first 64 primes (FIPS 180-4 §4.2.2). */
const ROUNDS = Int32Array.of(
  0x428a2f98,
  0x71374491,
  0xb5c0fbcf,
  0xe9b5dba5,
  0x3956c25b,
  0x59f111f1,
  0x923f82a4,
  0xab1c5ed5,
  0xd807aa98,
  0x12835b01,
  0x243185be,
  0x550c7dc3,
  0x72be5d74,
  0x80deb1fe,
  0x9bdc06a7,
  0xc19bf174,
  0xe49b69c1,
  0xefbe4786,
  0x0fc19dc6,
  0x240ca1cc,
  0x2de92c6f,
  0x4a7484aa,
  0x5cb0a9dc,
  0x76f988da,
  0x983e5152,
  0xa831c66d,
  0xb00327c8,
  0xbf597fc7,
  0xc6e00bf3,
  0xd5a79147,
  0x06ca6351,
  0x14292967,
  0x27b70a85,
  0x2e1b2138,
  0x4d2c6dfc,
  0x53380d13,
  0x650a7354,
  0x766a0abb,
  0x81c2c92e,
  0x92722c85,
  0xa2bfe8a1,
  0xa81a664b,
  0xc24b8b70,
  0xc76c51a3,
  0xd192e819,
  0xd6990624,
  0xf40e3585,
  0x106aa070,
  0x19a4c116,
  0x1e376c08,
  0x2748774c,
  0x34b0bcb5,
  0x391c0cb3,
  0x4ed8aa4a,
  0x5b9cca4f,
  0x682e6ff3,
  0x748f82ee,
  0x78a5636f,
  0x84c87814,
  0x8cc70208,
  0x90befffa,
  0xa4506ceb,
  0xbef9a3f7,
  0xc67178f2,
);

/** The bytes after a digest in the block that the outer key hashes: end mark and length. */
const OUTER_REST = hmacMessage(new Uint8Array(4 * DIGEST_WORDS));

/** The message schedule, which begins with the block. Shared by all calls, as none awaits. */
const W = new Int32Array(64);

/** A key, hashed as far as possible without a message: eight words for each of the two hashes. */
export type HmacKey = Int32Array;

/** Packs bytes, a multiple of four, as words. */
export function words(bytes: Uint8Array): Int32Array {
  return Int32Array.from({ length: bytes.length / 4 }, (_, i) => word(bytes, 4 * i));
}

/** Packs hexadecimal bytes, a multiple of four, as words. */
export function hexWords(text: string): Int32Array {
  return words(Uint8Array.fromHex(text));
}

/**
 * Prepares a key for any number of messages.
 *
 * @param key The key, 16 words or fewer
 * @param out Where it goes
 * @returns What {@linkcode hmac} takes
 */
export function hmacKey(key: Int32Array, out: Int32Array = new Int32Array(BLOCK_WORDS)): HmacKey {
  takePadded(key, 0x36363636, out, 0);
  takePadded(key, 0x5c5c5c5c, out, DIGEST_WORDS);
  return out;
}

/**
 * Prepares a message for any number of keys, as the block that follows the key's (FIPS 180-4 §5.1.1).
 *
 * @param bytes The message, 55 bytes or fewer
 * @param block Where it goes
 * @returns What {@linkcode hmac} takes
 * @throws {RangeError} If the message is longer
 */
export function hmacMessage(
  bytes: Uint8Array,
  block: Int32Array = new Int32Array(BLOCK_WORDS),
): Int32Array {
  const { length } = bytes;
  if (length > MAX_MESSAGE_BYTES) throw new RangeError("Message is longer than a block");
  for (let i = 0; i < BLOCK_WORDS; i++) block[i] = 0;
  for (let i = 0; i < length; i++) block[i >> 2]! |= bytes[i]! << (24 - 8 * (i & 3));
  block[length >> 2]! |= 0x80 << (24 - 8 * (length & 3));
  block[BLOCK_WORDS - 1] = 8 * (4 * BLOCK_WORDS + length);
  return block;
}

/**
 * Computes an HMAC.
 *
 * @param key What {@linkcode hmacKey} made
 * @param message What {@linkcode hmacMessage} made
 * @param out Where it goes
 * @returns Eight words
 */
export function hmac(
  key: HmacKey,
  message: Int32Array,
  out: Int32Array = new Int32Array(DIGEST_WORDS),
): Int32Array {
  for (let i = 0; i < BLOCK_WORDS; i++) W[i] = message[i]!;
  compress(key, 0, out, 0);
  for (let i = 0; i < BLOCK_WORDS; i++) W[i] = i < DIGEST_WORDS ? out[i]! : OUTER_REST[i]!;
  compress(key, DIGEST_WORDS, out, 0);
  return out;
}

function takePadded(key: Int32Array, pad: number, out: Int32Array, at: number): void {
  for (let i = 0; i < BLOCK_WORDS; i++) W[i] = i < key.length ? key[i]! ^ pad : pad;
  compress(INITIAL, 0, out, at);
}

/** Hashes the block in {@linkcode W} into a state and writes the result elsewhere (FIPS 180-4 §6.2.2). */
function compress(state: Int32Array, from: number, out: Int32Array, to: number): void {
  for (let i = BLOCK_WORDS; i < 64; i++) {
    const x = W[i - 15]!;
    const y = W[i - 2]!;
    const s0 = (x >>> 7 | x << 25) ^ (x >>> 18 | x << 14) ^ x >>> 3;
    const s1 = (y >>> 17 | y << 15) ^ (y >>> 19 | y << 13) ^ y >>> 10;
    W[i] = W[i - 16]! + s0 + W[i - 7]! + s1;
  }
  let a = state[from]!, b = state[from + 1]!, c = state[from + 2]!, d = state[from + 3]!;
  let e = state[from + 4]!, f = state[from + 5]!, g = state[from + 6]!, h = state[from + 7]!;
  for (let i = 0; i < 64; i++) {
    const s1 = (e >>> 6 | e << 26) ^ (e >>> 11 | e << 21) ^ (e >>> 25 | e << 7);
    const s0 = (a >>> 2 | a << 30) ^ (a >>> 13 | a << 19) ^ (a >>> 22 | a << 10);
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + ROUNDS[i]! + W[i]!) | 0;
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  out[to] = state[from]! + a;
  out[to + 1] = state[from + 1]! + b;
  out[to + 2] = state[from + 2]! + c;
  out[to + 3] = state[from + 3]! + d;
  out[to + 4] = state[from + 4]! + e;
  out[to + 5] = state[from + 5]! + f;
  out[to + 6] = state[from + 6]! + g;
  out[to + 7] = state[from + 7]! + h;
}
