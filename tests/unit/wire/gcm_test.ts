import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { createCipheriv } from "node:crypto";
import { open } from "../../../src/wire/gcm.ts";
import { words } from "../../../src/wire/sha256.ts";
import { concat } from "../_hello.ts";

const LEAD = 3;

/** Opens a message that lies somewhere within other bytes. */
function plain(
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  sealed: Uint8Array,
): Uint8Array | undefined {
  const into = new Uint8Array(sealed.length);
  const tagAt = LEAD + sealed.length - 16;
  const bytes = concat(new Uint8Array(LEAD).fill(7), sealed, [9, 9]);
  const message = {
    key: words(key),
    nonce: words(nonce),
    aad: concat(aad, [1, 2, 3]),
    aadBytes: aad.length,
    bytes,
    from: LEAD,
    tagAt,
  };
  if (open(message, into)) return into.subarray(0, tagAt - LEAD);
  assertEquals(into, new Uint8Array(sealed.length), "nothing is written");
}

Deno.test("gcm: opens the published messages", () => {
  // "The Galois/Counter Mode of Operation", McGrew and Viega, test cases 1 to 4.
  const key = "feffe9928665731c6d6a8f9467308308";
  const iv = "cafebabefacedbaddecaf888";
  const text = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72" +
    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255";
  const sealed = "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e" +
    "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091473f5985";
  const table = [
    ["0".repeat(32), "0".repeat(24), "", "", "58e2fccefa7e3061367f1d57a4e7455a"],
    [
      "0".repeat(32),
      "0".repeat(24),
      "",
      "0".repeat(32),
      "0388dace60b6a392f328c2b971b2fe78ab6e47d42cec13bdf53a67b21257bddf",
    ],
    [key, iv, "", text, `${sealed}4d5c2af327cd64a62cf35abd2ba6fab4`],
    [
      key,
      iv,
      "feedfacedeadbeeffeedfacedeadbeefabaddad2",
      text.slice(0, -8),
      `${sealed.slice(0, -8)}5bc94fbc3221a5db94fae95ae7121a47`,
    ],
  ] as const;
  for (const row of table) {
    const [keyBytes, nonce, aad, expected, message] = row.map((hex) => Uint8Array.fromHex(hex));
    assertEquals(plain(keyBytes!, nonce!, aad!, message!), expected);
  }
});

Deno.test("gcm: agrees with node:crypto, and refuses a message with any bit changed", () => {
  const bytes = (size: number) => fc.uint8Array({ minLength: size, maxLength: size });
  const any = fc.uint8Array({ maxLength: 200 });
  fc.assert(fc.property(
    bytes(16),
    bytes(12),
    any,
    any,
    fc.nat(),
    (key, nonce, aad, text, at) => {
      const aead = createCipheriv("aes-128-gcm", key, nonce).setAAD(aad);
      const sealed = concat(aead.update(text), aead.final(), aead.getAuthTag());
      assertEquals(plain(key, nonce, aad, sealed), text);
      const changed = sealed.slice();
      changed[at % sealed.length]! ^= 1 << (at & 7);
      assert(plain(key, nonce, aad, changed) === undefined);
      if (aad.length === 0) return;
      const other = aad.slice();
      other[at % aad.length]! ^= 1 << (at & 7);
      assert(plain(key, nonce, other, sealed) === undefined);
    },
  ));
});
