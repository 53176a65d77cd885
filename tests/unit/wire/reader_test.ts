import { assertEquals } from "@std/assert";
import { latin1, u16, u24, u8 } from "../../../src/wire/reader.ts";

const BYTES = Uint8Array.of(0xfe, 0xdc, 0xba, 0x98);

Deno.test("wire reader: reads big-endian integers", () => {
  assertEquals([u8(BYTES, 3), u16(BYTES, 2), u24(BYTES, 1)], [0x98, 0xba98, 0xdcba98]);
});

Deno.test("wire reader: reads zero bits past the end instead of throwing", () => {
  assertEquals([u8(BYTES, 4), u16(BYTES, 3), u24(BYTES, 3)], [0, 0x9800, 0x980000]);
});

Deno.test("wire reader: reads text one character per byte, and none past the end", () => {
  assertEquals(latin1(BYTES, 1, 3), "\xdc\xba");
  assertEquals(latin1(BYTES, 3, 100), "\x98");
});
