/**
 * Byte arrays: none, and two joined. Knows nothing about what they mean.
 *
 * @module
 */

/** No bytes. */
export const NO_BYTES: Uint8Array<ArrayBuffer> = new Uint8Array();

/**
 * Joins two byte arrays.
 *
 * @param first The bytes that come first
 * @param second The bytes that follow
 * @returns `second` itself if `first` is empty, else a new array
 */
export function concatenate(first: Uint8Array, second: Uint8Array): Uint8Array {
  if (first.length === 0) return second;
  const joined = new Uint8Array(first.length + second.length);
  joined.set(first);
  joined.set(second, first.length);
  return joined;
}
