/**
 * The datagrams of a soak: like WireGuard's transport data, with a token, a number and bytes that both
 * decide. Knows no socket.
 *
 * @module
 */

import { pattern } from "./random.ts";

const HEADER_BYTES = 16;
/** WireGuard's type of transport data; anything else is noise to detectors. */
const TUNNEL_TYPE = 4;
const NOISE_TYPE = 0x7e;

/** The most that a datagram has: what an Ethernet frame carries. */
export const MAX_DATAGRAM = 1200;

/**
 * Makes one.
 *
 * @param token Whose it is
 * @param seq Its number
 * @param options Whether WireGuard's detector shall know it, and its length, a multiple of 16
 */
export function makeDatagram(
  token: string,
  seq: number,
  { tunnel, length }: { readonly tunnel: boolean; readonly length: number },
): Uint8Array<ArrayBuffer> {
  const datagram = new Uint8Array(length);
  const view = new DataView(datagram.buffer);
  datagram[0] = tunnel ? TUNNEL_TYPE : NOISE_TYPE;
  view.setBigUint64(4, BigInt(`0x${token}`));
  view.setUint32(12, seq);
  const filler = seqToken(token, seq);
  let at = HEADER_BYTES;
  for (const chunk of pattern(filler, length - HEADER_BYTES)) {
    datagram.set(chunk, at);
    at += chunk.length;
  }
  return datagram;
}

function seqToken(token: string, seq: number): string {
  const mixed = (Number.parseInt(token.slice(-8), 16) ^ Math.imul(seq, 40_503)) >>> 0;
  return mixed.toString(16).padStart(8, "0");
}

/**
 * Reads a datagram.
 *
 * @param datagram The datagram
 * @returns Its token and number, or `undefined` if a byte is wrong
 */
export function readDatagram(
  datagram: Uint8Array,
): { readonly token: string; readonly seq: number } | undefined {
  if (datagram.length < HEADER_BYTES || datagram.length > MAX_DATAGRAM) return undefined;
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.length);
  const token = view.getBigUint64(4).toString(16).padStart(16, "0");
  const seq = view.getUint32(12);
  const tunnel = datagram[0] === TUNNEL_TYPE;
  const expected = makeDatagram(token, seq, { tunnel, length: datagram.length });
  return expected.every((byte, i) => byte === datagram[i]) ? { token, seq } : undefined;
}
