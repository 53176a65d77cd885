/**
 * Finds the end of an HTTP/1 request's head (RFC 9112) and reads it strictly. Knows bytes, no socket.
 *
 * @module
 */

import { latin1 } from "../wire/reader.ts";

/** The length of a body, as the head announces it. */
export type BodyLength = number | "chunked";

/** A parsed head. */
export interface RequestHead {
  readonly method: string;
  /** The request's target, as it was sent. */
  readonly target: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: BodyLength;
  /** Whether the client waits for "100 Continue" before it sends the body (RFC 9110 §10.1.1). */
  readonly expects: boolean;
}

/** The status of a head that cannot be used. */
export type BadHead = 400 | 417 | 431 | 501;

/** Fields that a head may have. Each costs far more than its bytes, and 4,000 would fit into 16 KiB. */
export const MAX_FIELDS = 100;

const REQUEST_LINE = /^([A-Z]{1,32}) ([\x21-\x7e]+) HTTP\/1\.([01])$/;
const FIELD = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*)$/;
/** Finds what a field's value may not have: all but tabs, blanks, visible ASCII and bytes above it. */
// deno-lint-ignore no-control-regex
const BAD_VALUE = /[\x00-\x08\x0a-\x1f\x7f]/;
const [CR, LF] = [0x0d, 0x0a];

/**
 * Finds the end of a head.
 *
 * @param bytes The bytes so far
 * @param from How many of them were searched before
 * @returns Index after the empty line; -1 if there is none yet; "bare" if a line ends without CR, since a
 * client that ends all lines like this would wait for an answer
 */
export function headEnd(bytes: Uint8Array, from: number): number | "bare" {
  for (let at = bytes.indexOf(LF, from); at !== -1; at = bytes.indexOf(LF, at + 1)) {
    if (bytes[at - 1] !== CR) return "bare";
    if (bytes[at - 2] === LF) return at + 1;
  }
  return -1;
}

/**
 * Reads a head.
 *
 * @param bytes The head with its empty line; Latin-1
 * @returns The head, or the status to refuse it with
 */
export function readHead(bytes: Uint8Array): RequestHead | BadHead {
  const text = latin1(bytes, 0, bytes.length);
  const [first = "", ...lines] = text.slice(0, -4).split("\r\n", MAX_FIELDS + 2);
  if (lines.length > MAX_FIELDS) return 431;
  const [, method, target, minor] = REQUEST_LINE.exec(first) ?? [];
  if (method === undefined || target === undefined) return 400;
  const headers: [string, string][] = [];
  let host = 0;
  let length: string | undefined;
  let coding: string | undefined;
  let expect: string | undefined;
  for (const line of lines) {
    const [, name, raw] = FIELD.exec(line) ?? [];
    if (name === undefined || raw === undefined || BAD_VALUE.test(raw)) return 400;
    const value = raw.replace(/[ \t]+$/, "");
    headers.push([name, value]);
    switch (name.toLowerCase()) {
      case "host":
        host++;
        break;
      case "content-length":
        if (length !== undefined && length !== value) return 400;
        length = value;
        break;
      case "transfer-encoding":
        if (coding !== undefined) return 400;
        coding = value.toLowerCase();
        break;
      case "expect":
        expect = value.toLowerCase();
    }
  }
  if (host > 1 || (host === 0 && minor === "1")) return 400;
  // Requests with two lengths are used for smuggling (RFC 9112 §6.3).
  if (coding !== undefined && (length !== undefined || minor === "0")) return 400;
  if (coding !== undefined && coding !== "chunked") return 501;
  if (length !== undefined && !/^[0-9]{1,15}$/.test(length)) return 400;
  if (expect !== undefined && expect !== "100-continue") return 417;
  const body = coding === undefined ? Number(length ?? 0) : "chunked";
  return { method, target, headers, body, expects: expect !== undefined && minor === "1" };
}
