import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { wireguard } from "../../../src/detect/wireguard.ts";

function message(type: number, size: number, reserved: readonly number[] = [0, 0, 0]): Uint8Array {
  const bytes = new Uint8Array(size).fill(0xa5);
  bytes.set([type, ...reserved].slice(0, size));
  return bytes;
}

function kind(...datagrams: Uint8Array[]): string | undefined {
  return wireguard.udp?.(datagrams).kind;
}

Deno.test("detect wireguard: matches each of the four messages alone", () => {
  for (const [type, size] of [[1, 148], [2, 92], [3, 64], [4, 32], [4, 48], [4, 1456]] as const) {
    assertEquals(kind(message(type, size)), "match", `type ${type}, ${size} bytes`);
  }
});

Deno.test("detect wireguard: takes no message of another length", () => {
  for (const [type, right] of [[1, 148], [2, 92], [3, 64]] as const) {
    for (let size = 0; size < 200; size++) {
      const expected = size === right ? "match" : "no_match";
      assertEquals(kind(message(type, size)), expected, `type ${type}, ${size} bytes`);
    }
  }
  for (let size = 0; size < 200; size++) {
    const expected = size >= 32 && size % 16 === 0 ? "match" : "no_match";
    assertEquals(kind(message(4, size)), expected, `type 4, ${size} bytes`);
  }
});

Deno.test("detect wireguard: takes no other type and no reserved byte that is not zero", () => {
  for (let type = 0; type < 256; type++) {
    if (type >= 1 && type <= 4) continue;
    for (const size of [148, 92, 64, 32]) assertEquals(kind(message(type, size)), "no_match");
  }
  for (const [type, size] of [[1, 148], [2, 92], [3, 64], [4, 32]] as const) {
    for (const reserved of [[1, 0, 0], [0, 128, 0], [0, 0, 255]]) {
      assertEquals(kind(message(type, size, reserved)), "no_match");
    }
  }
});

Deno.test("detect wireguard: lets the first datagram decide", () => {
  assertEquals(kind(message(1, 148), message(9, 9)), "match");
  assertEquals(kind(message(9, 9), message(1, 148)), "no_match");
  assertEquals(kind(new Uint8Array(0), message(1, 148)), "no_match");
});

Deno.test("detect wireguard: never throws on noise", () => {
  fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 160 })), (datagrams) => {
    const answer = kind(...datagrams);
    assertEquals(answer === "match" || answer === "no_match", true);
  }));
});
