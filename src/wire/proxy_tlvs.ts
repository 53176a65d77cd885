/**
 * What follows the addresses of a PROXY header of version 2: typed values (§2.2). They are looked at for
 * contradictions, as a header that contradicts itself cannot be trusted with addresses either.
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
/** Bytes before the values within {@linkcode SSL}: what the client did, and whether it was verified. */
const SSL_BYTES = 5;

/** CRC-32C by byte (RFC 3720 §B.4), reflected. */
const TABLE = new Uint32Array(256).map((_, i) => {
  let crc = i;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >>> 1 ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

/**
 * Sums up a header as its checksum does: with the checksum itself as zeros (§2.2.3).
 *
 * @param bytes Begins with the header
 * @param end Where the header ends
 * @param at Where the four bytes of the checksum lie
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
 * Reports whether the values of a header fill it exactly, and its checksum is right if it has one. Types
 * that are not known here are skipped.
 *
 * @param bytes Begins with the whole header
 * @param from Where the values begin
 * @param end Where the header ends
 * @returns Whether nothing contradicts itself
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
  const told = u16(bytes, checksumAt) * 65_536 + u16(bytes, checksumAt + 2);
  return told === headerChecksum(bytes, end, checksumAt);
}

/** Whether values of any type fill a place exactly. */
function fills(bytes: Uint8Array, from: number, end: number): boolean {
  let at = from;
  while (end - at >= TLV_BYTES) at += TLV_BYTES + u16(bytes, at + 1);
  return at === end;
}
