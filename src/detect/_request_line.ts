/**
 * The first line of an HTTP/1 request (RFC 9112 §3), read incrementally. Accepts every form that nginx,
 * Node or Go accept; knows no field and no name.
 *
 * @module
 */

import { latin1 } from "../wire/reader.ts";

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const HASH = 0x23;
const ASTERISK = 0x2a;
const DOT = 0x2e;
const SLASH = 0x2f;
const COLON = 0x3a;
const QUESTION = 0x3f;
const AT = 0x40;

/**
 * Longer input that is still a valid request line is certainly HTTP, since other protocols have no targets
 * of this length.
 */
const CERTAIN_BYTES = 512;
/** Characters kept of a version; nginx accepts any number of zeros. */
const MAX_VERSION = 8;

/** The text before a version. Node serves requests of RTSP and Icecast as HTTP. */
const PROTOCOLS = ["HTTP/", "RTSP/", "ICE/"];

/**
 * Methods that Node accepts without a version; it then reads fields as in HTTP/1. Others are commands of
 * other protocols, such as CONNECT of NATS.
 */
const METHODS = new Set(
  ("ACL ANNOUNCE BIND CHECKOUT COPY DELETE DESCRIBE FLUSH GET GET_PARAMETER HEAD LINK LOCK " +
    "M-SEARCH MERGE MKACTIVITY MKCALENDAR MKCOL MOVE NOTIFY OPTIONS PATCH PAUSE PLAY POST PRI " +
    "PROPFIND PROPPATCH PURGE PUT QUERY REBIND RECORD REDIRECT REPORT SEARCH SET_PARAMETER SETUP " +
    "SOURCE SUBSCRIBE TEARDOWN TRACE UNBIND UNLINK UNLOCK UNSUBSCRIBE").split(" "),
);
const LONGEST_METHOD = 16;

/** Bytes that a method may contain (RFC 9110 §5.6.2, token). */
const TOKEN = new Uint8Array(256);
/** Bytes that may follow a scheme's first letter (RFC 3986 §3.1). */
const SCHEME = new Uint8Array(256);
for (const c of "!#$%&'*+-.^_`|~") TOKEN[c.charCodeAt(0)] = 1;
for (const c of "+-.") SCHEME[c.charCodeAt(0)] = 1;
for (let c = 0; c < 128; c++) {
  if (/[0-9A-Za-z]/.test(String.fromCharCode(c))) TOKEN[c] = SCHEME[c] = 1;
}

const EMPTY_LINES = 0;
const METHOD = 1;
const BEFORE_TARGET = 2;
const TARGET = 3;
const BEFORE_VERSION = 4;
const VERSION = 5;
const AFTER_VERSION = 6;
const BEFORE_LF = 7;

/** Reads the request line of one session. */
export class RequestLine {
  /** The next byte to read; after the line, the first byte of the fields. */
  at = 0;
  /** The version, such as `1.1`; unset if the line has none (RFC 1945 §4.1). */
  version: string | undefined;
  #phase = EMPTY_LINES;
  #method = 0;
  #methodEnd = 0;
  #target = 0;
  #targetEnd = 0;
  #version = 0;
  #protocol = "";

  /**
   * Reads further.
   *
   * @param bytes All bytes of the session so far
   * @returns Whether the line is complete, incomplete, or no request line
   */
  read(bytes: Uint8Array): "whole" | "partial" | "none" {
    const { length } = bytes;
    while (this.at < length) {
      const byte = bytes[this.at]!;
      if (this.#phase === TARGET && byte > SPACE && byte !== 0x7f) {
        this.at++;
        continue;
      }
      if (!this.#take(bytes, byte)) return "none";
      this.at++;
      if (byte === LF && this.#phase !== EMPTY_LINES) {
        return this.version !== undefined || this.#isSimple(bytes) ? "whole" : "none";
      }
    }
    return "partial";
  }

  /**
   * Reports whether the bytes are certainly HTTP, although the line is incomplete: a target has begun, and
   * it is too long for any other protocol.
   */
  isCertain(bytes: Uint8Array): boolean {
    return bytes.length > CERTAIN_BYTES && this.#phase >= TARGET &&
      (this.#protocol === "" || this.isHttp);
  }

  /** Whether the version is HTTP's, as far as it has come. */
  get isHttp(): boolean {
    return this.#protocol === PROTOCOLS[0];
  }

  /** Whether the version is one of HTTP/1. */
  get isHttp1(): boolean {
    return this.isHttp && this.version?.startsWith("1.") === true;
  }

  /** Reports whether the request asks for a tunnel, whose target is an authority (RFC 9112 §3.2.3). */
  isConnect(bytes: Uint8Array): boolean {
    return bytes[this.#target] !== SLASH && this.#methodIs(bytes, "CONNECT");
  }

  /**
   * Returns the authority in the target, which overrides a Host field (RFC 9112 §3.2.2).
   *
   * @param bytes The session's bytes
   * @returns Its start, without user information, and its end; `undefined` if the target has none
   */
  authority(bytes: Uint8Array): readonly [start: number, end: number] | undefined {
    let start = this.isConnect(bytes) ? this.#target : this.#authorityAt(bytes);
    if (start < 0) return undefined;
    let end = start;
    for (; end < this.#targetEnd; end++) {
      const byte = bytes[end];
      if (byte === SLASH || byte === QUESTION || byte === HASH) break;
      if (byte === AT) start = end + 1;
    }
    return [start, end];
  }

  /** Takes the next byte. Returns `false` if no request line continues with it. */
  #take(bytes: Uint8Array, byte: number): boolean {
    switch (this.#phase) {
      case EMPTY_LINES: // nginx and Node skip any number, of CR too
        if (byte === LF || byte === CR) return true;
        this.#method = this.at;
        this.#phase = METHOD;
        return TOKEN[byte] === 1;
      case METHOD:
        if (TOKEN[byte] === 1) return true;
        this.#methodEnd = this.at;
        this.#phase = BEFORE_TARGET;
        return byte === SPACE;
      case BEFORE_TARGET:
        if (byte === SPACE) return true;
        this.#target = this.at;
        this.#phase = TARGET;
        return byte > SPACE && byte !== 0x7f;
      case TARGET:
        this.#targetEnd = this.at;
        this.#phase = BEFORE_VERSION;
        return (byte === SPACE || byte === CR || byte === LF) && this.#isTarget(bytes) &&
          (byte === SPACE || this.#end(byte));
      case BEFORE_VERSION:
        if (byte === SPACE) return true;
        if (byte === CR || byte === LF) return this.#end(byte);
        this.#version = this.at;
        this.#phase = VERSION;
        this.#protocol = PROTOCOLS.find((one) => one.charCodeAt(0) === byte) ?? "";
        return this.#protocol !== "";
      case VERSION:
        return this.#takeVersion(bytes, byte);
      case AFTER_VERSION:
        return byte === SPACE || this.#end(byte);
      default:
        return byte === LF;
    }
  }

  #takeVersion(bytes: Uint8Array, byte: number): boolean {
    const major = this.#protocol.length;
    const index = this.at - this.#version;
    if (index < major) return byte === this.#protocol.charCodeAt(index);
    if (index === major + 1) return byte === DOT;
    if (byte >= 0x30 && byte <= 0x39) return true;
    if (index < major + 3) return false;
    const from = this.#version + major;
    this.version = latin1(bytes, from, Math.min(this.at, from + MAX_VERSION));
    this.#phase = AFTER_VERSION;
    return byte === SPACE || this.#end(byte);
  }

  #end(byte: number): boolean {
    if (byte === CR) this.#phase = BEFORE_LF;
    return byte === CR || byte === LF;
  }

  /** Accepts the forms of RFC 9112 §3.2, those that Go takes with a scheme, and Node's with an asterisk. */
  #isTarget(bytes: Uint8Array): boolean {
    const first = bytes[this.#target];
    return first === SLASH || first === ASTERISK || this.#scheme(bytes) > 0 ||
      this.#methodIs(bytes, "CONNECT");
  }

  /** Returns the index of the colon after the target's scheme, or -1. */
  #scheme(bytes: Uint8Array): number {
    let at = this.#target;
    if ((bytes[at]! | 0x20) < 0x61 || (bytes[at]! | 0x20) > 0x7a) return -1;
    while (SCHEME[bytes[at]!] === 1) at++;
    return bytes[at] === COLON && at < this.#targetEnd ? at : -1;
  }

  /**
   * Reports whether this is a request without a version (RFC 1945 §4.1). Of targets with a scheme, only
   * those with an authority count: `GET user:1` is a Redis command.
   */
  #isSimple(bytes: Uint8Array): boolean {
    const first = bytes[this.#target];
    return (first === SLASH || first === ASTERISK || this.#authorityAt(bytes) > 0) &&
      this.#methodEnd - this.#method <= LONGEST_METHOD &&
      METHODS.has(latin1(bytes, this.#method, this.#methodEnd));
  }

  /** Returns the index after the `//` of a target with an authority, or -1. */
  #authorityAt(bytes: Uint8Array): number {
    const colon = this.#scheme(bytes);
    return colon > 0 && bytes[colon + 1] === SLASH && bytes[colon + 2] === SLASH ? colon + 3 : -1;
  }

  #methodIs(bytes: Uint8Array, method: string): boolean {
    return this.#methodEnd - this.#method === method.length &&
      latin1(bytes, this.#method, this.#methodEnd) === method;
  }
}
