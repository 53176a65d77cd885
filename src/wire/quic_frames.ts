/**
 * Reads the frames of a QUIC Initial packet (RFC 9000 §12.4, §19): finds the CRYPTO frames among those that
 * a client may send there. Knows neither packets nor what the handshake means.
 *
 * @module
 */

import type { CryptoSink } from "./crypto_stream.ts";
import { varint, varintSize } from "./quic_packet.ts";

const PADDING = 0x00;
const PING = 0x01;
const ACK = 0x02;
const ACK_ECN = 0x03;
const CRYPTO = 0x06;
const CONNECTION_CLOSE = 0x1c;

/**
 * Passes on the data of all CRYPTO frames. Stops at a frame that Initial packets cannot hold or that passes
 * the end, since the frames after it cannot be found.
 *
 * @param frames A decrypted packet's payload
 * @param sink Where the data goes
 * @returns `false` if data contradicts what the sink has
 */
export function readFrames(frames: Uint8Array, sink: CryptoSink): boolean {
  let at = 0;
  // Each turn moves on by at least one byte, or sets -1 and ends.
  while (at >= 0 && at < frames.length) {
    // Senders must use the shortest form, but receivers need not insist on it (§12.4).
    const first = frames[at]!;
    const type = first < 0x40 ? first : varint(frames, at);
    at += varintSize(frames, at);
    switch (type) {
      case PADDING:
      case PING:
        break;
      case ACK:
      case ACK_ECN:
        at = skipAck(frames, at, type === ACK_ECN);
        break;
      case CRYPTO: {
        const offset = varint(frames, at);
        if (offset < 0) return true;
        at += varintSize(frames, at);
        const length = varint(frames, at);
        if (length < 0) return true;
        at += varintSize(frames, at);
        if (length > frames.length - at) return true;
        if (!sink.add(offset, frames.subarray(at, at + length))) return false;
        at += length;
        break;
      }
      case CONNECTION_CLOSE:
        at = skipClose(frames, at);
        break;
      default:
        return true;
    }
  }
  return true;
}

/** Returns the index after an ACK frame whose type ends before `at` (RFC 9000 §19.3), or -1. */
function skipAck(frames: Uint8Array, at: number, ecn: boolean): number {
  const countAt = skipVarints(frames, at, 2);
  const count = countAt < 0 ? -1 : varint(frames, countAt);
  if (count < 0) return -1;
  // The count itself and the first range, then two for each further range.
  return skipVarints(frames, countAt, 2 + 2 * count + (ecn ? 3 : 0));
}

/** Returns the index after a CONNECTION_CLOSE whose type ends before `at` (RFC 9000 §19.19), or -1. */
function skipClose(frames: Uint8Array, at: number): number {
  const lengthAt = skipVarints(frames, at, 2);
  const length = lengthAt < 0 ? -1 : varint(frames, lengthAt);
  return length < 0 ? -1 : lengthAt + varintSize(frames, lengthAt) + length;
}

function skipVarints(frames: Uint8Array, at: number, count: number): number {
  for (let i = 0; i < count; i++) {
    if (at >= frames.length) return -1;
    at += varintSize(frames, at);
  }
  return at;
}
