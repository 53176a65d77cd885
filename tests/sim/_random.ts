/**
 * A small seeded generator of random numbers, so that a simulated history can be repeated. Does not know
 * what it decides.
 *
 * @module
 */

/**
 * Makes a generator: mulberry32, whose 32 bits of state are plenty for choosing the next event.
 *
 * @param seed Any integer
 * @returns A function that returns the next number, at least 0 and below 1
 */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
