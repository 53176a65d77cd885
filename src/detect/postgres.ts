/**
 * PostgreSQL (manual, "Message Formats"): the packet that a client begins with. Knows which packets a server
 * accepts, not what it does with their parameters.
 *
 * A packet is a length of 4 bytes, which counts itself, a code of 4 bytes, and a body. Only a whole packet
 * matches.
 *
 * @module
 */

import {
  CANCEL_REQUEST,
  GSS_REFUSED,
  GSSENC_REQUEST,
  SSL_REQUEST,
  TLS_ACCEPTED,
  TLS_EXCHANGE,
} from "../opening/postgres.ts";
import { NO_OPENING } from "../opening/mod.ts";
import { latin1, u16 } from "../wire/reader.ts";
import { HELLO_FACTS } from "./_hello.ts";
import { type Detector, type Facts, NO_MATCH, type Verdict } from "./detector.ts";
import { tls } from "./tls.ts";

const HEADER = 8;
/** A server's bound (`MAX_STARTUP_PACKET_LENGTH`) does not count the length itself. */
const MAX_PACKET = 10_004;
const MAJOR = 3;
/** A process and its key, which has 4 bytes, and up to 256 from protocol 3.2 on. */
const MIN_CANCEL = 16;
const MAX_CANCEL = 268;

const NO_FACTS: Facts = Object.freeze({});
const MATCH: Verdict = Object.freeze({ kind: "match", facts: NO_FACTS });

/** Recognises PostgreSQL by its first packet: a startup message, or a request to cancel or encrypt. */
export const postgres: Detector = {
  name: "postgres",
  facts: HELLO_FACTS,
  behind: true,
  tcp: (bytes) => judge(bytes, true),
};

/** What may follow an answer to GSSENCRequest, which a client may send once. */
const afterGss: Detector = { ...postgres, tcp: (bytes) => judge(bytes, false) };

function judge(bytes: Uint8Array, gss: boolean): Verdict {
  const { length } = bytes;
  // Each of the first bytes can rule it out, so that detection ends early for other protocols.
  if (bytes[0] !== 0 || (length > 1 && bytes[1] !== 0)) return NO_MATCH;
  if (length < 4) return { kind: "need_more", bytes: length + 1 };
  const size = u16(bytes, 2);
  if (size < HEADER || size > MAX_PACKET) return NO_MATCH;
  if (length < HEADER) return { kind: "need_more", bytes: HEADER };
  const major = u16(bytes, 4);
  const code = major * 65_536 + u16(bytes, 6);
  if (!isPossible(code, major, size, gss)) return NO_MATCH;
  if (length < size) return { kind: "need_more", bytes: size };
  if (major === MAJOR) return namesUser(bytes, size) ? MATCH : NO_MATCH;
  if (code === CANCEL_REQUEST) return MATCH;
  const step = code === SSL_REQUEST
    ? {
      name: "SSLRequest",
      consumed: size,
      says: TLS_ACCEPTED,
      then: [tls],
      target: [TLS_EXCHANGE],
    }
    : {
      name: "GSSENCRequest",
      consumed: size,
      says: GSS_REFUSED,
      then: [afterGss],
      target: NO_OPENING,
    };
  return { kind: "match", facts: NO_FACTS, step };
}

function isPossible(code: number, major: number, size: number, gss: boolean): boolean {
  if (major === MAJOR || code === SSL_REQUEST) return true;
  if (code === GSSENC_REQUEST) return gss;
  return code === CANCEL_REQUEST && size >= MIN_CANCEL && size <= MAX_CANCEL;
}

/** Reports whether parameters come in pairs, end with the packet, and name a user. */
function namesUser(bytes: Uint8Array, size: number): boolean {
  // A zero byte ends each text, and one more ends the list; nothing may follow.
  const texts = latin1(bytes, HEADER, size).split("\0");
  if (texts.pop() !== "" || texts.pop() !== "" || texts.length % 2 !== 0) return false;
  let found = false;
  for (let i = 0; i < texts.length; i += 2) {
    if (texts[i] === "") return false;
    if (texts[i] === "user" && texts[i + 1] !== "") found = true;
  }
  return found;
}
