/**
 * HTTP/2 with prior knowledge, after its preface (RFC 9113 §3.4): walks the frames to the first
 * request. Knows frames; what a header block says is HPACK's business.
 *
 * @module
 */

import { hostOf } from "../wire/authority.ts";
import { decodeHeaderBlock } from "../wire/hpack.ts";
import { u24, u8 } from "../wire/reader.ts";
import type { Facts, Verdict } from "./detector.ts";

const FRAME_HEADER = 9;
const MAX_FRAME = 16_384; // until the server's SETTINGS say otherwise (RFC 9113 §4.2)
/** Each look walks all frames again; clients send up to ten before the end of the first request. */
const MAX_FRAMES = 64;
const DATA = 0;
const HEADERS = 1;
const SETTINGS = 4;
const CONTINUATION = 9;
const END_HEADERS = 0x4;
const PADDED = 0x8;
const PRIORITY = 0x20;

const NO_HOST: Facts = Object.freeze({ version: "2" });
const MATCH_NO_HOST: Verdict = Object.freeze({ kind: "match", facts: NO_HOST });

/** The frame in `bytes` at `at`. */
interface Frame {
  readonly type: number;
  readonly flags: number;
  /** Stream id with the reserved bit cleared. */
  readonly stream: number;
  /** Index of the payload. */
  readonly start: number;
  /** Index after the payload. */
  readonly end: number;
}

/**
 * Judges what follows the preface. That it is HTTP/2 is certain; frames that no server would take
 * only mean that no host will be known.
 *
 * @param bytes All that came so far, the preface whole
 * @param preface Length of the preface
 * @returns A match, or what to wait for
 */
export function detectHttp2(bytes: Uint8Array, preface: number): Verdict {
  let at = preface;
  for (let left = MAX_FRAMES; left > 0; left--) {
    if (bytes.length - at < FRAME_HEADER) return needMore(at + FRAME_HEADER);
    const frame = readFrame(bytes, at);
    const { type, end } = frame;
    const isFirst = at === preface;
    if (end - frame.start > MAX_FRAME || (isFirst && type !== SETTINGS)) return MATCH_NO_HOST;
    if (type === DATA || type === CONTINUATION) return MATCH_NO_HOST;
    if (type === HEADERS) return readRequest(bytes, frame);
    at = end;
  }
  return MATCH_NO_HOST;
}

function readFrame(bytes: Uint8Array, at: number): Frame {
  const start = at + FRAME_HEADER;
  return {
    type: u8(bytes, at + 3),
    flags: u8(bytes, at + 4),
    stream: ((u8(bytes, at + 5) & 0x7f) << 24) | u24(bytes, at + 6),
    start,
    end: start + u24(bytes, at),
  };
}

/** Joins the fragments of HEADERS and the CONTINUATIONs right after it (RFC 9113 §4.3). */
function readRequest(bytes: Uint8Array, headers: Frame): Verdict {
  if (headers.stream % 2 === 0) return MATCH_NO_HOST; // a client's streams are odd
  if (headers.end > bytes.length) return needMore(headers.end);
  const first = fragmentOf(bytes, headers);
  if (first === undefined) return MATCH_NO_HOST;
  if (headers.flags & END_HEADERS) return judge(first);

  const fragments = [first];
  let frame = headers;
  while ((frame.flags & END_HEADERS) === 0) {
    if (fragments.length === MAX_FRAMES) return MATCH_NO_HOST;
    const at = frame.end;
    if (bytes.length - at < FRAME_HEADER) return needMore(at + FRAME_HEADER);
    frame = readFrame(bytes, at);
    if (frame.type !== CONTINUATION || frame.stream !== headers.stream) return MATCH_NO_HOST;
    if (frame.end - frame.start > MAX_FRAME) return MATCH_NO_HOST;
    if (frame.end > bytes.length) return needMore(frame.end);
    fragments.push(bytes.subarray(frame.start, frame.end));
  }
  return judge(join(fragments));
}

/** What a HEADERS frame holds of the block, or `undefined` where its padding does not fit. */
function fragmentOf(bytes: Uint8Array, frame: Frame): Uint8Array | undefined {
  let { start, end } = frame;
  if (frame.flags & PADDED) {
    end -= u8(bytes, start);
    start += 1;
  }
  if (frame.flags & PRIORITY) start += 5;
  return start > end || start > frame.end ? undefined : bytes.subarray(start, end);
}

function join(fragments: readonly Uint8Array[]): Uint8Array {
  const block = new Uint8Array(fragments.reduce((sum, fragment) => sum + fragment.length, 0));
  let at = 0;
  for (const fragment of fragments) {
    block.set(fragment, at);
    at += fragment.length;
  }
  return block;
}

/** The host is what `:authority` says, or `host` where there is no such field (RFC 9113 §8.3.1). */
function judge(block: Uint8Array): Verdict {
  let host: string | undefined;
  let hosts = 0;
  let differ = false;
  const whole = decodeHeaderBlock(block, (name, value) => {
    if (name !== ":authority" && name !== "host") return;
    const named = hostOf(value);
    if (hosts++ === 0) host = named;
    else if (named !== host) differ = true;
  });
  if (!whole || differ || host === undefined) return MATCH_NO_HOST;
  return { kind: "match", facts: { version: "2", host } };
}

function needMore(bytes: number): Verdict {
  return { kind: "need_more", bytes, certain: NO_HOST, lacks: "host" };
}
