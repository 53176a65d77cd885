/**
 * Recognises WireGuard by a message's type, its three reserved zero bytes and its length. Any of the four
 * messages counts, so that a tunnel whose flow expired is recognised in the middle.
 *
 * @module
 */

import { type Detector, NO_MATCH, type Verdict } from "./detector.ts";

const MATCH: Verdict = Object.freeze({ kind: "match", facts: Object.freeze({}) });

const INITIATION = 1;
const RESPONSE = 2;
const COOKIE_REPLY = 3;
const TRANSPORT_DATA = 4;

/** Header 16 and tag 16: a keepalive, which has no content. */
const EMPTY_TRANSPORT = 32;

/** WireGuard over UDP. The first datagram decides. */
export const wireguard: Detector = {
  name: "wireguard",
  udp([datagram]) {
    return datagram !== undefined && isMessage(datagram) ? MATCH : NO_MATCH;
  },
};

function isMessage(datagram: Uint8Array): boolean {
  const size = datagram.length;
  if (datagram[1] !== 0 || datagram[2] !== 0 || datagram[3] !== 0) return false;
  switch (datagram[0]) {
    case INITIATION:
      return size === 148;
    case RESPONSE:
      return size === 92;
    case COOKIE_REPLY:
      return size === 64;
    case TRANSPORT_DATA:
      // The packet inside is padded to a multiple of 16.
      return size >= EMPTY_TRANSPORT && size % 16 === 0;
    default:
      return false;
  }
}
