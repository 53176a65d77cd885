/**
 * Heads of HTTP requests, in the forms that some server might take.
 *
 * @module
 */

import { type Detected, Detection, inDoubt } from "../../src/detect/mod.ts";
import { wantsAll } from "../../src/facts/wants.ts";
import { bytesOf, concat } from "../unit/_hello.ts";
import { type Dice, type Kin, kin, vary } from "../fuzz/mutate.ts";
import { HTTP1_SERVERS, HTTP2_SERVERS } from "./_http_servers.ts";
import { type Form, type Kind, REFUSED } from "./_kind.ts";
import { composeHead, HTTP1_FORMS } from "./http_forms.ts";
import { BETWEEN, BLOCKS, frame, HTTP2_FORMS, PREFACE, SETTINGS } from "./http2_forms.ts";

/** Seeds that are longer are slow and say no more. */
const MAX_SEED = 1500;

function short(seeds: readonly Uint8Array[]): readonly Uint8Array[] {
  return seeds.filter(({ length }) => length <= MAX_SEED);
}

const HEADS: Kin = kin(short(HTTP1_FORMS), [
  ...[
    "\r\n",
    "\n",
    "\r",
    " ",
    "\t",
    ":",
    ".",
    "@",
    "/",
    "\0",
    "%72",
    "\r\n ",
    "[",
    "]",
    "\x7f",
    "\xff",
  ],
  ...[
    "Host: ",
    "host:",
    "HTTP/1.1",
    "HTTP/0.9",
    "HTTP/2.0",
    "RTSP/1.0",
    "ICE/1.0",
    "GET ",
    "CONNECT ",
  ],
  ...[
    "http://",
    "PRI * HTTP/2.0",
    "refused.example",
    "other",
    ":80",
    "Host: other\r\n",
    "\r\nHost:",
  ],
  ...["Host: refused.example\r\n", "Transfer-Encoding: chunked\r\n", "Content-Length: 5\r\n", "X"],
]);

const FRAMES: Kin = kin(short(HTTP2_FORMS), [
  ...short(BETWEEN.map((one) => Uint8Array.from(one))),
  ...[0, 1, 2, 3, 4, 5, 6, 8, 9].map((type) => Uint8Array.of(0, 0, 0, type, 4, 0, 0, 0, 1)),
]);

const HEADER_BLOCKS: Kin = kin(short(BLOCKS.map((one) => Uint8Array.from(one))), [
  ...[[0x20], [0x3f, 0xe1, 0x1f], [0xbe], [0x40], [0x7f], [0x82], [0x0f], [0x00, 4], [0x01, 5]]
    .map((bytes) => Uint8Array.from(bytes)),
  ...["refused.example", "other", ":80", "host", ":authority", "\x0frefused.example"].map(bytesOf),
]);

/** A damaged block in frames that are whole. */
function wrap(dice: Dice): Uint8Array {
  const block = vary(dice, HEADER_BLOCKS).subarray(0, MAX_SEED);
  const cut = dice.once(2) ? dice.below(block.length + 1) : block.length;
  const end = cut === block.length;
  const padding = dice.once(4) ? dice.below(20) : -1;
  const priority = dice.once(4);
  const payload = concat(
    padding < 0 ? [] : [padding],
    priority ? [0, 0, 0, 0, 16] : [],
    block.subarray(0, cut),
    new Uint8Array(Math.max(0, padding)),
  );
  const flags = (end ? 5 : 1) | (padding < 0 ? 0 : 8) | (priority ? 32 : 0);
  const between = Array.from({ length: dice.below(4) }, () => dice.pick(BETWEEN))
    .filter(({ length }) => length <= MAX_SEED);
  return concat(
    PREFACE,
    dice.once(4) ? [] : SETTINGS,
    ...between,
    frame(1, flags, payload, 1 + dice.below(3) * 2),
    end ? [] : frame(9, 4, block.subarray(cut), 1),
  );
}

/** `detect.max_bytes` unless set. */
const MAX_BYTES = 65_536;

/**
 * Detects like a session whose client sends pieces of a size and then nothing.
 *
 * @param bytes The client's bytes
 * @param size Bytes of a piece
 * @returns The detected protocol
 */
export function detect(bytes: Uint8Array, size: number): Detected {
  const detection = new Detection("tcp", wantsAll());
  const limit = Math.min(bytes.length, MAX_BYTES);
  for (let end = Math.min(size, limit);; end = Math.min(end + size, limit)) {
    const detected = detection.stream(bytes.subarray(0, end));
    if (detected !== undefined) return detected;
    if (end === limit) return detection.conclude(limit < bytes.length ? "max_bytes" : "deadline");
  }
}

/** The names that a server goes by, in a field or a body. */
const SERVED = /served: ?([^\r\n]*)[\r\n]/i;
const LATIN1 = new TextDecoder("latin1");

function isServed(answer: Uint8Array): boolean {
  return (SERVED.exec(LATIN1.decode(answer))?.[1] ?? "").split("|").includes(REFUSED);
}

function isSeen(bytes: Uint8Array): boolean {
  const detected = detect(bytes, bytes.length);
  const { facts, end, maybe } = detected;
  if (facts.host === REFUSED && end === undefined) return true;
  return inDoubt(detected).includes("host") || maybe?.includes("http") === true;
}

function show(bytes: Uint8Array): string {
  const text = JSON.stringify(LATIN1.decode(bytes));
  return text.length < 200 ? text : `${text.slice(0, 100)} … ${text.slice(-100)}`;
}

function forms(list: readonly Uint8Array[]): readonly Form[] {
  return list.map((bytes) => ({ name: show(bytes), bytes }));
}

function named(bytes: Uint8Array): Form {
  return { name: show(bytes), bytes };
}

const MATCH = `{ host: ${REFUSED} }`;

/** HTTP/1 in the clear. */
export const http1: Kind = {
  name: "http1",
  servers: HTTP1_SERVERS,
  match: MATCH,
  table: forms(HTTP1_FORMS),
  make: (dice) => named(dice.once(2) ? composeHead(dice) : vary(dice, HEADS)),
  isServed,
  isSeen,
};

/** HTTP/2 with prior knowledge. Servers that a client has left answer nothing. */
export const http2: Kind = {
  name: "http2",
  servers: HTTP2_SERVERS,
  match: MATCH,
  table: forms(HTTP2_FORMS),
  make: (dice) => named(dice.once(3) ? vary(dice, FRAMES) : wrap(dice)),
  isServed: isServedFirst,
  isOver: isHttp2Over,
  isSeen,
  waitMs: 100,
};

/** Whether a server's frames hold an answer's end, or the connection's. */
function isHttp2Over(bytes: Uint8Array): boolean {
  for (const { type, flags } of frames(bytes)) {
    if (type === 7 || type === 3 || ((type === 0 || type === 1) && (flags & 1) === 1)) return true;
  }
  return false;
}

/** Whether the answer to the first request is the refused one: shunt routes by no later request. */
function isServedFirst(bytes: Uint8Array): boolean {
  let first = 0;
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for (const { stream, payload } of frames(bytes)) {
    if (first === 0) first = stream;
    if (stream === first && stream !== 0) parts.push(new Uint8Array(payload));
  }
  return isServed(concat(...parts));
}

interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Uint8Array;
}

function* frames(bytes: Uint8Array): Generator<Frame> {
  for (let at = 0; bytes.length - at >= 9;) {
    const end = at + 9 + (bytes[at]! << 16 | bytes[at + 1]! << 8 | bytes[at + 2]!);
    yield {
      type: bytes[at + 3]!,
      flags: bytes[at + 4]!,
      stream: (bytes[at + 5]! & 0x7f) << 24 | bytes[at + 6]! << 16 | bytes[at + 7]! << 8 |
        bytes[at + 8]!,
      payload: bytes.subarray(at + 9, end),
    };
    at = end;
  }
}
