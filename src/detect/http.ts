/**
 * HTTP in the clear: 1.x by its request line, 2 by its preface (RFC 9113 §3.4). Knows which of the
 * two to ask; each reads its own bytes.
 *
 * @module
 */

import type { Detector, Verdict } from "./detector.ts";
import { detectHttp1 } from "./_http1.ts";
import { detectHttp2 } from "./_http2.ts";

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/** Recognises HTTP/1.x and HTTP/2 with prior knowledge, and finds the host asked for. */
export const http: Detector = { name: "http", facts: ["host"], tcp: detectHttp };

function detectHttp(bytes: Uint8Array): Verdict {
  let same = 0;
  while (same < PREFACE.length && bytes[same] === PREFACE.charCodeAt(same)) same++;
  if (same === PREFACE.length) return detectHttp2(bytes, same);
  // So far a method of HTTP/1.x, such as PROPFIND, can begin alike.
  if (same === bytes.length) return { kind: "need_more", bytes: same + 1 };
  return detectHttp1(bytes);
}
