/**
 * The definition of a fuzz target, and how streams are cut for it. Knows no parser.
 *
 * @module
 */

import type { Dice } from "./mutate.ts";

/** One input: what its parts mean is the target's business. */
export type Input = readonly Uint8Array[];

/** One parser with its inputs and its rules. */
export interface Target {
  readonly name: string;
  /** How many of the inputs it gets, relative to the others. */
  readonly share: number;
  /** Milliseconds that one input may take, 250 unless set. */
  readonly maxMs?: number;
  /** Makes the input number `index`, which depends on `dice` and `index` only. */
  readonly make: (dice: Dice, index: number) => Input;
  /** Prepares an input before the clock starts. */
  readonly prepare?: (input: Input) => Input;
  /** Feeds the parser; throws where something does not hold. */
  readonly check: (input: Input) => void;
}

/** Asks of one stream; those byte by byte on a long one would cost its square. */
const MAX_ASKS = 300;

/**
 * Chooses where a stream is cut.
 *
 * @param dice Chance
 * @returns Lengths of the pieces in turn, the last one repeating; empty for one piece
 */
export function cuts(dice: Dice): Uint8Array {
  switch (dice.below(4)) {
    case 0:
      return new Uint8Array(0);
    case 1:
      return Uint8Array.of(1);
    default:
      return Uint8Array.from(
        { length: 1 + dice.below(6) },
        () => 1 + dice.below(dice.once(2) ? 8 : 255),
      );
  }
}

/**
 * Walks through a stream in pieces, to its very end.
 *
 * @param input The stream and its cuts, see {@linkcode cuts}
 * @param visit Called with each piece's start and end; `false` stops
 */
export function pieces(
  [bytes = new Uint8Array(0), sizes]: Input,
  visit: (start: number, end: number) => boolean | void,
): void {
  for (let start = 0, i = 0; start < bytes.length; i++) {
    const size = i < MAX_ASKS ? sizes?.[Math.min(i, sizes.length - 1)] ?? 0 : 0;
    const end = size === 0 ? bytes.length : Math.min(start + size, bytes.length);
    if (visit(start, end) === false) return;
    start = end;
  }
}
