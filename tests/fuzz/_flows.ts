/**
 * Fuzz targets that detect in datagrams: the registry as a whole, and each detector alone.
 *
 * @module
 */

import { fail } from "@std/assert";
import type { Detector } from "../../src/detect/detector.ts";
import { Detection } from "../../src/detect/mod.ts";
import { wantsAll } from "../../src/facts/wants.ts";
import { concat } from "../unit/_hello.ts";
import { buildOpaque } from "../unit/_quic.ts";
import { claimFacts, claimProtocol, claimSameFacts, VerdictClaims } from "./_claims.ts";
import { frames, FULL, seal } from "./_frames.ts";
import { ANY_STREAM, QUIC, WIREGUARD } from "./_seeds.ts";
import type { Input, Target } from "./_target.ts";
import { type Dice, type Kin, mutate, vary } from "./mutate.ts";

/** Version 1, version 2, version negotiation, a greased one and one that is unknown. */
const VERSIONS: readonly (readonly number[])[] = [
  [0, 0, 0, 1],
  [0x6b, 0x33, 0x43, 0xcf],
  [0, 0, 0, 0],
  [0x1a, 0x2a, 0x3a, 0x4a],
  [0xff, 0, 0, 29],
];

/** Datagrams to begin from: captures, and packets that authenticate. */
const DATAGRAMS: Kin = {
  seeds: [
    ...QUIC.seeds,
    ...WIREGUARD.seeds,
    ...["zero_rtt", "handshake", "retry"].map((kind) => buildOpaque(kind as "retry")),
    ...ANY_STREAM.seeds.slice(0, 3),
  ],
  tokens: [...QUIC.tokens, ...WIREGUARD.tokens],
};

/**
 * Makes a short datagram with a long header: the first of them is `c0 00000001 00 00 00 00`, then
 * come the other first bytes and versions with no lengths, then all of them with all lengths of a
 * connection ID, the other lengths and the size by chance, beyond the end too.
 *
 * @param dice Chance
 * @param index The datagram's number
 * @returns The datagram
 */
export function shortLongHeader(dice: Dice, index: number): Uint8Array {
  const first = 0xc0 | (index & 63);
  const version = VERSIONS[(index >> 6) % VERSIONS.length]!;
  const dcid = Math.floor(index / (64 * VERSIONS.length)) & 255;
  const length = () => dice.once(2) ? dice.below(24) : dice.below(256);
  const there = (size: number) => dice.once(3) ? dice.bytes(dice.below(12)) : dice.bytes(size % 24);
  if (index < 64 * VERSIONS.length) return concat([first], version, [0, 0, 0, 0]);
  const scid = length();
  const rest = concat([length()], there(4), [length(), length()], there(32));
  return concat([first], version, [dcid], there(dcid), [scid], there(scid), rest);
}

function flow(dice: Dice): Input {
  const out: Uint8Array[] = [];
  for (let left = 1 + dice.below(4); left > 0; left--) {
    const roll = dice.below(8);
    if (roll === 0 && out.length > 0) out.push(dice.pick(out).slice());
    else if (roll === 1) out.push(seal(frames(dice), FULL | dice.below(4)));
    else if (roll === 2) out.push(mutate(seal(frames(dice), dice.below(128)), dice, QUIC));
    else if (roll === 3) out.push(concat(vary(dice, QUIC), vary(dice, QUIC)));
    else if (roll === 4) out.push(shortLongHeader(dice, dice.below(1 << 20)));
    else out.push(vary(dice, DATAGRAMS));
  }
  return out;
}

/** Claims the rules for one flow whose datagrams come one by one. */
function claimFlow({ name, udp }: Detector, datagrams: Input): void {
  const claims = new VerdictClaims(name);
  const held: Uint8Array[] = [];
  let given = 0;
  for (const datagram of datagrams) {
    held.push(datagram);
    given += datagram.length;
    const verdict = udp?.(held) ?? fail("No datagram side");
    claims.take(verdict, given);
  }
  // An array that was never seen before gets the same answer as one that grew.
  claims.take(udp?.([...held]) ?? fail("No datagram side"), given);
}

/**
 * A single detector of datagrams.
 *
 * @param detector The detector
 * @param share Its share
 * @returns The target
 */
export function flowDetector(detector: Detector, share: number): Target {
  const own = detector.name === "wireguard" ? WIREGUARD : DATAGRAMS;
  return {
    name: detector.name,
    share,
    make: (dice) =>
      dice.once(2) ? flow(dice) : Array.from({ length: 1 + dice.below(3) }, () => vary(dice, own)),
    check: (input) => claimFlow(detector, input),
  };
}

/**
 * Packets that authenticate, whatever is in them: each part is the payload of one datagram.
 *
 * @param detector The detector of QUIC
 * @returns The target
 */
export function sealedFlights(detector: Detector): Target {
  return {
    name: "quic sealed",
    share: 25,
    make: (dice) => [
      Uint8Array.of(dice.below(256)),
      ...Array.from({ length: 1 + dice.below(3) }, () => frames(dice)),
    ],
    prepare: ([[how = 0] = [], ...payloads]) =>
      // What is shorter than 1,200 bytes begins no connection.
      payloads.map((payload, i) => seal(payload, (i === 0 ? how | FULL : how) + 256 * i)),
    check(input) {
      const [first] = input;
      const verdict = first && detector.udp?.([first]);
      if (verdict?.kind === "no_match") fail("An authentic packet is no match");
      claimFlow(detector, input);
    },
  };
}

/**
 * Short datagrams with long headers.
 *
 * @param detector The detector of QUIC
 * @returns The target
 */
export function shortHeaders(detector: Detector): Target {
  return {
    name: "quic headers",
    share: 200,
    make: (dice, index) => [shortLongHeader(dice, index)],
    check: (input) => claimFlow(detector, input),
  };
}

/** All detectors of datagrams together. */
export const FLOW_REGISTRY: Target = {
  name: "registry udp",
  share: 60,
  make: flow,
  check(input) {
    const detection = new Detection("udp");
    const held: Uint8Array[] = [];
    let detected;
    for (const datagram of input) {
      held.push(datagram);
      detected = detection.datagrams(held);
      if (detected !== undefined) break;
    }
    detected ??= detection.conclude("deadline");
    claimProtocol(detected.protocol);
    claimFacts(detected.protocol, detected.facts);
    const again = new Detection("udp", wantsAll());
    const whole = again.datagrams([...held]) ?? again.conclude("deadline");
    if (whole.protocol !== detected.protocol) fail(`"${detected.protocol}", "${whole.protocol}"`);
    claimSameFacts(whole.facts, detected.facts, "by when the registry was asked");
  },
};
