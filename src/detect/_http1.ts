/**
 * HTTP/1.x (RFC 9112): the request line and the host. Knows what makes a request line certain and
 * which of a request's names counts; it is no validator of requests.
 *
 * @module
 */

import { hostOf } from "../wire/authority.ts";
import { latin1 } from "../wire/reader.ts";
import { type Facts, NO_MATCH, type Verdict } from "./detector.ts";

const LF = 0x0a;
const CR = 0x0d;
const TAB = 0x09;
const SPACE = 0x20;
const ASTERISK = 0x2a;
const COLON = 0x3a;
const SLASH = 0x2f;

// RFC 9112 §2.2 has servers skip at least one; noise of line ends alone shall end.
const MAX_EMPTY_LINES = 8;
// The longest registered method, UPDATEREDIRECTREF (RFC 4437), has 17.
const MAX_METHOD = 32;
// Enough to know noise; looking at more of a long target with every call would cost its square.
const CHECKED_TARGET = 512;
// Scheme and authority of an absolute target, or a Host field with its folds: longer is no name.
const MAX_NAME_TEXT = 512;
// Apache takes 100 fields, Node 2,000; a bound keeps byte-by-byte senders from costing a square.
const MAX_FIELD_LINES = 512;
// RFC 9112 §3.2 allows one. Reading 512 again with every byte cost 0.5 ms per byte.
const MAX_HOST_FIELDS = 4;

const VERSION = "HTTP/1.";
const ABSOLUTE = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i;
const FOLD = /\r?\n[ \t]+/g;

/** Which bytes may stand in a method (RFC 9110 §5.6.2, token). */
const TOKEN = new Uint8Array(256);
for (const c of "!#$%&'*+-.^_`|~") TOKEN[c.charCodeAt(0)] = 1;
for (let c = 0; c < 128; c++) if (/[0-9A-Za-z]/.test(String.fromCharCode(c))) TOKEN[c] = 1;

/**
 * Judges the first bytes of a session that did not open with HTTP/2's preface.
 *
 * A request line is `method SP target SP HTTP/1.digit` with one space each, ended by LF or CRLF; the
 * target has one of the four forms of RFC 9112 §3.2. The host of an absolute or authority form wins
 * over `Host` (§3.2.2), and then fields are not waited for.
 *
 * @param bytes All that came so far
 * @returns The verdict
 */
export function detectHttp1(bytes: Uint8Array): Verdict {
  const { length } = bytes;
  const start = skipEmptyLines(bytes);
  let at = start;
  while (at < length && at - start <= MAX_METHOD && TOKEN[bytes[at]!] === 1) at++;
  if (at - start > MAX_METHOD) return NO_MATCH;
  // A CR at the very end may open an empty line.
  if (at === length || (at === length - 1 && at === start && bytes[at] === CR)) {
    return { kind: "need_more", bytes: length + 1 };
  }
  if (at === start || bytes[at] !== SPACE) return NO_MATCH;

  const target = at + 1;
  const space = bytes.indexOf(SPACE, target);
  const end = space < 0 ? length : space;
  for (let i = target; i < end && i - target < CHECKED_TARGET; i++) {
    const c = bytes[i]!;
    if (c < 0x20 || c === 0x7f) return NO_MATCH;
  }
  if (space < 0) return { kind: "need_more", bytes: length + 1 };

  let same = 0;
  while (same < VERSION.length && bytes[space + 1 + same] === VERSION.charCodeAt(same)) same++;
  at = space + 1 + same;
  if (at === length) return { kind: "need_more", bytes: length + 1 };
  const digit = bytes[at]! - 0x30;
  if (same < VERSION.length || digit < 0 || digit > 9) return NO_MATCH;
  at++;
  if (bytes[at] === CR) at++;
  if (at === length) return { kind: "need_more", bytes: length + 1 };
  if (bytes[at] !== LF) return NO_MATCH;

  const version = `1.${digit}`;
  const form = readTarget(bytes, { method: start, target, space });
  switch (form.kind) {
    case "none":
      return NO_MATCH;
    case "named":
      return { kind: "match", facts: factsOf(version, form.host) };
    case "origin":
      return readFields(bytes, at + 1, version);
  }
}

/** Index after the empty lines that may come before a request line (RFC 9112 §2.2). */
function skipEmptyLines(bytes: Uint8Array): number {
  let at = 0;
  for (let lines = 0; lines < MAX_EMPTY_LINES; lines++) {
    if (bytes[at] === LF) at++;
    else if (bytes[at] === CR && bytes[at + 1] === LF) at += 2;
    else break;
  }
  return at;
}

type Target =
  | { readonly kind: "origin" } // the host is in a field
  | { readonly kind: "named"; readonly host: string | undefined }
  | { readonly kind: "none" };

const ORIGIN: Target = Object.freeze({ kind: "origin" });
const NONE: Target = Object.freeze({ kind: "none" });

function readTarget(
  bytes: Uint8Array,
  at: { readonly method: number; readonly target: number; readonly space: number },
): Target {
  const { target, space } = at;
  if (bytes[target] === SLASH) return ORIGIN;
  if (bytes[target] === ASTERISK && space === target + 1) return ORIGIN;
  const text = latin1(bytes, target, Math.min(space, target + MAX_NAME_TEXT));
  if (latin1(bytes, at.method, target) === "CONNECT ") {
    const host = hostOf(text);
    return host === undefined ? NONE : { kind: "named", host };
  }
  const authority = ABSOLUTE.exec(text)?.[1];
  return authority === undefined ? NONE : { kind: "named", host: hostOf(authority) };
}

/**
 * Looks for the host in the fields. All of them are read: two `Host` fields that differ name none, so
 * that nothing is routed by the one that the target does not go by. A space before the colon makes it
 * another field (RFC 9112 §5.1 has servers refuse it); folded values count as servers unfold them.
 */
function readFields(bytes: Uint8Array, start: number, version: string): Verdict {
  let host: string | undefined;
  let hosts = 0;
  let differ = false;
  let from = -1; // where the value of an open Host field begins
  let at = start;
  for (let lines = 0; lines < MAX_FIELD_LINES; lines++) {
    const first = bytes[at];
    if (from >= 0 && first !== undefined && first !== SPACE && first !== TAB) {
      if (hosts === MAX_HOST_FIELDS) differ = true;
      const named = differ ? undefined : hostIn(bytes, from, at);
      if (hosts++ === 0) host = named;
      else if (named !== host) differ = true;
      from = -1;
    }
    const lf = bytes.indexOf(LF, at);
    if (lf < 0) {
      return {
        kind: "need_more",
        bytes: bytes.length + 1,
        certain: factsOf(version, differ ? undefined : host),
        lacks: "host",
      };
    }
    if (lf === at || (first === CR && lf === at + 1)) {
      return { kind: "match", facts: factsOf(version, differ ? undefined : host) };
    }
    if (isHostField(bytes, at)) from = at + "host:".length;
    at = lf + 1;
  }
  return { kind: "match", facts: factsOf(version, undefined) };
}

/** Compares with `host:` in any case; `| 0x20` turns letters, and here only letters, to lower case. */
function isHostField(bytes: Uint8Array, at: number): boolean {
  return bytes[at + 4] === COLON &&
    (bytes[at]! | 0x20) === 0x68 && (bytes[at + 1]! | 0x20) === 0x6f &&
    (bytes[at + 2]! | 0x20) === 0x73 && (bytes[at + 3]! | 0x20) === 0x74;
}

function hostIn(bytes: Uint8Array, from: number, to: number): string | undefined {
  if (to - from > MAX_NAME_TEXT) return undefined;
  return hostOf(latin1(bytes, from, to).replace(FOLD, " ").replace(/^[ \t]+|[ \t\r\n]+$/g, ""));
}

function factsOf(version: string, host: string | undefined): Facts {
  return host === undefined ? { version } : { version, host };
}
