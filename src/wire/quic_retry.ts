/**
 * Recognises QUIC Retry packets, by which a server says that it has kept nothing of a connection's first
 * packets (RFC 9000 §17.2.5, RFC 9001 §5.8, RFC 9369 §3.3.3). Knows no flow.
 *
 * @module
 */

import { open, TAG_BYTES } from "./gcm.ts";
import { LONG_HEADER, MIN_HEADER, type QuicVersion } from "./quic_packet.ts";
import { hexWords } from "./sha256.ts";
import { NO_BYTES } from "./bytes.ts";

/** The keys of the tags are public: a tag only shows which connection a Retry belongs to. */
const PARAMETERS = {
  "1": {
    type: 0x30,
    key: hexWords("be0c690b9f66575a1d766b54e368c84e"),
    nonce: hexWords("461599d35d632bf2239825bb"),
  },
  "2": {
    type: 0x00,
    key: hexWords("8fb4b01b56ac48e260fbcbcead7ccc92"),
    nonce: hexWords("d86969bc2d7c6d9990efb04a"),
  },
} as const;

const TYPE_BITS = 0x30;
/** A token is seldom longer than 200 bytes, and no Retry on the Internet is longer than this. */
const MAX_RETRY_BYTES = 2048;

const PSEUDO = new Uint8Array(MAX_RETRY_BYTES + 256);

/**
 * Reports whether a datagram is the Retry that answers a connection.
 *
 * @param datagram A datagram from the server
 * @param version The connection's version
 * @param dcid Destination connection ID of the client's first Initial packet
 * @returns Whether it answers this connection
 */
export function isRetryOf(datagram: Uint8Array, version: QuicVersion, dcid: Uint8Array): boolean {
  const { type, key, nonce } = PARAMETERS[version];
  if (datagram.length < MIN_HEADER + TAG_BYTES || datagram.length > MAX_RETRY_BYTES) return false;
  if (datagram[0]! < LONG_HEADER || (datagram[0]! & TYPE_BITS) !== type) return false;
  const tagAt = datagram.length - TAG_BYTES;
  PSEUDO[0] = dcid.length;
  PSEUDO.set(dcid, 1);
  PSEUDO.set(datagram.subarray(0, tagAt), 1 + dcid.length);
  const aadBytes = 1 + dcid.length + tagAt;
  return open({ key, nonce, aad: PSEUDO, aadBytes, bytes: datagram, from: tagAt, tagAt }, NO_BYTES);
}
