/**
 * Talks with `builtin:hello` without a socket.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { type HelloInfo, HelloResponder } from "../../../src/builtin/hello.ts";

/** What shunt saw of every client here. */
export const INFO: HelloInfo = {
  id: "01J0000000000000000000000A",
  transport: "tcp",
  protocol: "http",
  host: "example.com",
  source: "192.0.2.1:40000",
  listener: "edge",
  route: "2",
  upstream: "web",
};

/** Text as bytes, one per character. */
export function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

/** Bytes as text. */
export function text(reply: Uint8Array | undefined): string {
  return reply === undefined ? "" : new TextDecoder().decode(reply);
}

/** Sends each part separately and returns all answers. */
export function talk(parts: readonly Uint8Array[], info: Partial<HelloInfo> = {}) {
  const hello = new HelloResponder({ ...INFO, ...info });
  let replies = new Uint8Array(0);
  let closed = false;
  for (const part of parts) {
    const { reply, close } = hello.push(part);
    assert(!closed || (close && reply === undefined), "Something was said after the end");
    if (reply !== undefined) replies = Uint8Array.from([...replies, ...reply]);
    closed = close;
  }
  return { reply: replies, closed, hello };
}

/** What an HTTP/2 client sends first. */
export const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/** Empty SETTINGS. */
export const SETTINGS = frame(4, 0, 0, []);
/** A PING. */
export const PING = frame(6, 0, 0, [1, 2, 3, 4, 5, 6, 7, 8]);

/** Writes a frame, as text with one character per byte. */
export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: readonly number[],
): string {
  const head = [0, payload.length >> 8, payload.length & 255, type, flags, 0, 0, 0, stream];
  return String.fromCharCode(...head, ...payload);
}

/** One HTTP/2 frame. */
export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Uint8Array;
}

/** Reads the frames of a reply. */
export function frames(reply: Uint8Array): Frame[] {
  const found: Frame[] = [];
  for (let at = 0; at < reply.length;) {
    const view = new DataView(reply.buffer, reply.byteOffset + at);
    const length = view.getUint32(0) >>> 8;
    const payload = reply.slice(at + 9, at + 9 + length);
    assertEquals(payload.length, length);
    found.push({
      type: view.getUint8(3),
      flags: view.getUint8(4),
      stream: view.getUint32(5),
      payload,
    });
    at += 9 + length;
  }
  return found;
}

/** The frames of a reply as `type/flags/stream`. */
export function kinds(reply: Uint8Array): string[] {
  return frames(reply).map(({ type, flags, stream }) => `${type}/${flags}/${stream}`);
}
