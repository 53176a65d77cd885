/**
 * Seeded chance, and bytes that depend on a token and a position. Knows nothing of their use.
 *
 * @module
 */

/** Answers numbers from 0 up to 1. */
export type Random = () => number;

/**
 * Makes a source of chance (mulberry32).
 *
 * @param seed What decides all that follows
 * @returns The source
 */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/**
 * Picks a whole number.
 *
 * @param random The source of chance
 * @param from The least
 * @param to The most
 */
export function between(random: Random, from: number, to: number): number {
  return from + Math.floor(random() * (to - from + 1));
}

/** A prime, so that no buffer size, a power of two, is a multiple of it. */
const BLOCK_BYTES = 1_048_573;

/** The most that one chunk has. */
const CHUNK_BYTES = 65_536;

const block: Uint8Array<ArrayBuffer> = (() => {
  const random = seeded(1);
  return new Uint8Array(BLOCK_BYTES).map(() => Math.floor(random() * 256));
})();

/**
 * Returns the bytes that are sent for a token: the same in every process.
 *
 * @param token The token
 * @param length How many
 * @returns Chunk after chunk; they must not be changed
 */
export function* pattern(token: string, length: number): Generator<Uint8Array<ArrayBuffer>> {
  let at = Number.parseInt(token.slice(-8), 16) * 7919 % BLOCK_BYTES;
  for (let left = length; left > 0;) {
    const chunk = block.subarray(at, at + Math.min(left, CHUNK_BYTES));
    yield chunk;
    left -= chunk.length;
    at = (at + chunk.length) % BLOCK_BYTES;
  }
}
