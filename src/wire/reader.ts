/**
 * Big-endian integers and text out of bytes at an index. Knows no protocol and keeps no position;
 * an index past the end reads as zero bits and never throws, so callers check lengths first.
 *
 * @module
 */

/** Bytes that become text at once: arguments of one call lie on the stack. */
const CHUNK = 4096;

/**
 * Reads one byte.
 *
 * @param bytes Where to read
 * @param at Index of the byte
 * @returns 0 to 255
 */
export function u8(bytes: Uint8Array, at: number): number {
  return bytes[at]! | 0;
}

/**
 * Reads two bytes.
 *
 * @param bytes Where to read
 * @param at Index of the first byte
 * @returns 0 to 65,535
 */
export function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

/**
 * Reads three bytes.
 *
 * @param bytes Where to read
 * @param at Index of the first byte
 * @returns 0 to 16,777,215
 */
export function u24(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
}

/**
 * Reads text, one character per byte (ISO 8859-1).
 *
 * @param bytes Where to read
 * @param start Index of the first byte
 * @param end Index after the last byte
 * @returns The text; nothing is lost, whatever the bytes
 */
export function latin1(bytes: Uint8Array, start: number, end: number): string {
  const stop = Math.min(end, bytes.length);
  if (stop - start <= CHUNK) return chunk(bytes, start, stop);
  let text = "";
  for (let at = start; at < stop; at += CHUNK) text += chunk(bytes, at, Math.min(at + CHUNK, stop));
  return text;
}

/** One flat string: text that grows by a character at a time is a tree of 32 bytes a character. */
function chunk(bytes: Uint8Array, start: number, end: number): string {
  return String.fromCharCode.apply(null, bytes.subarray(start, end) as unknown as number[]);
}
