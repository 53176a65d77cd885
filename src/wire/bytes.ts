/**
 * Bytes put together. Knows nothing of what they mean.
 *
 * @module
 */

/**
 * Joins two runs of bytes.
 *
 * @param first What comes first
 * @param second What comes after it
 * @returns `second` itself where `first` is empty, else a copy of both
 */
export function concatenate(first: Uint8Array, second: Uint8Array): Uint8Array {
  if (first.length === 0) return second;
  const joined = new Uint8Array(first.length + second.length);
  joined.set(first);
  joined.set(second, first.length);
  return joined;
}
