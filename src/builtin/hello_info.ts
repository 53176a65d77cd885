/**
 * The content of `builtin:hello`'s answers, and the buffer that collects them. Knows what shunt saw of a
 * client; no protocol and no socket.
 *
 * @module
 */

import type { Facts } from "../facts/mod.ts";

/** What shunt saw of a session or flow. */
export interface HelloInfo extends Facts {
  readonly id: string;
  readonly transport: "tcp" | "udp";
  /** Name of the protocol, `unknown`, `silent`, or `undetected` if no route needed to know it. */
  readonly protocol: string;
  /** The client's address, as `ip:port`. */
  readonly source: string;
  readonly listener: string;
  readonly route: string;
  readonly upstream: string;
}

/** The parts of a request that are shown. */
export interface HelloRequest {
  readonly method: string;
  readonly path: string;
}

/** What to send, and whether to end the connection. */
export interface HelloReply {
  /** Bytes for the client. */
  readonly reply?: Uint8Array;
  /** Whether the direction to the client ends after them. Further bytes from the client are ignored. */
  readonly close: boolean;
}

/** One protocol of a conversation. */
export interface Dialogue {
  /**
   * Takes all complete units (requests, frames) from the front of the bytes.
   *
   * @param bytes Bytes that have not been taken yet
   * @param out Collects the answers
   * @returns How many bytes were taken; 0 if a unit is still incomplete
   */
  take(bytes: Uint8Array, out: Replies): number;
  /** Answers a unit that is longer than the buffer. */
  overflow(out: Replies): void;
}

/** Bytes of answers to one batch after which the conversation ends, since pipelined requests multiply. */
const MAX_REPLY_BYTES = 1 << 20;

const encoder = new TextEncoder();

/** Collects the answers to one batch of the client's bytes. */
export class Replies {
  /** Whether the conversation ends after these answers. */
  close = false;
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  /** Whether the answers are so long that the conversation should end. */
  get full(): boolean {
    return this.#length > MAX_REPLY_BYTES;
  }

  /** Adds an answer. Bytes are kept, not copied. */
  add(part: string | Uint8Array): void {
    const bytes = typeof part === "string" ? encoder.encode(part) : part;
    this.#parts.push(bytes);
    this.#length += bytes.length;
  }

  /** Joins the answers. */
  finish(): HelloReply {
    if (this.#length === 0) return { close: this.close };
    const reply = new Uint8Array(this.#length);
    let at = 0;
    for (const part of this.#parts) {
      reply.set(part, at);
      at += part.length;
    }
    return { reply, close: this.close };
  }
}

/** Writes what shunt saw, and the request if it was read, as indented JSON with a newline at its end. */
export function helloPage(info: HelloInfo, request?: HelloRequest): Uint8Array {
  return encoder.encode(`${JSON.stringify({ ...info, ...request }, null, 2)}\n`);
}

/** Writes what shunt saw as one line of JSON. */
export function helloLine(info: HelloInfo): Uint8Array {
  return encoder.encode(`${JSON.stringify(info)}\n`);
}
