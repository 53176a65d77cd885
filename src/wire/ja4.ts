/**
 * Makes the JA4 fingerprint of TLS clients: what a ClientHello offers, in 36 characters that do not depend
 * on the order of its extensions. Knows a parsed hello, but not the client or the purpose.
 *
 * The form is FoxIO's (JA4 technical details), as in `t13d1516h2_8daaf6152771_e5627efa2ab1`: carrier,
 * version, whether there is a server name, numbers of cipher suites and extensions, first and last
 * character of the first ALPN name; a hash of the cipher suites; a hash of extensions and signature
 * algorithms.
 *
 * @module
 */

import { createHash } from "node:crypto";
import {
  type ClientHello,
  EXTENSION_ALPN,
  EXTENSION_SERVER_NAME,
  isGrease,
} from "./client_hello.ts";
import { u16, u8 } from "./reader.ts";

/** The carrier of a hello, as a fingerprint writes it: `t` is TLS over TCP, `q` is QUIC. */
export type Carrier = "t" | "q";

/** Characters of a fingerprint. */
export const JA4_LENGTH = 36;

const EXTENSION_SIGNATURE_ALGORITHMS = 13; // RFC 8446 §4.2.3

/**
 * A hello with more values than this in one list gets no fingerprint. It is 1.5 times the number of cipher
 * suites that exist, and bounds the cost of a hello of 64 KiB.
 */
const MAX_VALUES = 512;
/** Fingerprints that are remembered, 3 KiB each at most. */
const MAX_REMEMBERED = 256;
/** Values before the lists: carrier, version, two characters of ALPN, ends of two lists. */
const HEAD = 6;

/** Versions as a fingerprint writes them; all others are `00`. */
const VERSIONS: ReadonlyMap<number, string> = new Map([
  [0x0304, "13"],
  [0x0303, "12"],
  [0x0302, "11"],
  [0x0301, "10"],
  [0x0300, "s3"],
  [0x0002, "s2"],
]);
const ZERO = 0x30;
const HEX = "0123456789abcdef";
const COMMA = 0x2c;
const UNDERSCORE = 0x5f;
/** Hexadecimal digits shown of each hash. */
const DIGITS = 12;

interface Remembered {
  /** The values that the fingerprint was made from. */
  readonly values: Uint16Array;
  readonly fingerprint: string;
}

/**
 * Fingerprints by a hash of their values. Making one costs 6 µs, finding it here 0.5 µs, and most clients
 * of a server are the same few programs.
 */
const REMEMBERED = new Map<number, Remembered>();

/** Shared by all hellos: it is filled and read within one call. */
const VALUES = new Uint16Array(HEAD + 3 * MAX_VALUES);
/** The text to hash, five characters a value; shared likewise. */
const TEXT = new Uint8Array(2 * 5 * MAX_VALUES);

/**
 * Makes the fingerprint of a client.
 *
 * @param message The ClientHello message
 * @param hello The result of parsing it
 * @param carrier What carried it
 * @returns 36 characters, or `undefined` if a list is longer than any honest client's
 */
export function ja4(message: Uint8Array, hello: ClientHello, carrier: Carrier): string | undefined {
  const length = collect(message, hello, carrier);
  if (length === 0) return undefined;
  // FNV-1a over 16-bit values. A collision only costs time, since all values are compared.
  let hash = 0x811c9dc5;
  for (let i = 0; i < length; i++) hash = Math.imul(hash ^ VALUES[i]!, 0x01000193);
  const known = REMEMBERED.get(hash);
  if (known !== undefined && isSame(known.values, length)) return known.fingerprint;
  const values = VALUES.slice(0, length);
  const fingerprint = format(values);
  if (known === undefined && REMEMBERED.size >= MAX_REMEMBERED) {
    for (const oldest of REMEMBERED.keys()) {
      REMEMBERED.delete(oldest);
      break;
    }
  }
  REMEMBERED.set(hash, { values, fingerprint });
  return fingerprint;
}

/**
 * Fills {@linkcode VALUES} with everything that the fingerprint depends on: the head, then cipher suites in
 * the client's order, sorted extensions and signature algorithms. Returns the number of values, or 0 if too
 * many.
 */
function collect(message: Uint8Array, hello: ClientHello, carrier: Carrier): number {
  const { suites, extensions, bytes: end } = hello;
  let at = HEAD;
  const suitesEnd = suites + u16(message, suites - 2);
  for (let i = suites; i < suitesEnd; i += 2) {
    const suite = u16(message, i);
    if (isGrease(suite)) continue;
    if (at === HEAD + MAX_VALUES) return 0;
    VALUES[at++] = suite;
  }
  const first = at;
  let signatures = -1;
  for (let i = extensions; i + 4 <= end; i += 4 + u16(message, i + 2)) {
    const type = u16(message, i);
    if (isGrease(type)) continue;
    if (at === first + MAX_VALUES) return 0;
    if (type === EXTENSION_SIGNATURE_ALGORITHMS && signatures < 0) signatures = i + 4;
    VALUES[at++] = type;
  }
  VALUES.subarray(first, at).sort();
  const second = at;
  if (signatures >= 0) {
    const stop = signatures + Math.min(u16(message, signatures - 2), 2 + u16(message, signatures));
    for (let i = signatures + 2; i + 2 <= stop; i += 2) {
      const algorithm = u16(message, i);
      if (isGrease(algorithm)) continue;
      if (at === second + MAX_VALUES) return 0;
      VALUES[at++] = algorithm;
    }
  }
  VALUES[0] = carrier.charCodeAt(0);
  VALUES[1] = hello.version;
  VALUES[2] = alpnEnd(message, hello.firstAlpn, "first");
  VALUES[3] = alpnEnd(message, hello.firstAlpn, "last");
  VALUES[4] = first;
  VALUES[5] = second;
  return at;
}

/**
 * Returns the code of the character for one end of an ALPN name, whose length stands at `at`. It is taken
 * from the name itself if both ends are letters or digits, else from the name in hexadecimal.
 */
function alpnEnd(
  message: Uint8Array,
  at: number | undefined,
  end: "first" | "last",
): number {
  if (at === undefined) return ZERO;
  const first = u8(message, at + 1);
  const last = u8(message, at + u8(message, at));
  if (isAlphanumeric(first) && isAlphanumeric(last)) return end === "first" ? first : last;
  return HEX.charCodeAt(end === "first" ? first >> 4 : last & 15);
}

function isAlphanumeric(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || (code >= 0x41 && code <= 0x5a) ||
    (code >= 0x61 && code <= 0x7a);
}

function isSame(values: Uint16Array, length: number): boolean {
  if (values.length !== length) return false;
  for (let i = 0; i < length; i++) {
    if (values[i] !== VALUES[i]) return false;
  }
  return true;
}

function format(values: Uint16Array): string {
  const [carrier = 0, version = 0, first = 0, last = 0, suitesEnd = 0, extensionsEnd = 0] = values;
  const suites = values.slice(HEAD, suitesEnd).sort();
  const extensions = values.subarray(suitesEnd, extensionsEnd);
  return String.fromCharCode(carrier) + (VERSIONS.get(version) ?? "00") +
    (extensions.includes(EXTENSION_SERVER_NAME) ? "d" : "i") +
    count(suites) + count(extensions) + String.fromCharCode(first, last) +
    `_${digest(writeSuites(suites))}_${
      digest(writeOffers(extensions, values.subarray(extensionsEnd)))
    }`;
}

function count(values: Uint16Array): string {
  return String(Math.min(values.length, 99)).padStart(2, "0");
}

/** Writes the text of the first hash into {@linkcode TEXT} and returns its length. */
function writeSuites(suites: Uint16Array): number {
  let at = 0;
  for (const suite of suites) at = write(suite, at);
  return Math.max(at - 1, 0);
}

/** Writes the text of the second hash into {@linkcode TEXT} and returns its length. */
function writeOffers(extensions: Uint16Array, signatures: Uint16Array): number {
  let at = 0;
  for (const type of extensions) {
    // The head already shows these two. Without them, the hash does not depend on the server that a program
    // calls.
    if (type !== EXTENSION_SERVER_NAME && type !== EXTENSION_ALPN) at = write(type, at);
  }
  // Signature algorithms come from an extension, so at least that one was written before.
  if (signatures.length > 0) TEXT[at - 1] = UNDERSCORE;
  for (const algorithm of signatures) at = write(algorithm, at);
  return Math.max(at - 1, 0);
}

/** Writes a value and a comma, and returns the index after them. */
function write(value: number, at: number): number {
  TEXT[at] = HEX.charCodeAt(value >> 12);
  TEXT[at + 1] = HEX.charCodeAt((value >> 8) & 15);
  TEXT[at + 2] = HEX.charCodeAt((value >> 4) & 15);
  TEXT[at + 3] = HEX.charCodeAt(value & 15);
  TEXT[at + 4] = COMMA;
  return at + 5;
}

/** Hashes the start of {@linkcode TEXT}; the hash of nothing is written as zeros. */
function digest(end: number): string {
  if (end === 0) return "0".repeat(DIGITS);
  return createHash("sha256").update(TEXT.subarray(0, end)).digest("hex").slice(0, DIGITS);
}

const FORM = [
  ...["[tq]", "[01s]", "[0-3]", "[di]"],
  ...new Array<string>(4).fill("[0-9]"),
  ...new Array<string>(2).fill("[0-9A-Za-z]"),
  ...["_", ...new Array<string>(12).fill("[0-9a-f]")],
  ...["_", ...new Array<string>(12).fill("[0-9a-f]")],
];
/** Matches any beginning of a fingerprint: `^(?:[tq](?:[01s](?:…)?)?)?$`. */
const START = new RegExp(`^${FORM.reduceRight((rest, one) => `(?:${one}${rest})?`, "")}$`);

/** Reports whether text has the form of a fingerprint. */
export function isJa4(text: string): boolean {
  return text.length === JA4_LENGTH && START.test(text);
}

/** Reports whether text is a fingerprint or the beginning of one. */
export function isJa4Start(text: string): boolean {
  return START.test(text);
}
