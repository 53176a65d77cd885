/**
 * Reads QUIC long headers and variable-length integers (RFC 9000 §16, §17.2; RFC 9369 §3.2): where a packet
 * lies in its datagram, and its kind. Knows no key and nothing about a packet's content.
 *
 * @module
 */

/** The versions whose packets can be read: `1` is RFC 9000, `2` is RFC 9369. */
export type QuicVersion = "1" | "2";

/** A long-header packet sent by a client, as indexes into its datagram. */
export interface QuicPacket {
  readonly kind: "initial" | "zero_rtt" | "handshake";
  readonly version: QuicVersion;
  /** Destination connection ID, a view of the datagram. */
  readonly dcid: Uint8Array;
  /** Index of the packet's first byte. */
  readonly start: number;
  /** Index of the (protected) packet number. */
  readonly numberAt: number;
  /** Index after the packet's last byte. */
  readonly end: number;
}

/**
 * The minimum size of a datagram that begins a connection (RFC 9000 §14.1). Clients pad theirs, and servers
 * discard shorter ones.
 */
export const MIN_INITIAL_DATAGRAM = 1200;

/** Bytes of the shortest long header: first byte, version 4, DCID length, SCID length. */
export const MIN_HEADER = 7;
const MAX_CONNECTION_ID = 20;
/**
 * Minimum bytes from the packet number on: header protection samples 16 bytes, 4 bytes after it (RFC 9001
 * §5.4.2).
 */
export const MIN_LENGTH = 20;
/** The bit of the first byte that marks a long header (RFC 8999 §5.1). No higher bit exists. */
export const LONG_HEADER = 0x80;

// By the type bits of the first byte. A Retry, which only servers send, is left out.
const KINDS = {
  "1": ["initial", "zero_rtt", "handshake", undefined],
  "2": [undefined, "initial", "zero_rtt", "handshake"],
} as const;

/**
 * Reads a variable-length integer (RFC 9000 §16).
 *
 * @param bytes Where to read
 * @param at Index of its first byte
 * @returns Its value, rounded above 2^53, or -1 if it passes the end
 */
export function varint(bytes: Uint8Array, at: number): number {
  if (at >= bytes.length) return -1;
  const end = at + varintSize(bytes, at);
  if (end > bytes.length) return -1;
  let value = bytes[at]! & 0x3f;
  for (let i = at + 1; i < end; i++) value = value * 256 + bytes[i]!;
  return value;
}

/** Returns the length of the variable-length integer at an index within the bytes: 1, 2, 4 or 8. */
export function varintSize(bytes: Uint8Array, at: number): number {
  return 1 << (bytes[at]! >> 6);
}

/** Reports whether a datagram begins with a long header of version 1 or 2. */
export function hasLongHeader(datagram: Uint8Array): boolean {
  return datagram.length >= MIN_HEADER && (datagram[0]! & LONG_HEADER) !== 0 &&
    readVersion(datagram, 1) !== undefined;
}

/**
 * Parses the long header of an Initial, 0-RTT or Handshake packet of version 1 or 2 (RFC 9000 §17.2). The
 * fixed bit may be clear, since servers that offer to ignore it (RFC 9287) accept this at once. A packet
 * shorter than {@linkcode MIN_LENGTH} can be skipped but not opened.
 *
 * @param datagram The datagram
 * @param start Index where the packet begins
 * @returns The packet's bounds, all within the datagram, or `undefined` if there is no such packet
 */
export function parsePacket(datagram: Uint8Array, start: number): QuicPacket | undefined {
  if (datagram.length - start < MIN_HEADER) return undefined;
  const first = datagram[start]!;
  if ((first & LONG_HEADER) === 0) return undefined;
  const version = readVersion(datagram, start + 1);
  if (version === undefined) return undefined;
  const kind = KINDS[version][(first >> 4) & 3];
  if (kind === undefined) return undefined;

  const dcidAt = start + 6;
  const scidLengthAt = dcidAt + datagram[dcidAt - 1]!;
  if (scidLengthAt - dcidAt > MAX_CONNECTION_ID || scidLengthAt >= datagram.length) {
    return undefined;
  }
  const scidLength = datagram[scidLengthAt]!;
  if (scidLength > MAX_CONNECTION_ID) return undefined;
  let at = scidLengthAt + 1 + scidLength;

  if (kind === "initial") {
    const token = varint(datagram, at);
    if (token < 0) return undefined;
    at += varintSize(datagram, at) + token;
  }
  const length = varint(datagram, at);
  if (length < 0) return undefined;
  const numberAt = at + varintSize(datagram, at);
  const end = numberAt + length;
  if (end > datagram.length) return undefined;
  return { kind, version, dcid: datagram.subarray(dcidAt, scidLengthAt), start, numberAt, end };
}

/**
 * Reads the version of a long header.
 *
 * @param datagram The datagram
 * @param at Index of the version's first byte
 * @returns The version, or `undefined` if shunt does not read it
 */
export function readVersion(datagram: Uint8Array, at: number): QuicVersion | undefined {
  const a = datagram[at];
  const b = datagram[at + 1];
  const c = datagram[at + 2];
  const d = datagram[at + 3];
  if (a === 0 && b === 0 && c === 0 && d === 1) return "1";
  if (a === 0x6b && b === 0x33 && c === 0x43 && d === 0xcf) return "2";
  return undefined;
}
