/**
 * What every stream detector has to keep, whatever its protocol, and captures to try it on.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Detector, Facts, Verdict } from "../../../src/detect/detector.ts";
import type { DetectEnd } from "../../../src/detect/ends.ts";
import { bytesOf, concat } from "../_hello.ts";

/**
 * Reads the hex text of bytes that a real client sent.
 *
 * @param name File in tests/testdata/ without extension
 * @returns The bytes
 */
export function capture(name: string): Uint8Array {
  const url = new URL(`../../testdata/${name}.hex`, import.meta.url);
  const digits = Deno.readTextFileSync(url).replace(/\s/g, "");
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/**
 * Asks a detector about bytes or text.
 *
 * @param detector Whom to ask
 * @param input Bytes, or text of one byte per character
 * @returns Its verdict
 */
export function ask(detector: Detector, input: Uint8Array | string): Verdict {
  const verdict = detector.tcp?.(typeof input === "string" ? bytesOf(input) : input);
  assert(verdict !== undefined, `"${detector.name}" has no stream side`);
  return verdict;
}

/** Asserts that a session's judge says what the detector says, which begins anew each time. */
function assertRemembers(detector: Detector, bytes: Uint8Array, step: number): void {
  const judge = detector.session?.();
  if (judge === undefined) return;
  for (let length = 1; length <= bytes.length; length += step) {
    // A session's buffer is another after it has grown.
    const given = bytes.slice(0, length);
    assertEquals(judge.judge(given), ask(detector, given), `remembered after ${length} bytes`);
  }
}

/**
 * Asserts that input matches with these facts at its end and not before, however it is cut, and that
 * what follows it changes nothing.
 *
 * @param detector Whom to ask
 * @param input Bytes of a client, the last of them needed to match
 * @param facts What a match has to say
 * @param end Why facts are missing
 */
export function assertMatches(
  detector: Detector,
  input: Uint8Array | string,
  facts: Facts,
  end?: DetectEnd,
): void {
  const bytes = typeof input === "string" ? bytesOf(input) : input;
  const step = Math.ceil(bytes.length / 2000);
  let hint = 0;
  for (let length = 1; length < bytes.length; length += step) {
    const verdict = ask(detector, bytes.subarray(0, length));
    assertEquals(verdict.kind, "need_more", `after ${length} of ${bytes.length} bytes`);
    if (verdict.kind !== "need_more") return;
    assert(verdict.bytes > length, `${length} bytes ask for ${verdict.bytes}`);
    assert(verdict.bytes <= bytes.length, `${length} bytes ask for ${verdict.bytes}, too many`);
    assert(verdict.bytes >= Math.min(hint, bytes.length), "the bytes asked for never shrink");
    hint = verdict.bytes;
  }
  for (const piece of [step, step * 7]) assertRemembers(detector, bytes, piece);
  for (const after of [[], [0], [0x16, 3, 1], bytesOf("Host: other\r\n\r\n")]) {
    const verdict = ask(detector, concat(bytes, after));
    assertEquals(
      verdict,
      end === undefined ? { kind: "match", facts } : { kind: "match", facts, end },
    );
  }
}

/**
 * Asserts for generated input that the detector never throws, always asks for more than it was given,
 * never changes its mind about longer input, and matches at no length below the one it asked for.
 *
 * @param detector Whom to ask
 * @param seeds Valid beginnings, which are cut and damaged as well
 */
export function assertSoundOnNoise(detector: Detector, seeds: readonly Uint8Array[]): void {
  const noise = fc.uint8Array({ maxLength: 80 });
  const seed = fc.constantFrom(new Uint8Array(0), ...seeds);
  const damaged = fc.tuple(seed, fc.nat(), noise, fc.nat(), fc.nat(255)).map(
    ([bytes, cut, tail, at, value]) => {
      const all = concat(bytes.subarray(0, cut % (bytes.length + 1)), tail, bytes.subarray(-40));
      if (all.length > 0) all[at % all.length] = value;
      return all;
    },
  );
  fc.assert(fc.property(damaged, (bytes) => {
    let settled: Verdict | undefined;
    let hint = 0;
    for (let length = 1; length <= bytes.length; length++) {
      const verdict = ask(detector, bytes.subarray(0, length));
      if (settled !== undefined) assertEquals(verdict, settled, `changed at ${length} bytes`);
      if (verdict.kind === "match") assert(length >= hint, `matched ${length}, wanted ${hint}`);
      if (verdict.kind !== "need_more") settled = verdict;
      else assert((hint = verdict.bytes) > length, `${length} bytes ask for ${hint}`);
    }
    for (const step of [1, 5]) assertRemembers(detector, bytes, step);
  }));
}
