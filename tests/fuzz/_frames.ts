/**
 * Frames of QUIC Initial packets, valid and not, for packets that authenticate: behind the AEAD no
 * damage done to a capture ever gets.
 *
 * @module
 */

import { concat } from "../unit/_hello.ts";
import { buildInitial, cryptoFrame, encodeVarint, type PacketOptions } from "../unit/_quic.ts";
import { HELLO, HELLOS } from "./_seeds.ts";
import { type Dice, type Kin, kin, mutate, vary } from "./mutate.ts";

const OFFSETS = [0, 1, 63, 64, 16_383, 65_535, 65_536, 65_537, 2 ** 30, 2 ** 32, 2 ** 53, 2 ** 61];
const SIZES = [1, 2, 4, 8] as const;

/** A number in one of the lengths that can hold it, not always the shortest (RFC 9000 §16). */
function number(dice: Dice, value: number): Uint8Array {
  const least = encodeVarint(value);
  const size = dice.pick(SIZES);
  return size < least.length ? least : encodeVarint(value, size);
}

/** A message in CRYPTO frames: in order, shuffled, overlapping or with gaps. */
function flight(dice: Dice, message: Uint8Array): Uint8Array[] {
  const edges = Array.from({ length: dice.below(5) }, () => dice.below(message.length + 1));
  const all = [0, ...edges.sort((a, b) => a - b), message.length];
  const overlap = dice.once(2) ? dice.below(30) : 0;
  const out = all.slice(1).map((to, i) =>
    cryptoFrame(message, all[i], Math.min(to + overlap, message.length))
  );
  if (dice.once(3)) out.sort(() => dice.below(3) - 1);
  if (dice.once(4)) out.splice(dice.below(out.length), 1);
  return out;
}

function other(dice: Dice): Uint8Array {
  const numbers = (count: number) =>
    concat(...Array.from({ length: count }, () => number(dice, dice.pick(OFFSETS))));
  switch (dice.below(6)) {
    case 0:
      return new Uint8Array(dice.below(40));
    case 1:
      return Uint8Array.of(1);
    case 2: {
      const count = dice.once(2) ? dice.below(5) : dice.pick(OFFSETS);
      const ranges = 1 + 2 * Math.min(count, 4);
      return concat([2 + dice.below(2)], numbers(2), number(dice, count), numbers(ranges));
    }
    case 3:
      return concat([6], numbers(1), number(dice, dice.below(12)), dice.bytes(10));
    case 4:
      return concat([0x1c], numbers(2), number(dice, dice.pick(OFFSETS)), dice.bytes(4));
    default:
      return concat([6], numbers(2), dice.bytes(8));
  }
}

const PAYLOADS: Kin = kin(
  HELLOS.map((hello) => cryptoFrame(hello)),
  [[6], [2], [0x1c], [6, 0, 0x40, 0x40], [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]]
    .map((bytes) => Uint8Array.from(bytes)),
);

/**
 * Makes the payload of one packet.
 *
 * @param dice Chance
 * @returns Its frames
 */
export function frames(dice: Dice): Uint8Array {
  if (dice.once(8)) return vary(dice, PAYLOADS);
  const message = dice.once(2) ? dice.pick(HELLOS) : mutate(dice.pick(HELLOS), dice, HELLO);
  const parts = flight(dice, message);
  for (let left = dice.below(3); left > 0; left--) {
    parts.splice(dice.below(parts.length + 1), 0, other(dice));
  }
  const payload = concat(...parts);
  return dice.once(3) ? mutate(payload, dice, PAYLOADS) : payload;
}

/** The bit of `how` that makes a packet as long as a connection's first datagram has to be. */
export const FULL = 64;

/**
 * Seals a payload, if it fits a datagram.
 *
 * @param payload The frames
 * @param how Bits that choose version, connection ID, token and packet number
 * @returns An authentic Initial packet
 */
export function seal(payload: Uint8Array, how: number): Uint8Array {
  const opts: PacketOptions = {
    version: how & 1 ? "2" : "1",
    dcid: new Uint8Array(how & 2 ? 20 : 8).fill(how & 4 ? 0xff : 1),
    scid: new Uint8Array(how & 8 ? 20 : 0),
    token: new Uint8Array(how & 16 ? 70 : 0),
    numberBytes: how & 32 ? 4 : 1,
    number: how >> 6,
    size: how & FULL ? 1200 : 0,
  };
  return buildInitial(payload.subarray(0, 60_000), opts);
}
