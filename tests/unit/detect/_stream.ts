/**
 * The rules that every stream detector has to keep, whatever its protocol.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { Detector, Facts, Verdict } from "../../../src/detect/detector.ts";
import type { DetectEnd } from "../../../src/detect/ends.ts";
import { bytesOf } from "../_hello.ts";
import { assertContract, damaged } from "./_contract.ts";

/**
 * Asks a detector about bytes or text.
 *
 * @param detector The detector
 * @param input Bytes, or text of one byte per character
 * @returns Its verdict
 */
export function ask(detector: Detector, input: Uint8Array | string): Verdict {
  const verdict = detector.tcp?.(typeof input === "string" ? bytesOf(input) : input);
  assert(verdict !== undefined, `"${detector.name}" has no stream side`);
  return verdict;
}

/**
 * Asserts that input matches with these facts at its end and not before, and that all rules of a detector's
 * contract hold for it.
 *
 * @param detector The detector
 * @param input Bytes of a client, the last of them needed to match
 * @param facts The facts of the match
 * @param end Why facts are missing
 */
export function assertMatches(
  detector: Detector,
  input: Uint8Array | string,
  facts: Facts,
  end?: DetectEnd,
): void {
  const bytes = typeof input === "string" ? bytesOf(input) : input;
  assertEquals(ask(detector, bytes), { kind: "match", facts, ...(end !== undefined && { end }) });
  if (bytes.length > 1) assertEquals(ask(detector, bytes.subarray(0, -1)).kind, "need_more");
  const name = bytes.subarray(0, 2000).toHex();
  assertContract({ detector, vector: { name, transport: "tcp", parts: [bytes] }, own: true });
}

/**
 * Asserts for generated input that the detector keeps its contract.
 *
 * @param detector The detector
 * @param seeds Valid beginnings, which are cut and damaged too
 */
export function assertSoundOnNoise(detector: Detector, seeds: readonly Uint8Array[]): void {
  const vectors = seeds.map((bytes) => ({
    name: "seed",
    transport: "tcp" as const,
    parts: [bytes],
  }));
  for (const vector of damaged(vectors, 100)) assertContract({ detector, vector, own: false });
}
