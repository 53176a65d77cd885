/**
 * Damaged heads of HTTP for the differential fuzzer: kinds of inputs, each made from a seed.
 *
 * @module
 */

import { bytesOf, concat } from "../unit/_hello.ts";
import { type Dice, type Kin, kin, vary } from "../fuzz/mutate.ts";
import { HTTP1_FORMS } from "./http_forms.ts";
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

/** What is fed to servers of HTTP, by name. */
export const HTTP_KINDS: Readonly<
  Record<string, { readonly version: "1" | "2"; readonly make: (dice: Dice) => Uint8Array }>
> = {
  "http1 heads": { version: "1", make: (dice) => vary(dice, HEADS) },
  "http2 frames": { version: "2", make: (dice) => vary(dice, FRAMES) },
  "http2 blocks": { version: "2", make: wrap },
};
