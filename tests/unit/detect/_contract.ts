/**
 * The rules of src/detect/detector.ts as checks, by their numbers. Knows no protocol.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import fc from "fast-check";
import type { Detector, Verdict } from "../../../src/detect/detector.ts";
import { Detection, DETECTORS, PROTOCOLS } from "../../../src/detect/mod.ts";
import { NO_WANTS, wantsAll } from "../../../src/facts/wants.ts";
import { concat } from "../_hello.ts";
import type { Vector } from "./_vectors.ts";

/** Lengths of a stream at which it is asked, at the most. */
const MAX_CUTS = 2000;
/** Rule 7. */
const MAX_FACT_CHARS = 1024;
/** Rule 8. */
const MAX_ASKED = 512;
/** Rule 10. */
const MAX_SAID = 128;
const DRIP_BYTES = 8192;

/** A detector and what it is tried on. */
export interface Subject {
  readonly detector: Detector;
  readonly vector: Vector;
  /** Whether its own clients send this, so that it leads to a match. */
  readonly own: boolean;
}

/** Bytes of a stream so far, or datagrams of a flow so far. */
type Given = readonly Uint8Array[];

/** Every step of what comes: a stream cut at each length, a flow after each datagram. */
function* stepsOf({ transport, parts }: Vector): Generator<Given> {
  if (transport === "udp") {
    for (let count = 1; count <= parts.length; count++) yield parts.slice(0, count);
    return;
  }
  const [bytes = new Uint8Array(0)] = parts;
  const step = Math.ceil(bytes.length / MAX_CUTS);
  for (let length = 1; length < bytes.length; length += step) yield [bytes.subarray(0, length)];
  if (bytes.length > 0) yield [bytes];
}

function sizeOf(given: Given): number {
  return given.reduce((sum, { length }) => sum + length, 0);
}

function judge(detector: Detector, transport: Vector["transport"], given: Given): Verdict {
  const verdict = transport === "tcp" ? detector.tcp?.(given[0]!) : detector.udp?.(given);
  assert(verdict !== undefined, `"${detector.name}" does not judge ${transport}`);
  return verdict;
}

/** Each step of what comes, and what the detector says of it. */
function* verdictsOf({ detector, vector }: Subject): Generator<readonly [Given, Verdict]> {
  for (const given of stepsOf(vector)) yield [given, judge(detector, vector.transport, given)];
}

function answersAnything(subject: Subject): void {
  for (const [, { kind }] of verdictsOf(subject)) {
    assertMatch(kind, /^(?:match|need_more|no_match)$/);
  }
}

function looksAtWhatIsGiven(subject: Subject): void {
  const { detector, vector: { transport } } = subject;
  for (const [given, verdict] of verdictsOf(subject)) {
    for (const fill of [0, 0xff, 0x0a]) {
      const room = given.map((part) => concat(part, new Uint8Array(40).fill(fill)));
      const views = room.map((bytes, i) => bytes.subarray(0, given[i]!.length));
      assertEquals(judge(detector, transport, views), verdict, "what lies behind matters");
      const same = views.every((view, i) => view.every((byte, at) => byte === given[i]![at]));
      assert(same, "changes a byte");
    }
  }
}

function asksForMore(subject: Subject): void {
  for (const [given, verdict] of verdictsOf(subject)) {
    if (verdict.kind !== "need_more") continue;
    assert(verdict.bytes > sizeOf(given), `${sizeOf(given)} bytes ask for ${verdict.bytes}`);
  }
}

function asksTruly(subject: Subject): void {
  const { vector: { transport, parts }, own } = subject;
  // The registry asks about datagrams as they come.
  if (transport === "udp") return;
  const all = sizeOf(parts);
  let hint = 0;
  for (const [given, verdict] of verdictsOf(subject)) {
    const size = sizeOf(given);
    if (verdict.kind === "match") assert(size >= hint, `matches ${size} bytes, wanted ${hint}`);
    if (verdict.kind !== "need_more") return;
    if (own) assert(verdict.bytes >= hint, `asks for ${hint} bytes, then for ${verdict.bytes}`);
    hint = verdict.bytes;
    if (own) assert(hint <= all, `asks for ${hint} bytes, of which ${all} come`);
  }
}

const FOLLOWING = [[0], [0x16, 3, 1], [...new TextEncoder().encode("Host: other\r\n\r\n")]]
  .map((bytes) => Uint8Array.from(bytes));

function isFinal(subject: Subject): void {
  const { detector, vector: { transport, parts }, own } = subject;
  let settled: Verdict | undefined;
  for (const [given, verdict] of verdictsOf(subject)) {
    if (settled !== undefined) assertEquals(verdict, settled, `changed at ${sizeOf(given)} bytes`);
    if (verdict.kind !== "need_more") settled = verdict;
  }
  if (own) assertEquals(settled?.kind, "match");
  if (settled === undefined) return;
  for (const bytes of FOLLOWING) {
    const more = transport === "udp" ? [...parts, bytes] : [concat(...parts, bytes)];
    assertEquals(judge(detector, transport, more), settled, "bytes that follow change it");
  }
}

function dependsOnBytesAlone(subject: Subject): void {
  const { detector, vector: { transport } } = subject;
  for (const every of [1, 7]) {
    const session = transport === "tcp" ? detector.session?.() : undefined;
    const grows: Uint8Array[] = [];
    let step = 0;
    for (const [given, verdict] of verdictsOf(subject)) {
      if (step++ % every !== 0) continue;
      const copy = given.map((part) => part.slice());
      assertEquals(judge(detector, transport, copy), verdict, "asked again");
      // A session's buffer is another after it has grown.
      if (session !== undefined) assertEquals(session.judge(copy[0]!), verdict, "remembered");
      if (transport === "tcp") continue;
      grows.push(...copy.slice(grows.length));
      assertEquals(judge(detector, transport, grows), verdict, "an array that grew");
    }
  }
}

/** The facts that a route can ask for. */
const ROUTED = new Set<string>(PROTOCOLS.flatMap(({ facts }) => facts));

function returnsLittle(subject: Subject): void {
  const own = new Set<string>(subject.detector.facts);
  for (const [, verdict] of verdictsOf(subject)) {
    const facts = verdict.kind === "match"
      ? verdict.facts
      : verdict.kind === "need_more"
      ? verdict.certain ?? {}
      : {};
    let chars = 0;
    for (const [name, value] of Object.entries(facts)) {
      assert(!ROUTED.has(name) || own.has(name), `"${name}" is not among its facts`);
      for (const one of Array.isArray(value) ? value : [value]) {
        assert(typeof one === "string" || typeof one === "number", `"${name}" is ${typeof one}`);
        chars += String(one).length;
      }
    }
    assert(chars <= MAX_FACT_CHARS, `facts of ${chars} characters`);
  }
}

/** How often a detector is asked of bytes that come one by one. */
function timesAsked(detector: Detector, bytes: Uint8Array): number {
  let asked = 0;
  for (let length = 1; length <= bytes.length;) {
    asked++;
    const verdict = judge(detector, "tcp", [bytes.subarray(0, length)]);
    if (verdict.kind !== "need_more") break;
    length = verdict.bytes;
  }
  return asked;
}

function worksByBytes({ detector, vector: { transport, parts: [whole] }, own }: Subject): void {
  if (!own || transport === "udp" || detector.session !== undefined) return;
  for (const head of [whole!, whole!.subarray(0, whole!.length >> 1)]) {
    for (const piece of [whole!, head.subarray(-1), Uint8Array.of(0), Uint8Array.of(0x61)]) {
      if (piece.length === 0) continue;
      const bytes = Uint8Array.from(
        { length: DRIP_BYTES },
        (_, at) => head[at] ?? piece[at % piece.length]!,
      );
      const asked = timesAsked(detector, bytes);
      assert(asked <= MAX_ASKED, `asked ${asked} times of ${DRIP_BYTES} bytes`);
    }
  }
}

/** A vector cut anywhere: a stream as it comes, a flow's first datagram at each length. */
function* cutsOf(vector: Vector): Generator<Given> {
  yield* stepsOf(vector);
  if (vector.transport === "tcp") return;
  const [first] = vector.parts;
  for (let length = 0; length < first!.length; length++) yield [first!.subarray(0, length)];
}

function takesNothingOfOthers({ detector, vector, own }: Subject): void {
  if (!own) return;
  const { transport } = vector;
  const others = DETECTORS.filter((other) => other !== detector && other[transport]);
  for (const given of cutsOf(vector)) {
    const size = sizeOf(given);
    for (const other of others) {
      assert(
        judge(other, transport, given).kind !== "match",
        `"${other.name}" takes ${size} bytes`,
      );
    }
    for (const wants of DETECTORS.includes(detector) ? [wantsAll(), NO_WANTS] : []) {
      const detection = new Detection(transport, wants);
      const found = transport === "tcp" ? detection.stream(given[0]!) : detection.datagrams(given);
      const { protocol } = found ?? detection.conclude("deadline");
      const fits = protocol === detector.name || protocol === "unknown";
      assert(fits, `${size} bytes are "${protocol}"`);
    }
  }
}

function stepsOn(subject: Subject): void {
  for (const [given, verdict] of verdictsOf(subject)) {
    const step = verdict.kind === "match" ? verdict.step : undefined;
    if (step === undefined) continue;
    const size = sizeOf(given);
    assert(step.consumed <= size, `the step takes ${step.consumed} of ${size} bytes`);
    assert(step.says.length <= MAX_SAID, `the step says ${step.says.length} bytes`);
    for (const next of step.then) {
      const again = judge(next, subject.vector.transport, given);
      const same = again.kind === "match" && again.step?.name === step.name;
      assert(!same, `after ${step.name} comes ${step.name}`);
    }
  }
}

/** Each rule's words and its check; the first one's number is 1. */
export const RULES: readonly (readonly [words: string, check: (subject: Subject) => void])[] = [
  ["answers whatever the bytes are", answersAnything],
  ["looks at the bytes given to it and at nothing else", looksAtWhatIsGiven],
  ["asks for more bytes than there are", asksForMore],
  ["does not match before the bytes that it asked for", asksTruly],
  ["takes no verdict back", isFinal],
  ["depends on the bytes alone", dependsOnBytesAlone],
  ["returns bounded facts, and those it declares", returnsLittle],
  ["is asked seldom by a client that sends byte by byte", worksByBytes],
  ["leaves to others what is theirs, and they what is its own", takesNothingOfOthers],
  ["takes a step that leads on", stepsOn],
];

/**
 * Checks the rules of the contract.
 *
 * @param subject A detector and what it is tried on
 * @param numbers The rules; all unless given
 * @throws {Error} If it breaks one, with the rule's number
 */
export function assertContract(
  subject: Subject,
  numbers: readonly number[] = RULES.map((_, i) => i + 1),
): void {
  for (const number of numbers) {
    const [words, check] = RULES[number - 1]!;
    try {
      check(subject);
    } catch (cause) {
      const { detector, vector } = subject;
      const why = cause instanceof Error ? cause.message : String(cause);
      const what = `"${detector.name}" breaks rule ${number}, "${words}", with ${vector.name}`;
      throw new Error(`${what}: ${why}`, { cause });
    }
  }
}

/**
 * Makes input that nobody sends: vectors cut, joined and damaged, and bytes by chance.
 *
 * @param vectors What to begin from
 * @param count How many
 * @returns Input, another at each call
 */
export function damaged(vectors: readonly Vector[], count: number): readonly Vector[] {
  const noise = fc.uint8Array({ maxLength: 80 });
  const piece = (transport: Vector["transport"]) => {
    const parts = vectors.filter((one) => one.transport === transport).flatMap(({ parts }) =>
      parts
    );
    const seed = fc.constantFrom(new Uint8Array(0), ...parts);
    return fc.tuple(seed, fc.nat(), noise, fc.nat(), fc.nat(255)).map(
      ([bytes, cut, tail, at, value]) => {
        const all = concat(bytes.subarray(0, cut % (bytes.length + 1)), tail, bytes.subarray(-40));
        if (all.length > 0) all[at % all.length] = value;
        return all;
      },
    );
  };
  const streams = piece("tcp").map((bytes) => ["tcp" as const, [bytes]] as const);
  const flows = fc.array(fc.oneof(piece("udp"), noise), { minLength: 1, maxLength: 4 })
    .map((parts) => ["udp" as const, parts] as const);
  const transports = new Set(vectors.map(({ transport }) => transport));
  const kinds = [
    ...(transports.has("tcp") ? [streams] : []),
    ...(transports.has("udp") ? [flows] : []),
  ];
  return fc.sample(fc.oneof(...kinds), count).map(([transport, parts]) => ({
    name: parts.map((part) => part.toHex()).join(" "),
    transport,
    parts,
  }));
}
