/**
 * The arithmetic of token buckets. Knows neither what is counted nor where buckets are kept.
 *
 * @module
 */

/**
 * Counts the tokens of a bucket after some time.
 *
 * @param tokens What it held
 * @param ms Milliseconds that have passed; a clock that went back adds nothing
 * @param perSecond Tokens that come in a second
 * @param burst Tokens that it holds at the most
 * @returns What it holds
 */
export function refilled(tokens: number, ms: number, perSecond: number, burst: number): number {
  return Math.min(burst, tokens + Math.max(0, ms) / 1000 * perSecond);
}
