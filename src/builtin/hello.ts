/**
 * `builtin:hello`: answers clients with JSON that shows what shunt saw of them. Recognises HTTP; knows no
 * socket.
 *
 * @module
 */

import {
  type Dialogue,
  type HelloInfo,
  helloLine,
  type HelloReply,
  Replies,
} from "./hello_info.ts";
import { Http1Dialogue, isRequestLine } from "./hello_http1.ts";
import { Http2Dialogue, MAX_FRAME_BYTES, startsLikePreface } from "./hello_http2.ts";
import { latin1 } from "../wire/reader.ts";

export type { HelloInfo, HelloReply } from "./hello_info.ts";

const LF = 0x0a;
const CR = 0x0d;
const ENDED: HelloReply = Object.freeze({ close: true });
const GOES_ON: HelloReply = Object.freeze({ close: false });

/**
 * One conversation with `builtin:hello`. HTTP/1.x and HTTP/2 with prior knowledge get responses, everything
 * else gets one line of JSON after its first bytes or its end. Never throws, and holds one frame at most.
 */
export class HelloResponder {
  readonly #info: HelloInfo;
  /** Holds the current request head or HTTP/2 frame. */
  readonly #buffer = new Uint8Array(MAX_FRAME_BYTES);
  #length = 0;
  #dialogue: Dialogue | undefined;
  #ended = false;

  /** @param info What shunt saw of the client */
  constructor(info: HelloInfo) {
    this.#info = info;
  }

  /**
   * Takes bytes from the client.
   *
   * @param bytes The bytes; the caller keeps them
   * @returns What to send, and whether to end the direction to the client
   */
  push(bytes: Uint8Array): HelloReply {
    if (this.#ended) return ENDED;
    if (bytes.length === 0) return GOES_ON;
    const out = new Replies();
    let rest = bytes;
    while (rest.length > 0 && !out.close) {
      const count = Math.min(rest.length, this.#buffer.length - this.#length);
      this.#buffer.set(rest.subarray(0, count), this.#length);
      this.#length += count;
      rest = rest.subarray(count);
      this.#advance(out);
    }
    this.#ended = out.close;
    return out.finish();
  }

  /**
   * Takes the end of the client's bytes, possibly before the first byte.
   *
   * @returns What to send; the direction to the client always ends
   */
  eof(): HelloReply {
    if (this.#ended) return ENDED;
    this.#ended = true;
    return this.#dialogue === undefined ? { reply: helloLine(this.#info), close: true } : ENDED;
  }

  /** Answers what is complete in the buffer. Afterwards there is room in it, or the conversation ends. */
  #advance(out: Replies): void {
    const held = this.#buffer.subarray(0, this.#length);
    this.#dialogue ??= this.#recognise(held, out);
    if (this.#dialogue === undefined) return;
    const taken = this.#dialogue.take(held, out);
    this.#buffer.copyWithin(0, taken, this.#length);
    this.#length -= taken;
    if (this.#length === this.#buffer.length && !out.close) {
      this.#dialogue.overflow(out);
      out.close = true;
    }
  }

  /** Recognises HTTP by its first line. Everything else is answered immediately. */
  #recognise(held: Uint8Array, out: Replies): Dialogue | undefined {
    const preface = startsLikePreface(held);
    if (preface === "yes") return new Http2Dialogue(this.#info, out);
    let start = 0;
    while (held[start] === CR || held[start] === LF) start++;
    const end = held.indexOf(LF, start);
    if (end >= 0 && isRequestLine(latin1(held, start, end))) return new Http1Dialogue(this.#info);
    const complete = end >= 0 || this.#length === this.#buffer.length;
    const mayBeHttp = preface === "maybe" || (isText(held[start]) && !complete);
    // A client that was detected as something else is answered without waiting for a whole line.
    const asked = this.#info.protocol === "http" || this.#info.protocol === "undetected";
    if (mayBeHttp && asked) return undefined;
    out.add(helloLine(this.#info));
    out.close = true;
    return undefined;
  }
}

/** Reports whether an HTTP request may begin with this byte, or with what follows an empty line. */
function isText(byte: number | undefined): boolean {
  return byte === undefined || (byte > 0x20 && byte < 0x7f);
}
