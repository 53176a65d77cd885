/**
 * Feeds worst inputs to their readers and measures the cost. Knows no protocol.
 *
 * @module
 */

import { Detection } from "../../src/detect/mod.ts";
import { wantsAll } from "../../src/facts/wants.ts";

/** Sizes of the pieces in bytes; `Infinity` means one piece. */
export const CUTS: readonly number[] = [Infinity, 64, 1];

/** Feeds one input, in pieces of a size. */
export type Feed = (input: readonly Uint8Array[], cut: number) => void;

/** One worst input, at any size. */
export interface Worst {
  /** Its reader: the name of a detector or a parser. */
  readonly parser: string;
  /** Why it is bad. */
  readonly name: string;
  /** The largest size in bytes that is ever read. */
  readonly cap: number;
  /** How it is fed. */
  readonly feed: Feed;
  /** The sizes of pieces; default {@linkcode CUTS}. */
  readonly cuts?: readonly number[];
  /** Makes an input of about this many bytes: one array for a stream, the datagrams for a flow. */
  readonly make: (size: number) => readonly Uint8Array[];
  /** Changes the input before each time, so that nothing remembered helps. */
  readonly freshen?: (input: readonly Uint8Array[], time: number) => void;
}

/** Feeds a session's first bytes to detection, as `manage/session/serve.ts` does. */
export const stream: Feed = ([bytes = new Uint8Array(0)], cut) => {
  const detection = new Detection("tcp", wantsAll());
  const { length } = bytes;
  for (let end = Math.min(cut, length);; end = Math.min(end + cut, length)) {
    if (detection.stream(bytes.subarray(0, end)) !== undefined || end === length) return;
  }
};

/** Feeds a flow's first datagrams to detection, as `manage/flow/flows.ts` does. */
export const flow: Feed = (datagrams) => {
  const detection = new Detection("udp", wantsAll());
  const held: Uint8Array[] = [];
  for (const datagram of datagrams) {
    held.push(datagram);
    if (detection.datagrams(held) !== undefined) return;
  }
};

/**
 * Feeds a parser that reports how many bytes it needs, as `manage/session/serve.ts` does.
 *
 * @param parse The parser
 * @returns Its feed
 */
export function needing(
  parse: (bytes: Uint8Array) => { readonly kind: string; readonly bytes?: number },
): Feed {
  return ([bytes = new Uint8Array(0)], cut) => {
    let needed = 1;
    for (let end = Math.min(cut, bytes.length);; end = Math.min(end + cut, bytes.length)) {
      if (end >= needed) {
        const result = parse(bytes.subarray(0, end));
        if (result.kind !== "need_more") return;
        needed = result.bytes ?? Infinity;
      }
      if (end === bytes.length) return;
    }
  };
}

/** Milliseconds of one measurement at least, so that the clock's resolution does not matter. */
const LEAST_MS = 1;
let times = 0;

/** Feeds an input repeatedly, and reports the cost of one time. */
export class Meter {
  readonly #worst: Worst;
  readonly #input: readonly Uint8Array[];
  readonly #cut: number;
  #repeat = 1;
  /** Microseconds of the best round so far. */
  best = Infinity;

  /**
   * @param worst The input
   * @param size Its bytes
   * @param cut How it is cut
   */
  constructor(worst: Worst, size: number, cut: number) {
    this.#worst = worst;
    this.#input = worst.make(size);
    this.#cut = cut;
  }

  /** Bytes of the input. */
  get bytes(): number {
    return this.#input.reduce((sum, { length }) => sum + length, 0);
  }

  /** Feeds the input often enough for the engine to compile the reader. */
  warmUp(): void {
    this.round();
    this.round();
    this.best = Infinity;
  }

  /** Measures one round, longer than the last one if that was too short to measure. */
  round(): void {
    const { feed, freshen } = this.#worst;
    for (;;) {
      const start = performance.now();
      for (let i = 0; i < this.#repeat; i++) {
        freshen?.(this.#input, ++times);
        feed(this.#input, this.#cut);
      }
      const ms = performance.now() - start;
      if (ms >= LEAST_MS) {
        this.best = Math.min(this.best, ms * 1000 / this.#repeat);
        return;
      }
      this.#repeat *= ms < LEAST_MS / 8 ? 8 : 2;
    }
  }
}

/**
 * Compares the costs of two sizes, round by round, so that other work on the machine affects both.
 *
 * @param worst The input
 * @param cut How it is cut
 * @param opts The smaller size, and rounds of each
 * @returns The cost of twice the input, as a multiple of the input's
 */
export function costOfTwice(
  worst: Worst,
  cut: number,
  { size, rounds }: { readonly size: number; readonly rounds: number },
): number {
  const [once, twice] = [new Meter(worst, size, cut), new Meter(worst, size * 2, cut)];
  once.warmUp();
  twice.warmUp();
  for (let i = 0; i < rounds; i++) {
    once.round();
    twice.round();
  }
  return twice.best / once.best;
}
