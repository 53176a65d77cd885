import { assertEquals, assertGreater, assertLess, assertNotEquals } from "@std/assert";
import { hashClient, hashText, mix32, murmur3 } from "../../../src/resolve/hash.ts";

const bytes = (hex: string) =>
  Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));

/** The vectors that implementations of MurmurHash3_x86_32 are checked with. */
const BYTES: readonly [string, number, number][] = [
  ["", 0, 0],
  ["", 1, 0x514e28b7],
  ["", 0xffffffff, 0x81f16f39],
  ["ffffffff", 0, 0x76293b50],
  ["21436587", 0, 0xf55b516b],
  ["21436587", 0x5082edee, 0x2362f9de],
  ["214365", 0, 0x7e4a8634],
  ["2143", 0, 0xa0f7b07a],
  ["21", 0, 0x72661cf4],
  ["00000000", 0, 0x2362f9de],
  ["000000", 0, 0x85f0b427],
  ["0000", 0, 0x30f4c306],
  ["00", 0, 0x514e28b7],
];
const TEXTS: readonly [string, number, number][] = [
  ["aaaa", 0x9747b28c, 0x5a97808a],
  ["abc", 0, 0xb3dd93fa],
  ["test", 0, 0xba6bd213],
  ["Hello, world!", 0x9747b28c, 0x24884cba],
  ["The quick brown fox jumps over the lazy dog", 0x9747b28c, 0x2fa826cd],
  ["The quick brown fox jumps over the lazy dog", 0, 0x2e4ff723],
];

for (const [hex, seed, hash] of BYTES) {
  Deno.test(`resolve hash: murmur3 of bytes "${hex}" with seed ${seed} is as published`, () => {
    assertEquals(murmur3(bytes(hex), seed), hash);
  });
}

for (const [text, seed, hash] of TEXTS) {
  Deno.test(`resolve hash: murmur3 of "${text}" with seed ${seed} is as published`, () => {
    assertEquals(hashText(text, seed), hash);
  });
}

Deno.test("resolve hash: a client is hashed by its address's bytes, in any spelling", () => {
  assertEquals(hashClient("192.0.2.1"), murmur3(bytes("00000000000000000000ffffc0000201")));
  assertEquals(hashClient("::ffff:192.0.2.1"), hashClient("192.0.2.1"));
  assertEquals(hashClient("2001:DB8:0::1"), hashClient("2001:db8::1"));
  assertNotEquals(hashClient("2001:db8::1"), hashClient("2001:db8::2"));
});

Deno.test("resolve hash: the port counts if it is given", () => {
  assertEquals(
    hashClient("192.0.2.1", 0x1234),
    murmur3(bytes("00000000000000000000ffffc00002011234")),
  );
  assertNotEquals(hashClient("192.0.2.1", 1), hashClient("192.0.2.1", 2));
});

Deno.test("resolve hash: a client that is no IP address is hashed as text", () => {
  assertEquals(hashClient("unix"), hashText("unix"));
  assertNotEquals(hashClient("unix", 1), hashClient("unix", 2));
});

Deno.test("resolve hash: each bit of the input flips about half of the output", () => {
  for (let bit = 0; bit < 32; bit++) {
    let flips = 0;
    for (let i = 0; i < 1000; i++) {
      let changed = mix32(i) ^ mix32((i ^ 1 << bit) >>> 0);
      for (; changed !== 0; changed &= changed - 1) flips++;
    }
    assertGreater(flips / 1000, 14.5);
    assertLess(flips / 1000, 17.5);
  }
});
