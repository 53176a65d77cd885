/**
 * The messages of the bench's clients and backends, and how each side checks an answer. Knows bytes only,
 * no socket.
 *
 * @module
 */

import { buildClientHello, bytesOf, concat, recordize } from "../../../tests/unit/_hello.ts";

const HEX = bytesOf("0123456789abcdef");

/** The request of kept and new connections; `00000000` becomes its number. */
const REQUEST_TEXT = "GET /k/00000000 HTTP/1.1\r\nHost: a.example.com\r\nAccept: */*\r\n\r\n";
/** Whether the backend keeps the connection: `k` or `c`. */
const KEEP_AT = 5;
/** Where the number of a request is. */
export const REQUEST_NUMBER_AT = 7;
const RESPONSE_HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 64\r\n\r\n";
/** Where the number of a response is. */
export const RESPONSE_NUMBER_AT: number = RESPONSE_HEAD.length;

/** A request that keeps its connection. */
export const KEPT_REQUEST: Uint8Array<ArrayBuffer> = bytesOf(REQUEST_TEXT) as Uint8Array<
  ArrayBuffer
>;
/** A request after whose response the backend closes. */
export const LAST_REQUEST: Uint8Array<ArrayBuffer> = KEPT_REQUEST.slice();
LAST_REQUEST[KEEP_AT] = 0x63;
/** The response; the first 8 bytes of its body repeat the request's number. */
export const RESPONSE: Uint8Array<ArrayBuffer> = bytesOf(
  RESPONSE_HEAD + "00000000" + "shunt bench ".repeat(5).slice(0, 56),
) as Uint8Array<ArrayBuffer>;

/** The first bytes of a bulk session. The stream follows until the client closes. */
export const BULK_REQUEST: Uint8Array<ArrayBuffer> = bytesOf("BULK 0123456789\n") as Uint8Array<
  ArrayBuffer
>;
/** One turn of the bulk stream; no two of its words are the same. */
export const BULK_PATTERN: Uint8Array<ArrayBuffer> = new Uint8Array(
  Uint32Array.from({ length: 1 << 18 }, (_, i) => Math.imul(i, 2_654_435_761) >>> 0).buffer,
);

/** Names that clients ask for with TLS, and the backend that each must reach. */
export const SERVER_NAMES: readonly { readonly name: string; readonly backend: 0 | 1 }[] = [
  { name: "a.example.com", backend: 0 },
  { name: "b.example.com", backend: 1 },
  { name: "shop.example.net", backend: 0 },
  { name: "mail.example.net", backend: 1 },
];
/** One ClientHello of 517 bytes, as browsers send them, for each of the names. */
export const HELLOS: readonly Uint8Array<ArrayBuffer>[] = SERVER_NAMES.map(({ name }) =>
  recordize(
    buildClientHello({ sni: name, alpn: ["h2", "http/1.1"], size: 512 }),
  ) as Uint8Array<ArrayBuffer>
);
/** What the TLS backends answer. */
export const TLS_ANSWERS: readonly Uint8Array<ArrayBuffer>[] = ["A", "B"].map((letter) =>
  concat([22, 3, 3, 0, 123], bytesOf(letter.repeat(123))) as Uint8Array<ArrayBuffer>
);

/** First word of each datagram that a client sends. */
export const UDP_REQUEST = 0x6e756873;
/** First word of each datagram that the backend sends back; the rest is the client's. */
export const UDP_RESPONSE = 0x4e554853;

/**
 * Returns whether the backend keeps the connection after a request.
 *
 * @param request Bytes with a request
 * @param at Where the request begins
 */
export function keeps(request: Uint8Array, at: number): boolean {
  return request[at + KEEP_AT] === 0x6b;
}

/**
 * Writes a number as 8 hexadecimal digits.
 *
 * @param bytes Where to
 * @param at The first digit's place
 * @param value The number
 */
export function writeNumber(bytes: Uint8Array, at: number, value: number): void {
  for (let i = 7; i >= 0; i--, value >>>= 4) bytes[at + i] = HEX[value & 15] ?? 0;
}

/**
 * Returns whether bytes are the response to a request.
 *
 * @param bytes Bytes with a response
 * @param at Where it begins
 * @param value The request's number
 */
export function isResponse(bytes: Uint8Array, at: number, value: number): boolean {
  // "200": status line and last byte check the frame, the number checks that request and response belong
  // together.
  if (bytes[at + 9] !== 0x32 || bytes[at + 11] !== 0x30) return false;
  const last = RESPONSE.length - 1;
  if (bytes[at + last] !== RESPONSE[last]) return false;
  for (let i = RESPONSE_NUMBER_AT + 7; i >= RESPONSE_NUMBER_AT; i--, value >>>= 4) {
    if (bytes[at + i] !== HEX[value & 15]) return false;
  }
  return true;
}
