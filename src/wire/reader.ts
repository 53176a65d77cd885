/**
 * Reads big-endian integers and text from bytes at an index. Knows no protocol and keeps no position. An
 * index past the end reads as zero bits and never throws, so callers check lengths first.
 *
 * @module
 */

/** Bytes converted to text in one call, since the arguments of a call lie on the stack. */
const CHUNK = 4096;

/** Reads one byte at an index. */
export function u8(bytes: Uint8Array, at: number): number {
  return bytes[at]! | 0;
}

/** Reads two bytes at an index. */
export function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

/** Reads three bytes at an index. */
export function u24(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
}

/**
 * Reads text, one character per byte (ISO 8859-1).
 *
 * @param bytes Where to read
 * @param start Index of the first byte
 * @param end Index after the last byte
 * @returns The text, from which the bytes can be recovered
 */
export function latin1(bytes: Uint8Array, start: number, end: number): string {
  const stop = Math.min(end, bytes.length);
  if (stop - start <= CHUNK) return chunk(bytes, start, stop);
  let text = "";
  for (let at = start; at < stop; at += CHUNK) text += chunk(bytes, at, Math.min(at + CHUNK, stop));
  return text;
}

/** Makes one flat string: text that grows by single characters is a tree of 32 bytes a character. */
function chunk(bytes: Uint8Array, start: number, end: number): string {
  return String.fromCharCode.apply(null, bytes.subarray(start, end) as unknown as number[]);
}
