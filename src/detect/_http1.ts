/**
 * HTTP/1.x (RFC 9112): the request line and the host. Knows which of a request's names counts; it does not
 * validate requests.
 *
 * @module
 */

import { latin1 } from "../wire/reader.ts";
import { HostClaims, MAX_FIELDS, MAX_NAME_TEXT } from "./_host.ts";
import { RequestLine } from "./_request_line.ts";
import { type Facts, NO_MATCH, type Verdict } from "./detector.ts";
import type { DetectEnd } from "./ends.ts";

const LF = 0x0a;
const CR = 0x0d;
const TAB = 0x09;
const SPACE = 0x20;
const COLON = 0x3a;

const SHORT_PIECE = 32;

const NOTHING_YET: Facts = Object.freeze({});

/**
 * Reads the first bytes of a session that did not start with HTTP/2's preface. Looks at each byte once,
 * however the stream is cut.
 *
 * All fields are read. If names differ there is no host, so that no request is routed by a name that the
 * target ignores. Node uses `Host` even if the target has an authority, so these two are compared as well.
 * A field with a space before the colon is another field, which no server accepts.
 */
export class Http1Head {
  readonly #line = new RequestLine();
  readonly #claims = new HostClaims();
  /** Index of the next field line; -1 until the request line is complete. */
  #at = -1;
  /** Where to continue searching for the end of the line at `#at`. */
  #scanned = 0;
  #lines = 0;
  /** Where the value of an open Host field begins; -1 if there is none. */
  #from = -1;
  #verdict: Verdict | undefined;

  /** Reads further, and returns the verdict. */
  judge(bytes: Uint8Array): Verdict {
    this.#verdict ??= this.#at < 0 ? this.#readLine(bytes) : this.#readFields(bytes);
    return this.#verdict ?? this.#needMore(bytes);
  }

  #needMore(bytes: Uint8Array): Verdict {
    const more = bytes.length + 1;
    if (this.#at < 0) {
      return this.#line.isCertain(bytes)
        ? { kind: "need_more", bytes: more, certain: NOTHING_YET }
        : { kind: "need_more", bytes: more };
    }
    if (!this.#line.isHttp) return { kind: "need_more", bytes: more };
    const certain = this.#facts(this.#claims.host);
    return this.#line.isHttp1
      ? { kind: "need_more", bytes: more, certain, lacks: ["host"] }
      : { kind: "need_more", bytes: more, certain };
  }

  #readLine(bytes: Uint8Array): Verdict | undefined {
    const line = this.#line;
    switch (line.read(bytes)) {
      case "none":
        return NO_MATCH;
      case "partial":
        return undefined;
    }
    const authority = line.authority(bytes);
    const [start, end] = authority ?? [0, 0];
    if (start < end) this.#claim(bytes, start, end);
    else if (authority !== undefined && !line.isConnect(bytes)) this.#claims.addEmpty();
    // Without a version, nginx reads no fields, but Node does.
    if (line.version === undefined) return this.#match("malformed");
    // Go uses the field if the authority is empty.
    if (line.isConnect(bytes) && start < end) return this.#match(undefined);
    this.#at = this.#scanned = line.at;
    return this.#readFields(bytes);
  }

  #readFields(bytes: Uint8Array): Verdict | undefined {
    for (;;) {
      const at = this.#at;
      const first = bytes[at];
      if (this.#from >= 0 && first !== undefined && first !== SPACE && first !== TAB) {
        this.#claimField(bytes, at);
      }
      const lf = lineEnd(bytes, this.#scanned);
      if (lf < 0) {
        this.#scanned = bytes.length;
        return undefined;
      }
      if (lf === at || (first === CR && lf === at + 1)) return this.#conclude();
      if (++this.#lines === MAX_FIELDS) return this.#match("fields");
      if (isHostField(bytes, at)) this.#from = at + "host:".length;
      this.#at = this.#scanned = lf + 1;
    }
  }

  /** Takes the value of the open Host field, including folded lines, which ends before `to`. */
  #claimField(bytes: Uint8Array, to: number): void {
    let start = this.#from;
    let end = to;
    while (start < end && isBlank(bytes[start]!)) start++;
    while (end > start && isBlank(bytes[end - 1]!)) end--;
    this.#from = -1;
    this.#claim(bytes, start, end);
  }

  #claim(bytes: Uint8Array, start: number, end: number): void {
    this.#claims.add(latin1(bytes, start, Math.min(end, start + MAX_NAME_TEXT)));
  }

  /** Returns the verdict at the end of the head. */
  #conclude(): Verdict {
    // Requests of RTSP and SIP look alike, but have no such field.
    if (!this.#line.isHttp1 && this.#claims.count === 0) return NO_MATCH;
    return this.#match(undefined);
  }

  #match(cause: DetectEnd | undefined): Verdict {
    const end = cause ?? this.#claims.end;
    return end === undefined
      ? { kind: "match", facts: this.#facts(this.#claims.host) }
      : { kind: "match", facts: this.#facts(undefined), end };
  }

  #facts(host: string | undefined): Facts {
    const { version = "0.9" } = this.#line;
    return host === undefined ? { version } : { version, host };
  }
}

/** Returns the index of the next LF, or -1. `indexOf` takes as long as a loop over some dozen bytes. */
function lineEnd(bytes: Uint8Array, from: number): number {
  const { length } = bytes;
  if (length - from > SHORT_PIECE) return bytes.indexOf(LF, from);
  for (let at = from; at < length; at++) {
    if (bytes[at] === LF) return at;
  }
  return -1;
}

function isBlank(byte: number): boolean {
  return byte === SPACE || byte === TAB || byte === CR || byte === LF;
}

/** Compares with `host:` in any case; `| 0x20` lowers letters, and here nothing else matches. */
function isHostField(bytes: Uint8Array, at: number): boolean {
  return bytes[at + 4] === COLON &&
    (bytes[at]! | 0x20) === 0x68 && (bytes[at + 1]! | 0x20) === 0x6f &&
    (bytes[at + 2]! | 0x20) === 0x73 && (bytes[at + 3]! | 0x20) === 0x74;
}
