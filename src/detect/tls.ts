/**
 * TLS over TCP (RFC 8446 §5.1): a ClientHello in any number of records. Knows how records frame
 * handshake bytes; what the hello says is the parser's business.
 *
 * @module
 */

import {
  CLIENT_HELLO,
  HANDSHAKE_HEADER,
  isHelloLength,
  parseClientHello,
} from "../wire/client_hello.ts";
import { u16 } from "../wire/reader.ts";
import { helloFacts } from "./_hello.ts";
import { type Detector, type Facts, NO_MATCH, type Verdict } from "./detector.ts";

const HANDSHAKE_RECORD = 22;
const RECORD_HEADER = 5;
const MAX_FRAGMENT = 16_384; // RFC 8446 §5.1
const NOTHING_YET: Facts = Object.freeze({});

/**
 * Recognises TLS by its ClientHello.
 *
 * Bytes after the hello do not matter. A hello whose lengths contradict each other is no TLS at all:
 * no server would answer it.
 */
export const tls: Detector = { name: "tls", facts: ["sni", "alpn", "ja4"], tcp: detectTls };

function detectTls(bytes: Uint8Array): Verdict {
  const { length } = bytes;
  if (!isRecordHeader(bytes, 0)) return NO_MATCH;
  if (length > RECORD_HEADER && bytes[RECORD_HEADER] !== CLIENT_HELLO) return NO_MATCH;
  // Up to the handshake type every byte can say no, so that others need not wait for this detector.
  if (length <= RECORD_HEADER) return { kind: "need_more", bytes: length + 1 };

  let at = 0; // of the record's header
  let got = 0; // handshake bytes in the records before `at`, come or not
  let head = 0; // the handshake header as far as it came, as a number
  let total = 0; // handshake bytes of the hello, 0 until its header is whole
  while (true) {
    if (!isRecordHeader(bytes, at)) return NO_MATCH;
    if (length - at < RECORD_HEADER) break;
    const start = at + RECORD_HEADER;
    const end = start + u16(bytes, at + 3);
    if (total === 0) {
      const stop = Math.min(start + HANDSHAKE_HEADER - got, end, length);
      for (let i = start; i < stop; i++) head = (head << 8) | bytes[i]!;
      if (got + stop - start === HANDSHAKE_HEADER) {
        if (!isHelloLength(head & 0xffffff)) return NO_MATCH;
        total = HANDSHAKE_HEADER + (head & 0xffffff);
      }
    }
    const there = Math.min(end, length) - start;
    if (total > 0 && got + there >= total) return judge(join(bytes, total));
    got += end - start;
    at = end;
    if (end > length) break;
  }
  return needMore(at, got, total);
}

/** Tells whether as much as there is of a record header can be a handshake record's. */
function isRecordHeader(bytes: Uint8Array, at: number): boolean {
  const there = bytes.length - at;
  if (there > 0 && bytes[at] !== HANDSHAKE_RECORD) return false;
  if (there > 1 && bytes[at + 1] !== 3) return false;
  if (there > 2 && bytes[at + 2]! > 4) return false;
  if (there < RECORD_HEADER) return true;
  const fragment = u16(bytes, at + 3);
  return fragment > 0 && fragment <= MAX_FRAGMENT;
}

/**
 * What to wait for: all that the hello still lacks, in as few records as can hold it, where `got`
 * handshake bytes lie before the record at `next`. With records of one byte, each wait brings a
 * sixth of what is missing, so the number of calls grows with the logarithm of the hello's size.
 */
function needMore(next: number, got: number, total: number): Verdict {
  const rest = (total === 0 ? HANDSHAKE_HEADER : total) - got;
  const headers = rest > 0 ? RECORD_HEADER * Math.ceil(rest / MAX_FRAGMENT) : 0;
  const bytes = next + headers + rest;
  return total === 0
    ? { kind: "need_more", bytes }
    : { kind: "need_more", bytes, certain: NOTHING_YET };
}

/** The hello's handshake bytes: a view where one record holds them, else a copy. */
function join(bytes: Uint8Array, total: number): Uint8Array {
  if (u16(bytes, 3) >= total) return bytes.subarray(RECORD_HEADER, RECORD_HEADER + total);
  const hello = new Uint8Array(total);
  let filled = 0;
  for (let at = 0; filled < total;) {
    const start = at + RECORD_HEADER;
    const end = start + Math.min(u16(bytes, at + 3), total - filled);
    // Byte by byte: a view per record costs 45 ns, which 1-byte records would multiply.
    for (let i = start; i < end; i++) hello[filled++] = bytes[i]!;
    at = end;
  }
  return hello;
}

function judge(hello: Uint8Array): Verdict {
  const result = parseClientHello(hello);
  switch (result.kind) {
    case "hello":
      return { kind: "match", facts: helloFacts(hello, result, "t") };
    case "need_more":
    case "invalid":
      return NO_MATCH;
  }
}
