/**
 * The arithmetic of token buckets. Knows neither what is counted nor where buckets are kept.
 *
 * @module
 */

/**
 * Returns the tokens of a bucket after some time.
 *
 * @param tokens The tokens before
 * @param ms Milliseconds that have passed; a clock that went back adds nothing
 * @param perSecond Tokens that are added per second
 * @param burst The most tokens that the bucket holds
 */
export function refilled(tokens: number, ms: number, perSecond: number, burst: number): number {
  return Math.min(burst, tokens + Math.max(0, ms) / 1000 * perSecond);
}
