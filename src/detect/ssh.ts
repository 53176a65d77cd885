/**
 * SSH (RFC 4253 §4.2): the identification string that a client starts with. Knows its first dozen bytes and
 * nothing about what follows.
 *
 * @module
 */

import { latin1 } from "../wire/reader.ts";
import { type Detector, NO_MATCH, type Verdict } from "./detector.ts";

const PREFIX = "SSH-";
// Protocol versions in use: 2.0, 1.99 (RFC 4253 §5.1) and the 1.x before it.
const VERSION = /^(?:2\.0|1\.[0-9]{1,2})-/;
const VERSION_SO_FAR = /^(?:2(?:\.0?)?|1(?:\.[0-9]{0,2})?)?$/;
const LONGEST = PREFIX.length + "1.99-".length;

/** Recognises SSH by `SSH-`, a protocol version and `-`, and returns the version. */
export const ssh: Detector = { name: "ssh", tcp: detectSsh };

function detectSsh(bytes: Uint8Array): Verdict {
  if (bytes[0] !== 0x53) return NO_MATCH; // S: saves most traffic the conversion below
  const text = latin1(bytes, 0, LONGEST);
  if (!text.startsWith(PREFIX)) {
    return PREFIX.startsWith(text) ? needMore(bytes) : NO_MATCH;
  }
  const rest = text.slice(PREFIX.length);
  const version = VERSION.exec(rest)?.[0].slice(0, -1);
  if (version !== undefined) return { kind: "match", facts: { version } };
  return VERSION_SO_FAR.test(rest) ? needMore(bytes) : NO_MATCH;
}

function needMore(bytes: Uint8Array): Verdict {
  return { kind: "need_more", bytes: bytes.length + 1 };
}
