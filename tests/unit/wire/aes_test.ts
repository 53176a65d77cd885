import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { createCipheriv } from "node:crypto";
import { encryptBlock, expandKey, ROUND_KEY_WORDS } from "../../../src/wire/aes.ts";
import { words } from "../../../src/wire/sha256.ts";

const bytesOf = (hex: string) => Uint8Array.fromHex(hex);

function encrypt(key: Uint8Array, block: Uint8Array): Int32Array {
  const roundKeys = new Int32Array(ROUND_KEY_WORDS);
  expandKey(words(key), roundKeys);
  const out = words(block);
  encryptBlock(roundKeys, out);
  return out;
}

Deno.test("aes: encrypts the published blocks", () => {
  // FIPS 197, appendices B and C.1.
  const table = [
    [
      "2b7e151628aed2a6abf7158809cf4f3c",
      "3243f6a8885a308d313198a2e0370734",
      "3925841d02dc09fbdc118597196a0b32",
    ],
    [
      "000102030405060708090a0b0c0d0e0f",
      "00112233445566778899aabbccddeeff",
      "69c4e0d86a7b0430d8cdb78070b4c55a",
    ],
  ] as const;
  for (const [key, block, expected] of table) {
    assertEquals(encrypt(bytesOf(key), bytesOf(block)), words(bytesOf(expected)));
  }
});

Deno.test("aes: makes the published round keys", () => {
  const roundKeys = new Int32Array(ROUND_KEY_WORDS);
  expandKey(words(bytesOf("2b7e151628aed2a6abf7158809cf4f3c")), roundKeys);
  // FIPS 197, appendix A.1: the last of them.
  assertEquals(roundKeys.slice(40), words(bytesOf("d014f9a8c9ee2589e13f0cc8b6630ca6")));
});

Deno.test("aes: agrees with node:crypto", () => {
  const bytes = fc.uint8Array({ minLength: 16, maxLength: 16 });
  fc.assert(fc.property(bytes, bytes, (key, block) => {
    const cipher = createCipheriv("aes-128-ecb", key, null);
    const expected = Uint8Array.from(cipher.update(block));
    cipher.final();
    assertEquals(encrypt(key, block), words(expected));
  }));
});
