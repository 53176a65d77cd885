/**
 * Forms of HTTP/2 connections that some server takes, or that look as if one did. Each has
 * `refused.example` in its first request; another name next to it is `other`.
 *
 * @module
 */

import { bytesOf, concat, prefixed } from "../unit/_hello.ts";
import { REFUSED } from "./_kind.ts";

type Bytes = Uint8Array | readonly number[];

/** The preface (RFC 9113 §3.4). */
export const PREFACE = bytesOf("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/**
 * Builds a frame.
 *
 * @param type Its type
 * @param flags Its flags
 * @param payload Its payload
 * @param stream Its stream, up to 255
 * @returns The frame
 */
export function frame(type: number, flags: number, payload: Bytes, stream = 1): Uint8Array {
  const { length } = payload;
  const size = [length >> 16, (length >> 8) & 255, length & 255];
  return concat(size, [type, flags, 0, 0, 0, stream], payload);
}

/** A literal field, not indexed, whose name has a static index. */
function field(index: number, value: string): Uint8Array {
  return concat(index < 15 ? [index] : [15, index - 15], prefixed(1, bytesOf(value)));
}

function named(name: string, value: string): Uint8Array {
  return concat([0], prefixed(1, bytesOf(name)), prefixed(1, bytesOf(value)));
}

function times(count: number, bytes: Bytes): Uint8Array {
  return concat(...Array.from({ length: count }, () => bytes));
}

const R = REFUSED;
const AUTHORITY = 1;
const HOST = 38;
const START = [0x82, 0x86, 0x84]; // :method GET, :scheme http, :path /
/** A client's SETTINGS. */
export const SETTINGS = frame(4, 0, [0, 3, 0, 0, 0, 100], 0);
const BLOCK = concat(START, field(AUTHORITY, R));
const REQUEST = frame(1, 5, BLOCK);
const PING = frame(6, 0, new Uint8Array(8), 0);
const WINDOW = frame(8, 0, [0, 0, 0, 1], 0);
const PRIORITY = frame(2, 0, [0, 0, 0, 0, 16], 3);
const GOAWAY = frame(7, 0, new Uint8Array(8), 0);
const UNKNOWN = frame(0xfa, 0, [1], 0);

/** First frames instead of SETTINGS. */
const FIRST: readonly Bytes[] = [
  ...[[], PING, WINDOW, PRIORITY, UNKNOWN, GOAWAY, frame(4, 1, [], 0), frame(0, 1, [1]), PREFACE],
  ...[frame(4, 0, [1, 2, 3], 0), frame(4, 0, [0, 1, 0, 0, 0, 0], 0), frame(4, 0, [], 1)],
];

/** Frames between SETTINGS and the request. */
export const BETWEEN: readonly Bytes[] = [
  ...[PING, WINDOW, SETTINGS, PRIORITY, UNKNOWN].map((one) => times(100, one)),
  ...[times(3000, PING), times(1015, UNKNOWN), times(7000, frame(0xfa, 0, [], 0)), GOAWAY],
  ...[
    frame(0, 0, [1]),
    frame(0, 0, [1], 0),
    frame(3, 0, [0, 0, 0, 0]),
    frame(3, 0, [0, 0, 0, 8], 3),
  ],
  ...[frame(5, 4, [0, 0, 0, 2, 0x82]), frame(9, 4, BLOCK), frame(6, 0, [1], 0), frame(8, 0, [], 0)],
  ...[17_000, 16_385].map((size) => frame(0xfa, 0, new Uint8Array(size), 0)),
];

/** What stands in the block for the host, after method, scheme and path. */
const NAMES: readonly Uint8Array[] = [
  ...[`${R}:123456`, `${R}:abc`, `u@${R}`, ` ${R}`, `${R} `, `\t${R}`, `${R}.`, R.toUpperCase()],
  ...[
    "%72efused.example",
    `${R}:@other`,
    `${R}/`,
    `${R}, other`,
    `[${R}]`,
    `${R}:${"8".repeat(300)}`,
  ],
].flatMap((value) => [
  field(AUTHORITY, value),
  field(HOST, value),
  concat(field(AUTHORITY, "other"), field(HOST, value)),
  concat(field(AUTHORITY, value), field(HOST, "other")),
]);

/** Header blocks of a first request. */
export const BLOCKS: readonly Bytes[] = [
  ...NAMES.map((fields) => concat(START, fields)),
  concat(START, field(HOST, R)),
  concat(BLOCK, field(HOST, "other")),
  concat(BLOCK, field(HOST, R)),
  concat(BLOCK, field(AUTHORITY, "other")),
  concat(START, field(AUTHORITY, "other"), field(HOST, R)),
  concat(START, field(AUTHORITY, "other"), field(AUTHORITY, R)),
  concat(START, field(AUTHORITY, ""), field(HOST, R)),
  concat(BLOCK, field(HOST, "")),
  concat(START, field(HOST, R), field(HOST, R)),
  concat(START, field(HOST, R), field(HOST, "other")),
  concat(START, field(HOST, "other"), field(HOST, R)),
  concat(START, times(4, field(HOST, R))),
  concat(START, times(10, field(HOST, R))),
  concat(START, field(58, "x"), field(AUTHORITY, R)),
  concat(START, named("Host", R)),
  concat(START, field(AUTHORITY, "other"), named("HOST", R)),
  concat(START, named(":authority", R)),
  concat(START, named(":x", "y"), field(AUTHORITY, R)),
  concat([0x82, 0x84], field(AUTHORITY, R)),
  concat([0x82, 0x86], field(4, `http://${R}/`), field(AUTHORITY, "other")),
  concat([0x82, 0x86], field(4, `//${R}/`), field(AUTHORITY, "other")),
  concat([0x82, 0x86], field(4, "*"), field(AUTHORITY, R)),
  concat(field(2, "CONNECT"), field(AUTHORITY, R)),
  concat(field(2, "OPTIONS"), [0x86], field(4, "*"), field(AUTHORITY, R)),
  concat([0x20], BLOCK),
  concat([0x3f, 0xe1, 0x1f, 0x20], BLOCK),
  concat([0x82, 0x20], BLOCK.subarray(1)),
  concat(BLOCK, [0x20]),
  concat([0x3f, 0xe2, 0x1f], BLOCK),
  concat(START, times(200, [0x90]), field(AUTHORITY, R)),
  concat(START, times(600, [0x90]), field(AUTHORITY, R)),
  concat(START, times(3000, [0x90]), field(AUTHORITY, R)),
  concat(BLOCK, times(3000, [0x90])),
  concat(BLOCK, [0x80]),
  concat(BLOCK, [0x40]),
  concat(START, [0x41, 0x8c], bytesOf("xx")),
];

/** Requests of one or more frames. */
const REQUESTS: readonly Uint8Array[] = [
  ...BLOCKS.map((block) => frame(1, 5, block)),
  ...[0, 2, 3, 7, 255].map((stream) => frame(1, 5, BLOCK, stream)),
  frame(1, 4, BLOCK),
  frame(1, 0xff & ~0x28, BLOCK),
  frame(1, 5 | 8, concat([3], BLOCK, [0, 0, 0])),
  frame(1, 5 | 8, concat([3], BLOCK, [1, 1, 1])),
  frame(1, 5 | 32, concat([0, 0, 0, 0, 16], BLOCK)),
  frame(1, 5 | 32, concat([0, 0, 0, 1, 16], BLOCK)),
  frame(1, 5 | 8, [9, 0x82]),
  concat(frame(1, 1, START), frame(9, 0, field(AUTHORITY, R)), frame(9, 4, [])),
  concat(
    frame(1, 1, START),
    ...Array.from(field(AUTHORITY, R), (byte) => frame(9, 0, [byte])),
    frame(9, 4, []),
  ),
  concat(frame(1, 1, START), times(200, frame(9, 0, [])), frame(9, 4, field(AUTHORITY, R))),
  concat(frame(1, 1, START), times(1100, frame(9, 0, [])), frame(9, 4, field(AUTHORITY, R))),
  concat(frame(1, 1, START), PING, frame(9, 4, field(AUTHORITY, R))),
  concat(frame(1, 1, START), frame(9, 4, field(AUTHORITY, R), 3)),
  concat(frame(1, 5, [...START, 0x80]), frame(1, 5, BLOCK, 3)),
];

/** All forms. */
export const HTTP2_FORMS: readonly Uint8Array[] = [
  ...FIRST.map((first) => concat(PREFACE, first, REQUEST)),
  ...FIRST.map((first) => concat(PREFACE, first, SETTINGS, REQUEST)),
  ...BETWEEN.map((between) => concat(PREFACE, SETTINGS, between, REQUEST)),
  ...REQUESTS.map((request) => concat(PREFACE, SETTINGS, request)),
  concat(bytesOf("\r\n\r\n"), PREFACE, SETTINGS, REQUEST),
];
