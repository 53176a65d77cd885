/**
 * Builds ClientHello messages and cuts them into TLS records, for tests of whatever carries them.
 *
 * @module
 */

import { assert } from "@std/assert";
import { helloFacts } from "../../src/detect/_hello.ts";
import type { Facts } from "../../src/detect/detector.ts";
import { parseClientHello } from "../../src/wire/client_hello.ts";
import type { Carrier } from "../../src/wire/ja4.ts";

/** One extension: its type and its data. */
export type Extension = readonly [type: number, data: Uint8Array];

/** What goes into a built ClientHello. */
export interface HelloOptions {
  /** Server name, byte for byte as given; no such extension if unset. */
  readonly sni?: string;
  /** Protocols offered; no such extension if unset. */
  readonly alpn?: readonly string[];
  /** Put before the server name and ALPN. */
  readonly before?: readonly Extension[];
  /** Put after the server name and ALPN. */
  readonly after?: readonly Extension[];
  /** Length of the session id. */
  readonly sessionId?: number;
  /** Cipher suites. */
  readonly suites?: readonly number[];
  /** Leave out the block of extensions with its length. */
  readonly bare?: boolean;
  /** Pad with extension 21 (RFC 7685) until the message has this length. */
  readonly size?: number;
}

/**
 * Joins byte strings.
 *
 * @param parts Byte strings or lists of byte values
 * @returns All of them in one
 */
export function concat(...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/**
 * Turns text into bytes, one per character.
 *
 * @param text Characters up to U+00FF
 * @returns The bytes
 */
export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (c) => c.charCodeAt(0));
}

/**
 * Puts a big-endian length before data.
 *
 * @param size Bytes of the length
 * @param data The data
 * @returns Length and data
 */
export function prefixed(size: 1 | 2 | 3, data: Uint8Array): Uint8Array {
  const length = [data.length >> 16, (data.length >> 8) & 255, data.length & 255].slice(3 - size);
  return concat(length, data);
}

function extension([type, data]: Extension): Uint8Array {
  return concat([type >> 8, type & 255], prefixed(2, data));
}

/**
 * Builds a ClientHello handshake message without record header.
 *
 * @param opts What goes into it
 * @returns Type, length and body
 */
export function buildClientHello(opts: HelloOptions = {}): Uint8Array {
  const extensions = (opts.before ?? []).map(extension);
  if (opts.sni !== undefined) {
    const name = concat([0], prefixed(2, bytesOf(opts.sni)));
    extensions.push(extension([0, prefixed(2, name)]));
  }
  if (opts.alpn !== undefined) {
    const names = concat(...opts.alpn.map((name) => prefixed(1, bytesOf(name))));
    extensions.push(extension([16, prefixed(2, names)]));
  }
  extensions.push(...(opts.after ?? []).map(extension));
  const suites = opts.suites ?? [0x1301, 0x1302, 0xc02f];
  const head = concat(
    [3, 3],
    new Uint8Array(32).map((_, i) => i * 7 + 1),
    prefixed(1, new Uint8Array(opts.sessionId ?? 32).fill(0xaa)),
    prefixed(2, Uint8Array.from(suites.flatMap((suite) => [suite >> 8, suite & 255]))),
    [1, 0],
  );
  if (opts.bare) return concat([1], prefixed(3, head));
  const block = concat(...extensions);
  const missing = (opts.size ?? 0) - (4 + head.length + 2 + block.length + 4);
  const padding = missing >= 0 ? extension([21, new Uint8Array(missing)]) : [];
  return concat([1], prefixed(3, concat(head, prefixed(2, concat(block, padding)))));
}

/**
 * Cuts a handshake message into TLS records (RFC 8446 §5.1).
 *
 * @param handshake The message
 * @param sizes Payload length of each record in turn; the last one repeats
 * @returns The records, one after the other
 */
export function recordize(handshake: Uint8Array, sizes: readonly number[] = [16_384]): Uint8Array {
  const records: Uint8Array[] = [];
  for (let at = 0, i = 0; at < handshake.length; i++) {
    const size = sizes[Math.min(i, sizes.length - 1)] ?? 16_384;
    records.push(concat([22, 3, 1], prefixed(2, handshake.subarray(at, at + size))));
    at += size;
  }
  return concat(...records);
}

/**
 * Returns the facts that a detector must find in a hello, however it came.
 *
 * @param handshake The message
 * @param carrier What carried it
 * @returns The facts of the message alone
 */
export function factsOf(handshake: Uint8Array, carrier: Carrier = "t"): Facts {
  const hello = parseClientHello(handshake);
  assert(hello.kind === "hello");
  return helloFacts(handshake, hello, carrier);
}
