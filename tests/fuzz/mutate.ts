/**
 * Seeded mutations of bytes: flips, cuts, splices, wrong lengths. Knows no protocol except for the seeds
 * and tokens that it is given.
 *
 * @module
 */

import { random } from "../sim/_random.ts";
import { bytesOf, concat } from "../unit/_hello.ts";

/** What detection holds of a session unless configured otherwise. */
export const MAX_INPUT = 65_536;

const INTERESTING = [0, 1, 2, 4, 5, 6, 9, 10, 13, 16, 22, 32, 46, 58, 64, 127, 128, 192, 254, 255];
const MAX_MUTATIONS = 5;

/** Chance that repeats itself: the same seed gives the same choices. */
export class Dice {
  readonly #next: () => number;

  /** @param seed Any integer */
  constructor(seed: number) {
    this.#next = random(seed);
  }

  /**
   * Throws the dice.
   *
   * @param limit At least 1
   * @returns An integer from 0 up to, but not, `limit`
   */
  below(limit: number): number {
    return Math.floor(this.#next() * limit);
  }

  /**
   * Is true now and then.
   *
   * @param times How seldom
   * @returns `true` once in this many times on average
   */
  once(times: number): boolean {
    return this.below(times) === 0;
  }

  /**
   * Chooses one of several.
   *
   * @param list At least one
   * @returns Any of them
   */
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  /**
   * Makes noise.
   *
   * @param length How many bytes
   * @returns Random bytes
   */
  bytes(length: number): Uint8Array {
    const out = new Uint8Array(length);
    for (let i = 0; i < length; i++) out[i] = this.below(256);
    return out;
  }
}

/** What inputs of one kind are made of. */
export interface Kin {
  /** Valid inputs. */
  readonly seeds: readonly Uint8Array[];
  /** Bytes that mean something in them. */
  readonly tokens: readonly Uint8Array[];
}

/**
 * Puts together what inputs of one kind are made of.
 *
 * @param seeds Valid inputs, text as one byte per character
 * @param tokens Words that mean something in them
 * @returns Both as bytes
 */
export function kin(
  seeds: readonly (Uint8Array | string)[],
  tokens: readonly (Uint8Array | string)[],
): Kin {
  const toBytes = (one: Uint8Array | string) => typeof one === "string" ? bytesOf(one) : one;
  return { seeds: seeds.map(toBytes), tokens: tokens.map(toBytes) };
}

type Mutator = (bytes: Uint8Array, dice: Dice, kin: Kin) => Uint8Array;

/** Where to cut, all places alike, the end included. */
function place(bytes: Uint8Array, dice: Dice): number {
  return dice.below(bytes.length + 1);
}

function slice(bytes: Uint8Array, dice: Dice): Uint8Array {
  const from = place(bytes, dice);
  return bytes.subarray(from, from + 1 + dice.below(dice.once(4) ? 256 : 16));
}

function insert(bytes: Uint8Array, at: number, more: Uint8Array): Uint8Array {
  return concat(bytes.subarray(0, at), more, bytes.subarray(at));
}

/** Sets one to four bytes, as a big-endian length, to what lengths are wrong by. */
const mislength: Mutator = (bytes, dice) => {
  const width = 1 + dice.below(4);
  const at = dice.below(Math.max(1, bytes.length - width + 1));
  const value = bytes.subarray(at, at + width).reduce((sum, byte) => sum * 256 + byte, 0);
  const rest = Math.max(0, bytes.length - at - width);
  const max = 256 ** width - 1;
  let wrong = dice.pick([0, 1, max, value - 1, value + 1, rest, rest + 1, rest - 1]);
  for (let i = at + width - 1; i >= at; i--) {
    if (i < bytes.length) bytes[i] = wrong & 255;
    wrong = Math.floor(wrong / 256);
  }
  return bytes;
};

const MUTATORS: readonly Mutator[] = [
  mislength,
  mislength,
  (bytes, dice) => {
    bytes[dice.below(bytes.length)]! ^= 1 << dice.below(8);
    return bytes;
  },
  (bytes, dice) => {
    bytes[dice.below(bytes.length)] = dice.pick(INTERESTING);
    return bytes;
  },
  (bytes, dice) => {
    bytes[dice.below(bytes.length)] = dice.below(256);
    return bytes;
  },
  (bytes, dice) => bytes.slice(0, place(bytes, dice)),
  (bytes, dice) => concat(bytes, dice.bytes(dice.below(40))),
  (bytes, dice) => concat(bytes, new Uint8Array(dice.below(300)).fill(dice.pick(INTERESTING))),
  (bytes, dice, { seeds }) => {
    const other = dice.pick(seeds);
    return concat(bytes.subarray(0, place(bytes, dice)), other.subarray(place(other, dice)));
  },
  (bytes, dice) => insert(bytes, place(bytes, dice), slice(bytes, dice)),
  (bytes, dice) => {
    const from = place(bytes, dice);
    return concat(bytes.subarray(0, from), bytes.subarray(from + 1 + dice.below(16)));
  },
  (bytes, dice, { tokens }) =>
    tokens.length === 0 ? bytes : insert(bytes, place(bytes, dice), dice.pick(tokens)),
  (bytes, dice, { tokens }) => {
    if (tokens.length === 0) return bytes;
    const token = dice.pick(tokens);
    bytes.set(
      token.subarray(0, bytes.length),
      dice.below(Math.max(1, bytes.length - token.length)),
    );
    return bytes;
  },
];

/** Repeats a piece until the input is as long as detection lets it grow. */
function blowUp(bytes: Uint8Array, dice: Dice): Uint8Array {
  const from = place(bytes, dice);
  const piece = slice(bytes, dice);
  const rest = bytes.subarray(from);
  const room = MAX_INPUT - bytes.length;
  if (piece.length === 0 || room <= 0) return bytes;
  const out = new Uint8Array(MAX_INPUT);
  out.set(bytes.subarray(0, from));
  for (let at = 0; at < room; at++) out[from + at] = piece[at % piece.length]!;
  out.set(rest, from + room);
  return out;
}

/**
 * Damages bytes a few times.
 *
 * @param bytes The bytes, which stay as they are
 * @param dice Chance
 * @param kin What to splice in
 * @returns Other bytes, {@linkcode MAX_INPUT} at most
 */
export function mutate(bytes: Uint8Array, dice: Dice, kin: Kin): Uint8Array {
  let out: Uint8Array = bytes.slice();
  for (let left = dice.below(MAX_MUTATIONS + 1); left > 0; left--) {
    if (out.length === 0) out = dice.bytes(1 + dice.below(8));
    out = dice.pick(MUTATORS)(out, dice, kin);
  }
  if (dice.once(4000)) out = blowUp(out, dice);
  return out.length > MAX_INPUT ? out.slice(0, MAX_INPUT) : out;
}

/**
 * Makes an input of a kind: mostly a damaged seed, sometimes noise.
 *
 * @param dice Chance
 * @param kin What inputs of the kind are made of
 * @returns At least one byte
 */
export function vary(dice: Dice, kin: Kin): Uint8Array {
  const noise = dice.once(16);
  const out = noise ? dice.bytes(1 + dice.below(120)) : mutate(dice.pick(kin.seeds), dice, kin);
  // Noise that opens as the protocol does gets past the first byte.
  if (noise && dice.once(2)) out[0] = dice.pick(kin.seeds)[0]!;
  return out.length === 0 ? Uint8Array.of(dice.pick(INTERESTING)) : out;
}
