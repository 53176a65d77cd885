/**
 * HTTP/1.0 and 1.1 (RFC 9112) for `builtin:hello`: reads request heads, never bodies.
 *
 * @module
 */

import { latin1 } from "../wire/reader.ts";
import { type Dialogue, type HelloInfo, helloPage, type Replies } from "./hello_info.ts";

const LF = 0x0a;
const CR = 0x0d;
const REQUEST_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([^\0- \x7f]+) HTTP\/1\.([0-9])\r?$/;

/** Reports whether a line, without its LF, is an HTTP/1.x request line (RFC 9112 §3). */
export function isRequestLine(line: string): boolean {
  return REQUEST_LINE.test(line);
}

/** One connection's requests and responses. */
export class Http1Dialogue implements Dialogue {
  readonly #info: HelloInfo;
  /** How far the current head was searched for its end. */
  #searched = 0;

  /** @param info What shunt saw of the client */
  constructor(info: HelloInfo) {
    this.#info = info;
  }

  take(bytes: Uint8Array, out: Replies): number {
    let start = 0;
    while (!out.close) {
      // RFC 9112 §2.2 allows empty lines before a request.
      while (bytes[start] === CR || bytes[start] === LF) start++;
      const end = findHeadEnd(bytes, Math.max(start, this.#searched));
      if (end < 0) break;
      this.#answer(latin1(bytes, start, end), out);
      start = end;
      this.#searched = 0;
    }
    // The two line ends of an empty line are at most 3 bytes apart.
    this.#searched = Math.max(0, bytes.length - start - 3);
    return start;
  }

  overflow(out: Replies): void {
    refuse("431 Request Header Fields Too Large", out);
  }

  #answer(head: string, out: Replies): void {
    const lines = head.split("\n");
    const [, method, path, minor] = REQUEST_LINE.exec(lines[0] ?? "") ?? [];
    if (method === undefined || path === undefined) return refuse("400 Bad Request", out);
    const fields = readFields(lines);
    // Bodies are not parsed: the direction ends instead, so they need not be separated from the next
    // request. A CONNECT would have to be answered with a tunnel.
    const keeps = (minor === "0" ? fields.keepAlive : !fields.close) && !fields.body &&
      method !== "CONNECT" && !out.full;
    const page = helloPage(this.#info, { method, path });
    out.add(
      `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${page.length}\r\n` +
        `connection: ${keeps ? "keep-alive" : "close"}\r\n\r\n`,
    );
    if (method !== "HEAD") out.add(page);
    out.close = !keeps;
  }
}

/** Returns the index after the empty line that ends a head, or -1. */
function findHeadEnd(bytes: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(LF, from); at >= 0; at = bytes.indexOf(LF, at + 1)) {
    if (bytes[at + 1] === LF) return at + 2;
    if (bytes[at + 1] === CR && bytes[at + 2] === LF) return at + 3;
  }
  return -1;
}

interface Fields {
  readonly close: boolean;
  readonly keepAlive: boolean;
  readonly body: boolean;
}

function readFields(lines: readonly string[]): Fields {
  let close = false;
  let keepAlive = false;
  let body = false;
  for (let i = 1; i < lines.length; i++) {
    const line = lines[i] ?? "";
    const colon = line.indexOf(":");
    if (colon < 0) continue;
    const value = line.slice(colon + 1).trim().toLowerCase();
    switch (line.slice(0, colon).toLowerCase()) {
      case "connection":
        for (const option of value.split(",")) {
          if (option.trim() === "close") close = true;
          else if (option.trim() === "keep-alive") keepAlive = true;
        }
        break;
      case "content-length":
        if (!/^0+$/.test(value)) body = true;
        break;
      case "transfer-encoding":
        body = true;
    }
  }
  return { close, keepAlive: keepAlive && !close, body };
}

function refuse(status: string, out: Replies): void {
  out.add(`HTTP/1.1 ${status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`);
  out.close = true;
}
