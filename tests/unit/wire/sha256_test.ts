import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { createHmac } from "node:crypto";
import { hmac, hmacKey, hmacMessage, words } from "../../../src/wire/sha256.ts";
import { bytesOf } from "../_hello.ts";

function hexOf(digest: Int32Array): string {
  return Array.from(digest, (word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
}

function mac(key: Uint8Array, message: Uint8Array): string {
  return hexOf(hmac(hmacKey(words(key)), hmacMessage(message)));
}

const filled = (size: number, byte: number) => new Uint8Array(size).fill(byte);

Deno.test("sha256: computes the published HMACs", () => {
  // RFC 4231, test cases 1 to 3.
  const table = [
    [
      filled(20, 0x0b),
      bytesOf("Hi There"),
      "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
    ],
    [
      bytesOf("Jefe"),
      bytesOf("what do ya want for nothing?"),
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ],
    [
      filled(20, 0xaa),
      filled(50, 0xdd),
      "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
    ],
  ] as const;
  for (const [key, message, expected] of table) assertEquals(mac(key, message), expected);
});

Deno.test("sha256: derives the published keys of HKDF", () => {
  // RFC 5869 §A.3: no salt, no info; the first block of the output.
  const extracted = hmac(hmacKey(words(filled(32, 0))), hmacMessage(filled(22, 0x0b)));
  assertEquals(
    hexOf(extracted),
    "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
  );
  assertEquals(
    hexOf(hmac(hmacKey(extracted), hmacMessage(Uint8Array.of(1)))),
    "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d",
  );
});

Deno.test("sha256: agrees with node:crypto on keys and messages of every length", () => {
  const bytes = (size: number) => fc.uint8Array({ minLength: size, maxLength: size });
  for (let size = 0; size <= 55; size++) {
    fc.assert(
      fc.property(bytes(4 * (size % 17)), bytes(size), (key, message) => {
        const expected = createHmac("sha256", key).update(message).digest("hex");
        assertEquals(mac(key, message), expected);
      }),
      { numRuns: 10 },
    );
  }
  assertThrows(() => hmacMessage(new Uint8Array(56)), RangeError);
});
