/**
 * TLS over TCP (RFC 8446 §5.1): a ClientHello in any number of records. Knows how records frame handshake
 * bytes; _hello.ts reads the hello.
 *
 * It accepts what servers accept, so that no client gets past a route by a form that only the server reads.
 * OpenSSL and Go ignore a record's minor version and the hello's version, and Go the major one too. Before
 * and between a hello's records, OpenSSL skips empty records, and Go alerts of level "warning"; some
 * servers skip a ChangeCipherSpec before a second hello (RFC 8446 §4.1.4, appendix D.4).
 *
 * @module
 */

import type { AlpnSet } from "../wire/alpn.ts";
import { CLIENT_HELLO, HANDSHAKE_HEADER, isHelloLength } from "../wire/client_hello.ts";
import { u16 } from "../wire/reader.ts";
import { HELLO_FACTS, judgeHello } from "./_hello.ts";
import { type Detector, type Facts, NO_MATCH, type Verdict } from "./detector.ts";

const CHANGE_CIPHER_SPEC = 20;
const ALERT = 21;
const HANDSHAKE = 22;
const RECORD_HEADER = 5;
const MAX_FRAGMENT = 16_384; // RFC 8446 §5.1
/** Go accepts any version below 16.0 (`readRecordOrCCS`); no server accepts others. */
const MAX_MAJOR = 15;
/** The longest record that is skipped: an alert (RFC 8446 §6). */
const MAX_SKIPPED = 2;
/**
 * Records without handshake bytes that are skipped, which also limits how often all records are walked
 * again. OpenSSL allows 32 empty ones in a row, Go 16 alerts.
 */
const MAX_SKIPS = 64;
const NOTHING_YET: Facts = Object.freeze({});
const UNREADABLE: Verdict = Object.freeze({ kind: "match", facts: NOTHING_YET, end: "malformed" });

/**
 * Recognises TLS by its ClientHello. Bytes after the hello do not matter. A hello that contradicts itself
 * is TLS whose facts are in doubt: most servers would not answer it, but not all of them were tried.
 */
export const tls: Detector = { name: "tls", facts: HELLO_FACTS, tcp: detectTls };

function detectTls(bytes: Uint8Array, asked?: AlpnSet): Verdict {
  const { length } = bytes;
  let at = 0; // index of the record's header
  let got = 0; // handshake bytes in the records before `at`, whether they have come or not
  let head = 0; // the handshake header so far, as a number
  let total = 0; // handshake bytes of the hello, 0 until its header is complete
  let skips = 0;
  while (true) {
    const there = length - at;
    // Any other type ends every handshake. Other errors do too, but once a hello has begun that is not
    // certain for all servers.
    if (there > 0 && !isRecordType(bytes[at]!)) return NO_MATCH;
    if (!isRecordHeader(bytes, at) || skips > MAX_SKIPS) {
      if (got === 0) return NO_MATCH;
      const more = needMore(at, got, total);
      return length < more.bytes ? more : UNREADABLE;
    }
    if (there < RECORD_HEADER) break;
    const start = at + RECORD_HEADER;
    const end = start + u16(bytes, at + 3);
    at = end;
    if (bytes[start - RECORD_HEADER] !== HANDSHAKE || start === end) {
      skips++;
      continue;
    }
    if (got === 0 && length > start && bytes[start] !== CLIENT_HELLO) return NO_MATCH;
    // Until the handshake type each byte may exclude TLS, so that other detectors need not wait for this
    // one.
    if (got === 0 && length <= start) return { kind: "need_more", bytes: length + 1 };
    if (total === 0) {
      const stop = Math.min(start + HANDSHAKE_HEADER - got, end, length);
      for (let i = start; i < stop; i++) head = (head << 8) | bytes[i]!;
      if (got + stop - start === HANDSHAKE_HEADER) {
        if (!isHelloLength(head & 0xffffff)) return NO_MATCH;
        total = HANDSHAKE_HEADER + (head & 0xffffff);
      }
    }
    const came = Math.min(end, length) - start;
    if (total > 0 && got + came >= total) return judge(bytes, total, asked);
    got += end - start;
    if (end > length) break;
  }
  if (got === 0) return { kind: "need_more", bytes: length + 1 };
  return needMore(at, got, total);
}

function isRecordType(type: number): boolean {
  return type === HANDSHAKE || type === ALERT || type === CHANGE_CIPHER_SPEC;
}

/** Reports whether the bytes may begin a record header that a hello comes in or after. */
function isRecordHeader(bytes: Uint8Array, at: number): boolean {
  const there = bytes.length - at;
  if (there > 1 && bytes[at + 1]! > MAX_MAJOR) return false;
  if (there < RECORD_HEADER) return true;
  return u16(bytes, at + 3) <= (bytes[at] === HANDSHAKE ? MAX_FRAGMENT : MAX_SKIPPED);
}

/**
 * Returns what to wait for: all that the hello still lacks, in as few records as possible, if `got`
 * handshake bytes lie before the record at `next`. With records of one byte, each wait brings a sixth of
 * what is missing, so the number of calls grows with the logarithm of the hello's size.
 */
function needMore(next: number, got: number, total: number): NeedMore {
  const rest = (total === 0 ? HANDSHAKE_HEADER : total) - got;
  const headers = rest > 0 ? RECORD_HEADER * Math.ceil(rest / MAX_FRAGMENT) : 0;
  const bytes = next + headers + rest;
  return total === 0
    ? { kind: "need_more", bytes }
    : { kind: "need_more", bytes, certain: NOTHING_YET };
}

type NeedMore = Extract<Verdict, { readonly kind: "need_more" }>;

/** Where the parts of a hello are joined. A new array for each hello would be garbage of its size. */
let joined = new Uint8Array(MAX_FRAGMENT);

/**
 * Returns the hello's handshake bytes: a view if the first record with handshake bytes holds them all, else
 * a copy that is valid until the next call.
 */
function join(bytes: Uint8Array, total: number): Uint8Array {
  let filled = 0;
  for (let at = 0; filled < total;) {
    const start = at + RECORD_HEADER;
    const size = u16(bytes, at + 3);
    at = start + size;
    if (bytes[start - RECORD_HEADER] !== HANDSHAKE) continue;
    if (filled === 0 && size >= total) return bytes.subarray(start, start + total);
    if (joined.length < total) joined = new Uint8Array(total);
    const end = start + Math.min(size, total - filled);
    // Byte by byte: a view costs 45 ns per record, which 1-byte records would multiply.
    for (let i = start; i < end; i++) joined[filled++] = bytes[i]!;
  }
  return joined.subarray(0, total);
}

function judge(bytes: Uint8Array, total: number, asked: AlpnSet | undefined): Verdict {
  const verdict = judgeHello(join(bytes, total), asked, "t");
  return verdict.kind === "match" ? verdict : UNREADABLE;
}
