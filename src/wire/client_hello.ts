/**
 * Parses the ClientHello message (RFC 8446 §4.1.2, RFC 5246 §7.4.1.2): server name, ALPN and version from
 * contiguous handshake bytes. Knows nothing about what carried them, TLS records or QUIC frames.
 *
 * @module
 */

import { isIP } from "node:net";
import { type AlpnSet, NO_ALPN, readAlpn } from "./alpn.ts";
import { readHostName } from "./host_name.ts";
import { latin1, u16, u24, u8 } from "./reader.ts";

/** The facts of a ClientHello, and the indexes of what is read later. */
export interface ClientHello {
  readonly kind: "hello";
  /** Length of the message with its header. */
  readonly bytes: number;
  /** The highest version offered, GREASE aside: 0x0304 is TLS 1.3; 0 if there is none. */
  readonly version: number;
  /** Index of the first cipher suite. The two bytes before it hold the length of the list. */
  readonly suites: number;
  /** Index of the first extension's type; {@linkcode bytes} if there is none. */
  readonly extensions: number;
  /** The server name in lower case, without a trailing dot; unset if absent or not a name. */
  readonly sni?: string;
  /** The names offered, as far as {@linkcode readAlpn} keeps them. */
  readonly alpn?: readonly string[];
  /** Index of the first protocol name's length; set if {@linkcode alpn} is. */
  readonly firstAlpn?: number;
  /**
   * Set if a server could read a different server name: `bad_name` if the name is no host name, `malformed`
   * if there are several names or an extension is repeated.
   */
  readonly doubt?: "bad_name" | "malformed";
}

/** The result of parsing handshake bytes. */
export type HelloResult =
  | ClientHello
  | {
    readonly kind: "need_more";
    /** Total handshake bytes needed; always more than were given. */
    readonly bytes: number;
  }
  | { readonly kind: "invalid" };

/** Handshake type of a ClientHello (RFC 8446 §4). */
export const CLIENT_HELLO = 1;

/** Bytes of a handshake header: type and 24-bit length (RFC 8446 §4). */
export const HANDSHAKE_HEADER = 4;

// legacy_version 2, random 32, empty session id 1, one cipher suite 2 + 2, one compression 1 + 1.
const MIN_BODY = 41;
// The same with every vector at its longest, and the longest block of extensions.
const MAX_BODY = 2 + 32 + 1 + 32 + 2 + 65_534 + 1 + 255 + 2 + 65_535;

/** Extension type of the server name (RFC 6066 §3). */
export const EXTENSION_SERVER_NAME = 0;
/** Extension type of ALPN (RFC 7301 §3.1). */
export const EXTENSION_ALPN = 16;
const EXTENSION_SUPPORTED_VERSIONS = 43; // RFC 8446 §4.2.1
const HOST_NAME = 0;
/** Longest spelling of an IP address: IPv6 with the last 32 bits as IPv4. */
const MAX_IP = 45;

const INVALID: HelloResult = Object.freeze({ kind: "invalid" });

/** Reports whether a ClientHello can have this many bytes after its handshake header. */
export function isHelloLength(body: number): boolean {
  return body >= MIN_BODY && body <= MAX_BODY;
}

/**
 * Parses a ClientHello handshake message (type 1, 24-bit length, body), RFC 8446 §4.1.2. Lengths are
 * checked strictly. Ignored are unknown extensions, GREASE (RFC 8701), the legacy version (OpenSSL and Go
 * ignore it too) and bytes after the message. If an extension is repeated, the first one counts and
 * {@linkcode ClientHello.doubt} is set.
 *
 * @param handshake Handshake bytes from the message's first byte on
 * @param asked The protocol names to look for, see {@linkcode readAlpn}
 * @returns The hello, the number of bytes needed, or `invalid`
 */
export function parseClientHello(handshake: Uint8Array, asked: AlpnSet = NO_ALPN): HelloResult {
  const given = handshake.length;
  if (given === 0) return { kind: "need_more", bytes: 1 };
  if (handshake[0] !== CLIENT_HELLO) return INVALID;
  if (given < HANDSHAKE_HEADER) return { kind: "need_more", bytes: HANDSHAKE_HEADER };
  const body = u24(handshake, 1);
  if (!isHelloLength(body)) return INVALID;
  const end = HANDSHAKE_HEADER + body;
  if (given < end) return { kind: "need_more", bytes: end };
  const at = skipToExtensions(handshake, end);
  if (at < 0) return INVALID;
  // TLS 1.2 and older may leave the extensions out (RFC 5246 §7.4.1.2).
  if (at === end) return readExtensions(handshake, end, end, asked);
  if (end - at < 2 || at + 2 + u16(handshake, at) !== end) return INVALID;
  return readExtensions(handshake, at + 2, end, asked);
}

/**
 * Reports whether a value is reserved by GREASE, 0x0a0a, 0x1a1a and so on: clients send such cipher suites,
 * extensions and versions so that servers keep ignoring what they do not know (RFC 8701 §2).
 */
export function isGrease(value: number): boolean {
  return (value & 0x0f0f) === 0x0a0a && value >> 8 === (value & 0xff);
}

/** Index of the session id's length. */
const SESSION_AT = HANDSHAKE_HEADER + 2 + 32;

/** Returns the index after the compression methods, or -1 if a length is wrong. */
function skipToExtensions(hello: Uint8Array, end: number): number {
  let at = SESSION_AT;
  const session = u8(hello, at);
  if (session > 32) return -1;
  at += 1 + session;
  if (end - at < 2) return -1;
  const suites = u16(hello, at);
  if (suites < 2 || suites % 2 !== 0) return -1;
  at += 2 + suites;
  if (end - at < 2) return -1;
  const compressions = u8(hello, at);
  at += 1 + compressions;
  return compressions === 0 || at > end ? -1 : at;
}

function readExtensions(
  hello: Uint8Array,
  start: number,
  end: number,
  asked: AlpnSet,
): HelloResult {
  let name: ServerName | undefined;
  let alpn: string[] | undefined;
  let firstAlpn = 0;
  let version = -1;
  let repeated = false;
  let at = start;
  while (at < end) {
    if (end - at < 4) return INVALID;
    const type = u16(hello, at);
    const from = at + 4;
    const to = from + u16(hello, at + 2);
    if (to > end) return INVALID;
    if (type === EXTENSION_SERVER_NAME) {
      if (name !== undefined) repeated = true;
      else name = readServerName(hello, from, to);
      if (name === undefined) return INVALID;
    } else if (type === EXTENSION_ALPN) {
      if (alpn !== undefined) repeated = true;
      else {
        const names = readAlpn(hello, { from, to }, asked);
        if (names === null) return INVALID;
        alpn = names;
        firstAlpn = from + 2;
      }
    } else if (type === EXTENSION_SUPPORTED_VERSIONS) {
      if (version >= 0) repeated = true;
      else version = readVersions(hello, from, to);
    }
    at = to;
  }
  if (version < 0) version = u16(hello, HANDSHAKE_HEADER);
  const result: { -readonly [K in keyof ClientHello]: ClientHello[K] } = {
    kind: "hello",
    bytes: end,
    version,
    suites: SESSION_AT + 1 + u8(hello, SESSION_AT) + 2,
    extensions: start,
  };
  if (name?.sni !== undefined) result.sni = name.sni;
  if (alpn !== undefined) {
    result.alpn = alpn;
    result.firstAlpn = firstAlpn;
  }
  if (repeated) result.doubt = "malformed";
  else if (name?.doubt !== undefined) result.doubt = name.doubt;
  return result;
}

/** Returns the highest version that is listed in full, or 0 if there is none. */
function readVersions(hello: Uint8Array, from: number, to: number): number {
  const stop = Math.min(to, from + 1 + u8(hello, from));
  let highest = 0;
  for (let at = from + 1; at + 2 <= stop; at += 2) {
    const version = u16(hello, at);
    if (version > highest && !isGrease(version)) highest = version;
  }
  return highest;
}

/** The facts of a server_name extension. */
type ServerName = Pick<ClientHello, "sni" | "doubt">;

const NO_NAME: ServerName = Object.freeze({});
const BAD_NAME: ServerName = Object.freeze({ doubt: "bad_name" });

/** Reads the first host_name (RFC 6066 §3). Returns `undefined` if the extension contradicts itself. */
function readServerName(hello: Uint8Array, from: number, to: number): ServerName | undefined {
  // Only servers send this extension empty. A client that does so names no server.
  if (from === to) return NO_NAME;
  if (to - from < 2 || from + 2 + u16(hello, from) !== to) return undefined;
  let name = NO_NAME;
  let seen = false;
  let at = from + 2;
  while (at < to) {
    if (to - at < 3) return undefined;
    const start = at + 3;
    const end = start + u16(hello, at + 1);
    if (end > to) return undefined;
    if (hello[at] === HOST_NAME) {
      // RFC 6066 §3 allows one name. OpenSSL and Go refuse more; others may take the last one.
      name = seen ? { ...name, doubt: "malformed" } : readName(hello, start, end);
      seen = true;
    }
    at = end;
  }
  return name;
}

/**
 * Treats an empty name and an IP address as no name. RFC 6066 §3 does not allow addresses, but some clients
 * send them. No route and no certificate can mean them, so these clients are routed like those without a
 * name.
 */
function readName(hello: Uint8Array, start: number, end: number): ServerName {
  if (start === end) return NO_NAME;
  const sni = readHostName(hello, start, end);
  if (sni !== undefined) return { sni };
  return end - start <= MAX_IP && isIP(latin1(hello, start, end)) !== 0 ? NO_NAME : BAD_NAME;
}
