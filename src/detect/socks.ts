/**
 * SOCKS 5 (RFC 1928 §3), 4 and 4a: the client's first message. Knows no request or authentication after it.
 *
 * Both start with a common byte, so the rest has to be plausible. Further bytes do not matter: some clients
 * pipeline, and the verdict must not depend on how TCP cut the stream.
 *
 * @module
 */

import { u16, u8 } from "../wire/reader.ts";
import { type Detector, type Facts, NO_MATCH, type StreamJudge, type Verdict } from "./detector.ts";

const NO_FACTS: Facts = Object.freeze({});
const MATCH: Verdict = Object.freeze({ kind: "match", facts: NO_FACTS });

// From RFC 1928 §3 and IANA's list: 0 none, 1 GSSAPI, 2 user and password, up to 9; private from 0x80.
const LAST_ASSIGNED = 0x09;
const FIRST_PRIVATE = 0x80;
const NO_ACCEPTABLE = 0xff;
const LAST_COMMON = 0x02;

const SOCKS4_HEADER = 8; // version, command, port 2, address 4
const MAX_USER = 255;
const MAX_DOMAIN = 255; // RFC 1035 §2.3.4

/**
 * Recognises SOCKS 5 by its list of methods: each one assigned or private, and at least one of the three
 * that clients use (none, GSSAPI, password). About one in a million random streams passes (measured); RFC
 * 1928 gives nothing else to check.
 */
export const socks5: Detector = { name: "socks5", tcp: detectSocks5 };

/** Recognises SOCKS 4 and 4a by a complete request: command, address, user and, for 4a, domain. */
export const socks4: Detector = {
  name: "socks4",
  tcp: (bytes) => new Socks4Head().judge(bytes),
  session: () => new Socks4Head(),
};

function detectSocks5(bytes: Uint8Array): Verdict {
  if (bytes[0] !== 5) return NO_MATCH;
  if (bytes.length < 2) return { kind: "need_more", bytes: 2 };
  const count = u8(bytes, 1);
  if (count === 0) return NO_MATCH;
  const end = 2 + count;
  if (bytes.length < end) return { kind: "need_more", bytes: end };
  let common = false;
  for (let i = 2; i < end; i++) {
    const method = bytes[i]!;
    if (method > LAST_ASSIGNED && method < FIRST_PRIVATE || method === NO_ACCEPTABLE) {
      return NO_MATCH;
    }
    if (method <= LAST_COMMON) common = true;
  }
  return common ? MATCH : NO_MATCH;
}

/** One session's request. Looks at each byte of its texts once. */
class Socks4Head implements StreamJudge {
  /** Where the current text begins: the user, then the domain. */
  #start = SOCKS4_HEADER;
  #at = SOCKS4_HEADER;
  #longest = MAX_USER;

  judge(bytes: Uint8Array): Verdict {
    if (bytes[0] !== 4) return NO_MATCH;
    if (bytes.length < 2) return { kind: "need_more", bytes: 2 };
    const command = bytes[1];
    if (command !== 1 && command !== 2) return NO_MATCH; // CONNECT, BIND
    if (bytes.length <= SOCKS4_HEADER) return { kind: "need_more", bytes: SOCKS4_HEADER + 1 };
    // In 4a, the address 0.0.0.x means that a domain follows.
    const is4a = u16(bytes, 4) === 0 && bytes[6] === 0 && bytes[7] !== 0;
    for (; this.#at < bytes.length; this.#at++) {
      const c = bytes[this.#at]!;
      if (c === 0) {
        if (!is4a) return MATCH;
        const inDomain = this.#start > SOCKS4_HEADER;
        if (inDomain) return this.#at === this.#start ? NO_MATCH : MATCH;
        this.#start = this.#at + 1;
        this.#longest = MAX_DOMAIN;
      } else if (c < 0x20 || c === 0x7f || this.#at - this.#start >= this.#longest) return NO_MATCH;
    }
    return { kind: "need_more", bytes: bytes.length + 1 };
  }
}
