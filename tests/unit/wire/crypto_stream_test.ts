import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { CryptoCoverage, CryptoStream, MAX_CRYPTO_BYTES } from "../../../src/wire/crypto_stream.ts";

const MESSAGE = Uint8Array.from({ length: 100 }, (_, i) => i * 37);

function streamOf(...parts: readonly (readonly [from: number, to: number])[]): CryptoStream {
  const stream = new CryptoStream();
  for (const [from, to] of parts) assert(stream.add(from, MESSAGE.subarray(from, to)));
  return stream;
}

Deno.test("crypto stream: returns the data up to the first gap", () => {
  const table = [
    [[], 0],
    [[[0, 10]], 10],
    [[[5, 10]], 0],
    [[[5, 10], [0, 5]], 10],
    [[[0, 5], [6, 10]], 5],
    [[[0, 5], [6, 10], [5, 6]], 10],
    [[[0, 5], [0, 5], [3, 8]], 8],
    [[[4, 6], [0, 10]], 10],
    [[[0, 10], [4, 6]], 10],
    [[[0, 0], [0, 3], [3, 3]], 3],
  ] as const;
  for (const [parts, end] of table) {
    assertEquals(streamOf(...parts).contiguous, MESSAGE.subarray(0, end), JSON.stringify(parts));
  }
});

Deno.test("crypto stream: notices data that contradicts earlier data", () => {
  const stream = streamOf([10, 20]);
  const other = MESSAGE.slice(15, 25);
  assert(stream.add(15, other));
  other[2]! ^= 1;
  assertEquals(stream.add(15, other), false);
});

Deno.test("crypto stream: ignores data beyond its limit", () => {
  const stream = new CryptoStream();
  for (const offset of [MAX_CRYPTO_BYTES, MAX_CRYPTO_BYTES + 5, 2 ** 32, 2 ** 62]) {
    assert(stream.add(offset, MESSAGE));
  }
  assertEquals(stream.contiguous.length, 0);
  assert(stream.add(0, new Uint8Array(MAX_CRYPTO_BYTES - 1)));
  assert(stream.add(MAX_CRYPTO_BYTES - 1, MESSAGE));
  assertEquals(stream.contiguous.length, MAX_CRYPTO_BYTES);
  assertEquals(stream.contiguous.at(-1), MESSAGE[0]);
});

Deno.test("crypto stream: covers no more than its limit", () => {
  const coverage = new CryptoCoverage();
  for (const offset of [MAX_CRYPTO_BYTES, 2 ** 32, 2 ** 62]) assert(coverage.add(offset, MESSAGE));
  assertEquals(coverage.contiguous, 0);
  assert(coverage.add(MAX_CRYPTO_BYTES - 1, MESSAGE));
  assert(coverage.add(0, new Uint8Array(MAX_CRYPTO_BYTES - 2)));
  assertEquals(coverage.contiguous, MAX_CRYPTO_BYTES - 2);
  assert(coverage.add(MAX_CRYPTO_BYTES - 2, MESSAGE));
  assertEquals(coverage.contiguous, MAX_CRYPTO_BYTES);
});

Deno.test("crypto stream: starts anew after a reset", () => {
  const stream = streamOf([0, 10], [50, 60]);
  assertEquals(stream.contiguous.length, 10);
  stream.reset();
  assertEquals(stream.contiguous.length, 0);
  assert(stream.add(0, new Uint8Array(50)), "old bytes contradict nothing");
  assertEquals(stream.contiguous, new Uint8Array(50), "old bytes after the new ones are gone");
});

Deno.test("crypto stream: puts any pieces in order", () => {
  const piece = fc.tuple(fc.nat(MESSAGE.length), fc.nat(30));
  fc.assert(fc.property(fc.array(piece, { maxLength: 40 }), fc.boolean(), (pieces, asksOften) => {
    const stream = new CryptoStream();
    const coverage = new CryptoCoverage();
    const present = new Set<number>();
    for (const [from, size] of pieces) {
      const part = MESSAGE.subarray(from, from + size);
      assert(stream.add(from, part));
      assert(coverage.add(from, part));
      if (asksOften) assert(coverage.contiguous <= MESSAGE.length);
      part.forEach((_, i) => present.add(from + i));
    }
    let end = 0;
    while (present.has(end)) end++;
    assertEquals(coverage.contiguous, end);
    assertEquals(stream.contiguous, MESSAGE.subarray(0, end));
  }));
});
