/**
 * What `builtin:hello` says, and the replies it is put into. Knows what shunt saw of a client; no
 * protocol and no socket.
 *
 * @module
 */

import type { Facts } from "../facts/mod.ts";

/** What shunt saw of a session or flow. */
export interface HelloInfo extends Facts {
  readonly id: string;
  readonly transport: "tcp" | "udp";
  /** Name of the protocol, `unknown`, `silent`, or `undetected` where no route needed to know. */
  readonly protocol: string;
  /** The client's address, as `ip:port`. */
  readonly source: string;
  readonly listener: string;
  readonly route: string;
  readonly upstream: string;
}

/** What a request said, as far as it was read. */
export interface HelloRequest {
  readonly method: string;
  readonly path: string;
}

/** What to do with the connection now. */
export interface HelloReply {
  /** Bytes for the client. */
  readonly reply?: Uint8Array;
  /** Whether the direction to the client ends after them. What the client still sends is ignored. */
  readonly close: boolean;
}

/** One protocol's side of a conversation. */
export interface Dialogue {
  /**
   * Takes all whole units (requests, frames) off the front of what came.
   *
   * @param bytes What came and was not taken yet
   * @param out Gets the answers
   * @returns How many bytes were taken; 0 where a unit is still incomplete
   */
  take(bytes: Uint8Array, out: Replies): number;
  /**
   * Answers a unit that is longer than the buffer.
   *
   * @param out Gets the answer
   */
  overflow(out: Replies): void;
}

/** Answers to one batch above which the conversation ends: what is pipelined multiplies. */
const MAX_REPLY_BYTES = 1 << 20;

const encoder = new TextEncoder();

/** Collects what one batch of the client's bytes is answered with. */
export class Replies {
  /** Whether the conversation ends with what is collected. */
  close = false;
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  /** Whether there is so much to send that the conversation should end. */
  get full(): boolean {
    return this.#length > MAX_REPLY_BYTES;
  }

  /**
   * Adds an answer.
   *
   * @param part Text or bytes; bytes are kept, not copied
   */
  add(part: string | Uint8Array): void {
    const bytes = typeof part === "string" ? encoder.encode(part) : part;
    this.#parts.push(bytes);
    this.#length += bytes.length;
  }

  /**
   * Joins what was collected.
   *
   * @returns The reply as the caller of `builtin:hello` gets it
   */
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

/**
 * Writes what shunt saw as JSON for people: indented, with a newline at its end.
 *
 * @param info What shunt saw
 * @param request What the request said, where it was read
 * @returns UTF-8
 */
export function helloPage(info: HelloInfo, request?: HelloRequest): Uint8Array {
  return encoder.encode(`${JSON.stringify({ ...info, ...request }, null, 2)}\n`);
}

/**
 * Writes what shunt saw as one line of JSON.
 *
 * @param info What shunt saw
 * @returns UTF-8
 */
export function helloLine(info: HelloInfo): Uint8Array {
  return encoder.encode(`${JSON.stringify(info)}\n`);
}
