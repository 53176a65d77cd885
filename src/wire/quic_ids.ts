/**
 * Reads connection IDs that are sent in the clear (RFC 8999 §5, RFC 9000 §17): the connection that a QUIC
 * packet belongs to, as far as it can be known without keys. Knows no flow.
 *
 * @module
 */

import {
  LONG_HEADER,
  MIN_HEADER,
  MIN_INITIAL_DATAGRAM,
  parsePacket,
  type QuicVersion,
  readVersion,
} from "./quic_packet.ts";

/** Packets that are looked at in a datagram. Clients coalesce one per encryption level, so 3. */
const MAX_PACKETS = 8;

/** The part of a long header that all versions share. */
export interface LongHeader {
  /** Unset for versions that shunt does not read. */
  readonly version: QuicVersion | undefined;
  /** Destination connection ID, a view of the datagram. */
  readonly dcid: Uint8Array;
  /** Source connection ID, likewise. */
  readonly scid: Uint8Array;
}

/**
 * Reports whether a datagram may begin a QUIC connection and is worth parsing, judging by its size and
 * first bit alone, since every datagram is tested.
 */
export function mayBeginQuic(datagram: Uint8Array): boolean {
  return datagram.length >= MIN_INITIAL_DATAGRAM && datagram[0]! >= LONG_HEADER;
}

/**
 * Reads the long header at the start of a datagram.
 *
 * @param datagram The datagram
 * @returns Its connection IDs, or `undefined` if there is no complete long header
 */
export function readLongHeader(datagram: Uint8Array): LongHeader | undefined {
  if (datagram.length < MIN_HEADER || datagram[0]! < LONG_HEADER) return undefined;
  const dcidAt = 6;
  const scidAt = dcidAt + datagram[dcidAt - 1]! + 1;
  if (scidAt > datagram.length) return undefined;
  const end = scidAt + datagram[scidAt - 1]!;
  if (end > datagram.length) return undefined;
  return {
    version: readVersion(datagram, 1),
    dcid: datagram.subarray(dcidAt, scidAt - 1),
    scid: datagram.subarray(scidAt, end),
  };
}

/**
 * Reports whether an Initial packet may lie behind another packet, where its keys have not been tried.
 * Clients send theirs first (RFC 9000 §12.2), but servers read it wherever it is.
 *
 * @param datagram A datagram whose first packet, if it is an Initial one, did not authenticate
 * @returns Whether there is one; also `true` if there are more packets than are looked at
 */
export function hidesInitial(datagram: Uint8Array): boolean {
  let at = 0;
  for (let count = 0; count < MAX_PACKETS; count++) {
    const packet = parsePacket(datagram, at);
    if (packet === undefined) return false;
    if (packet.kind === "initial" && count > 0) return true;
    at = packet.end;
  }
  return true;
}
