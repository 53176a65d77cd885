/**
 * One HTTP/1 request as it arrives, read within limits. Each byte is looked at once, whatever arrives.
 * Knows bytes, no socket.
 *
 * @module
 */

import { headEnd, readHead, type RequestHead } from "./head.ts";

/** Bytes of a request's body. */
export const MAX_BODY = 4096;
/** Bytes of a request's head. */
export const MAX_HEAD = 16_384;
/** Bytes of a chunked body's sizes, extensions and trailers. */
const MAX_FRAMING = 4096;
/** Initial bytes of the buffer: requests of programs, and of most browsers, fit. */
const FIRST_BYTES = 1024;
const LF = 0x0a;

/** A request that has arrived completely. */
export interface Arrived {
  readonly head: RequestHead;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** The status of a request that cannot be used. */
export type BadRequest = 400 | 413 | 417 | 431 | 501;

/** A request that is arriving. */
export class Incoming {
  #bytes = new Uint8Array(FIRST_BYTES);
  #length = 0;
  /** How many bytes were looked at. */
  #seen = 0;
  #head: RequestHead | undefined;
  #body: Body | undefined;
  /** Whether "100 Continue" still has to be sent. */
  #continues = false;

  /** Where the next bytes go; never empty. */
  get room(): Uint8Array {
    if (this.#length === this.#bytes.length) {
      const more = new Uint8Array(this.#bytes.length * 2);
      more.set(this.#bytes);
      this.#bytes = more;
    }
    return this.#bytes.subarray(this.#length);
  }

  /** Returns `true` once if the client waits for "100 Continue". */
  takeContinue(): boolean {
    const continues = this.#continues;
    this.#continues = false;
    return continues;
  }

  /**
   * Takes bytes that were read into {@linkcode room}.
   *
   * @param count Number of bytes
   * @returns The request, the status to refuse it with, or `undefined` if more bytes have to come
   */
  take(count: number): Arrived | BadRequest | undefined {
    this.#length += count;
    if (this.#head === undefined) {
      const bad = this.#takeHead();
      if (bad !== undefined) return bad;
    }
    const [head, body] = [this.#head, this.#body];
    if (head === undefined || body === undefined) return undefined;
    const taken = body.take(this.#bytes.subarray(this.#seen, this.#length));
    if (taken === "bad") return 400;
    if (taken === "long") return 413;
    this.#seen = this.#length = 0;
    if (taken === "more") return undefined;
    return { head, body: body.bytes };
  }

  #takeHead(): BadRequest | undefined {
    // No method starts like this: a TLS client, or one that is at the wrong address.
    const [first = 0] = this.#bytes;
    if (first < 0x41 || first > 0x5a) return 400;
    const bytes = this.#bytes.subarray(0, this.#length);
    const end = headEnd(bytes, this.#seen);
    if (end === "bare") return 400;
    this.#seen = bytes.length;
    if (end > MAX_HEAD || (end === -1 && bytes.length >= MAX_HEAD)) return 431;
    if (end === -1) return undefined;
    const head = readHead(bytes.subarray(0, end));
    if (typeof head === "number") return head;
    if (typeof head.body === "number" && head.body > MAX_BODY) return 413;
    this.#head = head;
    this.#body = head.body === "chunked" ? new ChunkedBody() : new KnownBody(head.body);
    this.#seen = end;
    this.#continues = head.expects && head.body !== 0 && end === bytes.length;
    return undefined;
  }
}

/** A body that is arriving. */
interface Body {
  readonly bytes: Uint8Array<ArrayBuffer>;
  take(bytes: Uint8Array): "more" | "whole" | "long" | "bad";
}

/** A body of a known length. */
class KnownBody implements Body {
  readonly bytes: Uint8Array<ArrayBuffer>;
  #length = 0;

  constructor(length: number) {
    this.bytes = new Uint8Array(length);
  }

  take(bytes: Uint8Array): "more" | "whole" {
    const missing = this.bytes.length - this.#length;
    const part = bytes.subarray(0, missing);
    this.bytes.set(part, this.#length);
    this.#length += part.length;
    return this.#length < this.bytes.length ? "more" : "whole";
  }
}

const SIZE_LINE = /^([0-9A-Fa-f]{1,8})[ \t]*(?:;.*)?$/;

/** A body in chunks (RFC 9112 §7.1). Trailers are skipped. */
class ChunkedBody implements Body {
  readonly #whole = new Uint8Array(MAX_BODY);
  #length = 0;
  #framing = 0;
  #line = "";
  /** The expected part: a line with a size, bytes of a chunk, the end of its line, or trailers. */
  #next: "size" | "data" | "end" | "trailer" = "size";
  #left = 0;

  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#whole.subarray(0, this.#length);
  }

  take(bytes: Uint8Array): "more" | "whole" | "long" | "bad" {
    for (let at = 0; at < bytes.length;) {
      if (this.#next === "data") {
        const part = bytes.subarray(at, at + this.#left);
        this.#whole.set(part, this.#length);
        this.#length += part.length;
        this.#left -= part.length;
        at += part.length;
        if (this.#left === 0) this.#next = "end";
        continue;
      }
      if (++this.#framing > MAX_FRAMING) return "long";
      const byte = bytes[at++]!;
      if (byte !== LF) {
        this.#line += String.fromCharCode(byte);
        continue;
      }
      const result = this.#takeLine(this.#line);
      this.#line = "";
      if (result !== "more") return result;
    }
    return "more";
  }

  #takeLine(ended: string): "more" | "whole" | "long" | "bad" {
    if (!ended.endsWith("\r")) return "bad";
    const line = ended.slice(0, -1);
    switch (this.#next) {
      case "size": {
        const size = SIZE_LINE.exec(line)?.[1];
        if (size === undefined) return "bad";
        this.#left = parseInt(size, 16);
        if (this.#length + this.#left > MAX_BODY) return "long";
        this.#next = this.#left === 0 ? "trailer" : "data";
        return "more";
      }
      case "end":
        this.#next = "size";
        return line === "" ? "more" : "bad";
      case "trailer":
        return line === "" ? "whole" : "more";
      case "data":
        return "bad";
    }
  }
}
