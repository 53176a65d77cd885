/**
 * HTTP/2 with prior knowledge, after its preface (RFC 9113 §3.4): walks over the frames to the first
 * request. Knows frames; wire/hpack.ts decodes the header block.
 *
 * @module
 */

import { decodeHeaderBlock } from "../wire/hpack.ts";
import { u24, u8 } from "../wire/reader.ts";
import { HostClaims, MAX_FIELDS } from "./_host.ts";
import type { Facts, Verdict } from "./detector.ts";
import type { DetectEnd } from "./ends.ts";

const FRAME_HEADER = 9;
const MAX_FRAME = 16_384; // until the server's SETTINGS say otherwise (RFC 9113 §4.2)
/** Frames up to the end of the first request. Clients send up to ten. */
const MAX_FRAMES = 1024;
const HEADERS = 1;
const PUSH_PROMISE = 5;
const CONTINUATION = 9;
const END_HEADERS = 0x4;
const PADDED = 0x8;
const PRIORITY = 0x20;

const SLASH = "/";
const ASTERISK = "*";

const NO_HOST: Facts = Object.freeze({ version: "2" });

/** A frame in the session's bytes. */
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
 * Reads the frames after the preface, each once. It is certainly HTTP/2; if no server would accept the
 * frames, only the host is in doubt. Frames before the first HEADERS are skipped, SETTINGS or not, since
 * nginx requires none.
 */
export class Http2Head {
  /** Index of the next frame. */
  #at: number;
  #frames = 0;
  /** The HEADERS frame, if its CONTINUATIONs are still expected. */
  #headers: Frame | undefined;
  /** Starts and ends of the header block's fragments. */
  readonly #fragments: number[] = [];
  #verdict: Verdict | undefined;

  /** @param preface Length of the preface */
  constructor(preface: number) {
    this.#at = preface;
  }

  /**
   * Reads all bytes so far.
   *
   * @param bytes All bytes so far, with the whole preface
   * @returns A match, or how many bytes are needed
   */
  judge(bytes: Uint8Array): Verdict {
    while (this.#verdict === undefined) {
      const at = this.#at;
      if (bytes.length - at < FRAME_HEADER) return needMore(at + FRAME_HEADER);
      const frame = readFrame(bytes, at);
      const { type, end } = frame;
      if (this.#headers === undefined && type !== HEADERS && type !== CONTINUATION) {
        if (type === PUSH_PROMISE) this.#verdict = unreadable("malformed"); // it has a header block too
      } else {
        // A frame that is too long is not waited for.
        if (!this.#fits(frame)) return this.#verdict = unreadable("malformed");
        if (end > bytes.length) return needMore(end);
        this.#verdict = this.#take(bytes, frame);
      }
      this.#at = end;
      if (++this.#frames === MAX_FRAMES) this.#verdict ??= unreadable("frames");
    }
    return this.#verdict;
  }

  /** Reports whether a part of the header block may come in this frame (RFC 9113 §4.3). */
  #fits({ type, stream, start, end }: Frame): boolean {
    if (end - start > MAX_FRAME) return false;
    if (this.#headers !== undefined) {
      return type === CONTINUATION && stream === this.#headers.stream;
    }
    return type === HEADERS && stream % 2 === 1; // a client's streams are odd
  }

  #take(bytes: Uint8Array, frame: Frame): Verdict | undefined {
    let { start, end } = frame;
    if (this.#headers === undefined) {
      this.#headers = frame;
      if (frame.flags & PADDED) {
        end -= u8(bytes, start);
        start += 1;
      }
      if (frame.flags & PRIORITY) start += 5;
      if (start > end || start > frame.end) return unreadable("malformed");
    }
    this.#fragments.push(start, end);
    return frame.flags & END_HEADERS ? judgeBlock(join(bytes, this.#fragments)) : undefined;
  }
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

/** Returns the header block: a view if it has one fragment, else a copy. */
function join(bytes: Uint8Array, fragments: readonly number[]): Uint8Array {
  if (fragments.length === 2) return bytes.subarray(fragments[0], fragments[1]);
  let length = 0;
  for (let i = 0; i < fragments.length; i += 2) length += fragments[i + 1]! - fragments[i]!;
  const block = new Uint8Array(length);
  let filled = 0;
  for (let i = 0; i < fragments.length; i += 2) {
    block.set(bytes.subarray(fragments[i], fragments[i + 1]), filled);
    filled += fragments[i + 1]! - fragments[i]!;
  }
  return block;
}

/**
 * Finds the host, on which `:authority` and `host` have to agree (RFC 9113 §8.3.1), since servers differ in
 * which of them they use. Servers also differ if the path has an authority of its own.
 */
function judgeBlock(block: Uint8Array): Verdict {
  const claims = new HostClaims();
  let fields = 0;
  let end: DetectEnd | undefined;
  const whole = decodeHeaderBlock(block, (name, value) => {
    if (++fields > MAX_FIELDS) end = "fields";
    else if (name === ":authority" || name === "host") {
      claims.add(value);
      if (claims.end !== "bad_name") end = claims.end;
    } else if (name === ":path" && value[0] !== SLASH && value !== ASTERISK) end = "malformed";
    return end === undefined;
  });
  end ??= whole ? claims.end : "malformed";
  if (end !== undefined) return unreadable(end);
  const { host } = claims;
  return { kind: "match", facts: host === undefined ? NO_HOST : { version: "2", host } };
}

function unreadable(end: DetectEnd): Verdict {
  return { kind: "match", facts: NO_HOST, end };
}

function needMore(bytes: number): Verdict {
  return { kind: "need_more", bytes, certain: NO_HOST, lacks: ["host"] };
}
