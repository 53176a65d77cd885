import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { decodeHeaderBlock } from "../../../src/wire/hpack.ts";
import { HUFFMAN_TREE, STATIC_TABLE } from "../../../src/wire/hpack_tables.ts";
import { bytesOf, concat, prefixed } from "../_hello.ts";

/** The code of every symbol as text of 0 and 1, read off the tree. */
const CODES: string[] = [];
(function walk(node: number, code: string): void {
  for (const bit of [0, 1]) {
    const next = HUFFMAN_TREE[node + bit]!;
    if (next < 0) CODES[~next] = code + bit;
    else walk(next, code + bit);
  }
})(0, "");

function huffman(text: string, padding = "1111111"): Uint8Array {
  const bits = Array.from(text, (c) => CODES[c.charCodeAt(0)]!).join("") + padding;
  const whole = bits.slice(0, bits.length - (bits.length % 8)).match(/.{8}/g) ?? [];
  const bytes = Uint8Array.from(whole, (byte) => parseInt(byte, 2));
  const out = prefixed(1, bytes);
  out[0]! |= 0x80;
  return out;
}

function hex(text: string): Uint8Array {
  return Uint8Array.from(text.replace(/ /g, "").match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** Returns the `name: value` lines of a block, `undefined` if it is malformed. */
function decode(block: Uint8Array | readonly number[]): string[] | undefined {
  const lines: string[] = [];
  const whole = decodeHeaderBlock(
    Uint8Array.from(block),
    (name, value) => lines.push(`${name}: ${value}`),
  );
  return whole ? lines : undefined;
}

Deno.test("wire hpack: decodes the first blocks of RFC 7541 appendix C", () => {
  const request = [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"];
  const vectors: readonly (readonly [string, string, readonly string[]])[] = [
    [
      "C.2.1",
      "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572",
      ["custom-key: custom-header"],
    ],
    ["C.2.2", "040c 2f73 616d 706c 652f 7061 7468", [":path: /sample/path"]],
    ["C.2.3", "1008 7061 7373 776f 7264 0673 6563 7265 74", ["password: secret"]],
    ["C.2.4", "82", [":method: GET"]],
    ["C.3.1", "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d", request],
    ["C.4.1", "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff", request],
    [
      "C.6.1",
      "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e " +
      "919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
      [
        ":status: 302",
        "cache-control: private",
        "date: Mon, 21 Oct 2013 20:13:21 GMT",
        "location: https://www.example.com",
      ],
    ],
  ];
  for (const [name, block, lines] of vectors) {
    assertEquals(decode(hex(block)), [...lines], name);
  }
});

Deno.test("wire hpack: has the code of RFC 7541 appendix B", () => {
  const codes: readonly (readonly [symbol: number, code: number, length: number])[] = [
    [0, 0x1ff8, 13],
    [10, 0x3ffffffc, 30],
    [92, 0x7fff0, 19],
    [97, 0x3, 5],
    [122, 0x7b, 7],
    [128, 0xfffe6, 20],
    [203, 0x7ffffde, 27],
    [220, 0xffffffd, 28],
    [255, 0x3ffffee, 26],
    [256, 0x3fffffff, 30],
  ];
  for (const [symbol, code, length] of codes) {
    assertEquals(CODES[symbol], code.toString(2).padStart(length, "0"), `symbol ${symbol}`);
  }
  assertEquals(CODES.filter(Boolean).length, 257);
  assertEquals(STATIC_TABLE.length, 61);
  assertEquals([STATIC_TABLE[0], STATIC_TABLE[15], STATIC_TABLE[37], STATIC_TABLE[60]], [
    [":authority", ""],
    ["accept-encoding", "gzip, deflate"],
    ["host", ""],
    ["www-authenticate", ""],
  ]);
});

Deno.test("wire hpack: decodes any Huffman-coded text", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 30 }), (bytes) => {
    const text = String.fromCharCode(...bytes);
    assertEquals(decode(concat([0x01], huffman(text))), [`:authority: ${text}`]);
  }));
});

Deno.test("wire hpack: refers to entries that the same block added, newest first", () => {
  const a = concat([0x40], prefixed(1, bytesOf("a")), prefixed(1, bytesOf("1")));
  const b = concat([0x40], prefixed(1, bytesOf("b")), prefixed(1, bytesOf("2")));
  assertEquals(decode(concat(a, b, [0x80 | 62, 0x80 | 63])), ["a: 1", "b: 2", "b: 2", "a: 1"]);
  assertEquals(decode(concat(a, [0x7e], prefixed(1, bytesOf("3")), [0x80 | 62])), [
    "a: 1",
    "a: 3",
    "a: 3",
  ]);
  assertEquals(decode(concat(a, [0x80 | 63])), undefined);
});

Deno.test("wire hpack: evicts entries that the table has no room for", () => {
  const a = concat([0x40], prefixed(1, bytesOf("a")), prefixed(1, bytesOf("1")));
  const tableOf = (size: number) => [0x3f, size - 31];
  assertEquals(decode(concat(tableOf(34), a, [0x80 | 62])), ["a: 1", "a: 1"]);
  assertEquals(decode(concat(tableOf(33), a, [0x80 | 62])), undefined);
  assertEquals(decode(concat(tableOf(34), a, a, [0x80 | 62])), ["a: 1", "a: 1", "a: 1"]);
  assertEquals(decode(concat(tableOf(34), a, a, [0x80 | 63])), undefined);
});

Deno.test("wire hpack: refuses blocks that RFC 7541 forbids", () => {
  const huge = concat([0x01, 0x80 | 4], hex("ffff fffc"));
  const cases: readonly (readonly [string, Uint8Array | readonly number[]])[] = [
    ["index zero", [0x80]],
    ["index past both tables", [0x80 | 62]],
    ["name index past both tables", [0x7f, 0, 0]],
    ["an integer without end", [0xff, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]],
    ["an integer cut short", [0xff]],
    ["no value", [0x01]],
    ["a value cut short", [0x01, 3, 0x61, 0x61]],
    ["a name cut short", [0x00, 5, 0x61]],
    ["a table larger than allowed", [0x3f, 0xe2, 0x1f]],
    ["the end-of-string symbol", huge],
    ["padding with a zero", concat([0x01], huffman("0", "110"))],
    ["padding of a whole byte", concat([0x01], huffman("0", "11111111111"))],
  ];
  for (const [name, block] of cases) assertEquals(decode(block), undefined, name);
});

Deno.test("wire hpack: takes a table size after a field, as nginx and Go do", () => {
  const added = concat([0x40], prefixed(1, bytesOf("a")), prefixed(1, bytesOf("b")));
  assertEquals(decode(concat([0x82, 0x20], [0x84])), [":method: GET", ":path: /"]);
  assertEquals(decode(concat(added, [0xbe])), ["a: b", "a: b"]);
  assertEquals(decode(concat(added, [0x20, 0xbe])), undefined);
});

Deno.test("wire hpack: stops if its visitor says so", () => {
  let fields = 0;
  const block = new Uint8Array(1000).fill(0x82);
  assertEquals(decodeHeaderBlock(block, () => ++fields < 7), false);
  assertEquals(fields, 7);
});

Deno.test("wire hpack: answers on any bytes, with no more fields than bytes", () => {
  const beginning = fc.constantFrom([], [0x82, 0x86], [0x40, 1, 0x61, 1, 0x62], [0x3f, 3]);
  fc.assert(fc.property(beginning, fc.uint8Array({ maxLength: 60 }), (beginning, bytes) => {
    let fields = 0;
    let size = 0;
    decodeHeaderBlock(concat(beginning, bytes), (name, value) => {
      fields++;
      size = Math.max(size, name.length + value.length);
    });
    assert(fields <= beginning.length + bytes.length);
    assert(size <= 2 * (beginning.length + bytes.length) + 40);
  }));
});
