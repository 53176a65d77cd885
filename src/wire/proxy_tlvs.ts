/**
 * Checks the typed values (TLVs) after the addresses of a PROXY header of version 2 (§2.2). A header whose
 * values contradict each other cannot be trusted with addresses either.
 *
 * @module
 */

import { u16 } from "./reader.ts";

/** Bytes before each value: its type and length. */
const TLV_BYTES = 3;

const CRC32C = 0x03;
const UNIQUE_ID = 0x05;
const SSL = 0x20;

const CRC_BYTES = 4;
/** §2.2.5. */
const MAX_UNIQUE_ID = 128;
/** Bytes before the values within {@linkcode SSL}: flags of the client and the result of verification. */
const SSL_BYTES = 5;

/** CRC-32C by byte (RFC 3720 §B.4), reflected. */
const TABLE = new Uint32Array(256).map((_, i) => {
  let crc = i;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >>> 1 ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

/**
 * Computes the checksum of a header, with the checksum's own bytes as zeros (§2.2.3).
 *
 * @param bytes Starts with the header
 * @param end Where the header ends
 * @param at Index of the checksum's four bytes
 * @returns The CRC-32C, unsigned
 */
export function headerChecksum(bytes: Uint8Array, end: number, at: number): number {
  let crc = 0xffff_ffff;
  for (let i = 0; i < end; i++) {
    const byte = i >= at && i < at + CRC_BYTES ? 0 : bytes[i]!;
    crc = TABLE[(crc ^ byte) & 255]! ^ crc >>> 8;
  }
  return ~crc >>> 0;
}

/**
 * Reports whether the values of a header fill it exactly and its checksum, if present, is right. Unknown
 * types are skipped.
 *
 * @param bytes Starts with the whole header
 * @param from Where the values begin
 * @param end Where the header ends
 * @returns Whether the values are consistent
 */
export function tlvsAreSound(bytes: Uint8Array, from: number, end: number): boolean {
  let checksumAt = 0;
  let at = from;
  while (at < end) {
    if (end - at < TLV_BYTES) return false;
    const type = bytes[at]!;
    const length = u16(bytes, at + 1);
    const value = at + TLV_BYTES;
    at = value + length;
    if (at > end) return false;
    switch (type) {
      case CRC32C:
        if (length !== CRC_BYTES || checksumAt > 0) return false;
        checksumAt = value;
        break;
      case UNIQUE_ID:
        if (length > MAX_UNIQUE_ID) return false;
        break;
      case SSL:
        if (length < SSL_BYTES || !fills(bytes, value + SSL_BYTES, at)) return false;
        break;
    }
  }
  if (checksumAt === 0) return true;
  const claimed = u16(bytes, checksumAt) * 65_536 + u16(bytes, checksumAt + 2);
  return claimed === headerChecksum(bytes, end, checksumAt);
}

/** Reports whether values of any type fill a range exactly. */
function fills(bytes: Uint8Array, from: number, end: number): boolean {
  let at = from;
  while (end - at >= TLV_BYTES) at += TLV_BYTES + u16(bytes, at + 1);
  return at === end;
}
