/**
 * Fuzz targets that detect in streams: the registry as a whole, and each detector alone.
 *
 * @module
 */

import { fail } from "@std/assert";
import type { Detector } from "../../src/detect/detector.ts";
import { type Detected, Detection } from "../../src/detect/mod.ts";
import { NO_WANTS, wantsAll } from "../../src/facts/wants.ts";
import { bytesOf, concat } from "../unit/_hello.ts";
import {
  claimFacts,
  claimProtocol,
  claimSameFacts,
  claimSameVerdict,
  VerdictClaims,
} from "./_claims.ts";
import { ANY_STREAM, BLOCKS } from "./_seeds.ts";
import { cuts, type Input, pieces, type Target } from "./_target.ts";
import { type Kin, vary } from "./mutate.ts";

const HEADERS = 1;
const CONTINUATION = 9;
const END_HEADERS = 4;
/** The preface and empty SETTINGS (RFC 9113 §3.4). */
const PREFACE = bytesOf("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");

function stream(kin: Kin): Target["make"] {
  return (dice) => [vary(dice, dice.once(10) ? ANY_STREAM : kin), cuts(dice)];
}

/**
 * A single detector of streams.
 *
 * @param detector The detector
 * @param options Its inputs' kind and its share
 * @returns The target
 */
export function streamDetector(
  { name, tcp, session }: Detector,
  options: { readonly kin: Kin; readonly share: number },
): Target {
  return {
    name,
    share: options.share,
    make: stream(options.kin),
    check(input) {
      const [bytes = new Uint8Array(0)] = input;
      const claims = new VerdictClaims(name);
      const judge = session?.();
      pieces(input, (_, end) => {
        const given = bytes.subarray(0, end);
        const verdict = tcp?.(given) ?? fail("No stream side");
        claims.take(verdict, end);
        if (judge !== undefined) claimSameVerdict(judge.judge(given), verdict);
      });
    },
  };
}

/** All detectors of streams together, the host waited for or not. */
export const STREAM_REGISTRY: Target = {
  name: "registry tcp",
  share: 200,
  make: stream(ANY_STREAM),
  check(input) {
    const [bytes = new Uint8Array(0)] = input;
    for (const needsHost of [true, false]) {
      const cut = detect(input, needsHost);
      const whole = detect([bytes], needsHost);
      // A detector that waits for more is not asked, though by now it might say no.
      if (cut === undefined && (whole === undefined || whole.protocol === "unknown")) continue;
      if (cut?.protocol !== whole?.protocol) {
        fail(`"${cut?.protocol}" where it is cut, "${whole?.protocol}" as a whole`);
      }
      // Whether a piece ends before the host makes no difference if no route asks for it.
      if (needsHost) {
        claimSameFacts(cut?.facts ?? {}, whole?.facts ?? {}, "by how it is cut");
      }
    }
  },
};

/** What a client may repeat without end while its protocol is not known. */
const LINES = [
  "Host: a-name-of.example\r\n",
  "Host:\n",
  " x\r\n",
  "A: b\n",
  "\r\n",
  "a",
  "0\0",
  "\x16\x03\x01\0\x01\x01",
];
const FRAMES = [
  "\0\0\0\x04\0\0\0\0\0",
  "\0\0\0\x09\0\0\0\0\x01",
  "\0\0\x08\x06\0\0\0\0\0\0\0\0\0\0\0\0\0",
];
const DRIP_BYTES = 16_384;

/** The registry under a client that sends byte by byte, of which any may cost a look at them all. */
export const DRIP: Target = {
  name: "slow drip",
  share: 0.2,
  maxMs: 1000,
  make: (dice) => {
    const bytes = new Uint8Array(DRIP_BYTES);
    const http2 = dice.once(3);
    const piece = dice.once(4)
      ? dice.bytes(1 + dice.below(80))
      : bytesOf(dice.pick(http2 ? FRAMES : LINES));
    const head = http2
      ? PREFACE
      : dice.once(3)
      ? vary(dice, ANY_STREAM).subarray(0, 200)
      : bytesOf("GET / HTTP/1.1\r\n");
    for (let at = head.length; at < DRIP_BYTES; at += piece.length) {
      bytes.set(piece.subarray(0, DRIP_BYTES - at), at);
    }
    bytes.set(head);
    return [bytes];
  },
  check([bytes = new Uint8Array(0)]) {
    const detection = new Detection("tcp", wantsAll());
    for (let end = 1; end <= bytes.length; end++) {
      if (detection.stream(bytes.subarray(0, end)) !== undefined) return;
    }
  },
};

/** What the stream is found to be before its end, if anything. */
function detect(input: Input, needsHost: boolean): Detected | undefined {
  const [bytes = new Uint8Array(0)] = input;
  const detection = new Detection("tcp", needsHost ? wantsAll() : NO_WANTS);
  let detected: Detected | undefined;
  pieces(input, (_, end) => {
    detected = detection.stream(bytes.subarray(0, end));
    return detected === undefined;
  });
  const { protocol, facts } = detected ?? detection.conclude("client_end");
  claimProtocol(protocol);
  claimFacts(protocol, facts);
  return detected;
}

/**
 * HTTP/2 with damaged header blocks in complete frames, so that the blocks are read.
 *
 * @param detector The detector of HTTP
 * @returns The target
 */
export function http2Blocks(detector: Detector): Target {
  return {
    ...streamDetector(detector, { kin: BLOCKS, share: 60 }),
    name: "http2 blocks",
    make: (dice) => [vary(dice, BLOCKS), cuts(dice), Uint8Array.of(dice.below(256))],
    prepare: ([block = new Uint8Array(0), sizes = new Uint8Array(0), [how = 0] = []]) => [
      concat(PREFACE, ...requestFrames(block, how)),
      sizes,
    ],
  };
}

/** HEADERS and perhaps a CONTINUATION (RFC 9113 §6.2, §6.10); bits of `how` choose their form. */
function requestFrames(block: Uint8Array, how: number): readonly Uint8Array[] {
  const [padded, priority, split] = [how & 8, how & 32, how & 1];
  const cut = split ? (how >> 6) + 1 : block.length;
  const payload = concat(
    padded ? [3] : [],
    priority ? [0, 0, 0, 0, 16] : [],
    block.subarray(0, cut),
    padded ? [0, 0, 0] : [],
  );
  const headers = frame(HEADERS, padded | priority | (split ? 0 : END_HEADERS), payload);
  return split ? [headers, frame(CONTINUATION, END_HEADERS, block.subarray(cut))] : [headers];
}

function frame(type: number, flags: number, payload: Uint8Array): Uint8Array {
  const size = payload.length;
  return concat([size >> 16, (size >> 8) & 255, size & 255, type, flags, 0, 0, 0, 1], payload);
}
