/**
 * Runs a target on seeded inputs: clocks and counts them, and shrinks what fails. Knows no parser
 * and prints nothing.
 *
 * @module
 */

import { hashText } from "../../src/resolve/hash.ts";
import type { Input, Target } from "./_target.ts";
import { Dice, MAX_INPUT } from "./mutate.ts";

/** What one input of 64 KiB may take, on a machine that others use too. */
const MAX_MS = 250;
/** How often the slowest input is tried again: only an input that is slow each time counts as slow. */
const SLOW_TRIES = 4;
/** Limit for shrinking, which a person can also do. */
const MAX_SHRINK_MS = 1000;

/** An input that breaks what should hold. */
export interface Failure {
  readonly target: string;
  readonly seed: number;
  /** The input's number. */
  readonly index: number;
  readonly message: string;
  /** The input, as small as it was easily made. */
  readonly input: Input;
}

/** One target's run: the same seed gives the same inputs, whatever other targets do. */
export class Run {
  readonly target: Target;
  readonly #seed: number;
  readonly #dice: Dice;
  readonly #before = new Uint8Array(8 * MAX_INPUT);
  /** Inputs so far. */
  inputs = 0;
  /** Milliseconds that checking them took. */
  totalMs = 0;
  /** Milliseconds that the slowest took. */
  slowestMs = 0;
  /** Bytes of the slowest. */
  slowestBytes = 0;
  /** What failed, after which the target gets no more inputs. */
  failure: Failure | undefined;

  /**
   * @param target The target
   * @param seed Any integer
   */
  constructor(target: Target, seed: number) {
    this.target = target;
    this.#seed = seed;
    this.#dice = new Dice(hashText(target.name) ^ seed);
  }

  /**
   * Runs the next inputs, up to the first that fails.
   *
   * @param count How many
   */
  more(count: number): void {
    for (let left = count; left > 0 && this.failure === undefined; left--) {
      const index = this.inputs++;
      const input = this.target.make(this.#dice, index);
      const message = this.#try(input);
      if (message === undefined) continue;
      const fails = (smaller: Input) => fault(this.target, smaller) !== undefined;
      this.failure = {
        target: this.target.name,
        seed: this.#seed,
        index,
        message,
        // Slow inputs, and parsers that change their input, are not shrunk.
        input: fails(input) ? shrink(input, fails) : input,
      };
    }
  }

  /** What is wrong with how the target takes an input. */
  #try(input: Input): string | undefined {
    const { target } = this;
    const fed = target.prepare?.(input) ?? input;
    const size = this.#remember(fed);
    const start = performance.now();
    let message = judge(target, fed);
    let ms = performance.now() - start;
    this.totalMs += ms;
    for (let tries = 0; ms > this.slowestMs && tries < SLOW_TRIES; tries++) {
      const again = performance.now();
      judge(target, fed);
      ms = Math.min(ms, performance.now() - again);
    }
    if (ms > (target.maxMs ?? MAX_MS)) message ??= `Takes ${ms.toFixed()} ms for ${size} bytes`;
    if (ms > this.slowestMs) {
      this.slowestMs = ms;
      this.slowestBytes = size;
    }
    return message ?? (this.#isAsBefore(fed) ? undefined : "The input was changed");
  }

  #remember(input: Input): number {
    let at = 0;
    for (const part of input) {
      this.#before.set(part, at);
      at += part.length;
    }
    return at;
  }

  #isAsBefore(input: Input): boolean {
    let at = 0;
    for (const part of input) {
      for (let i = 0; i < part.length; i++) if (part[i] !== this.#before[at++]) return false;
    }
    return true;
  }
}

function judge(target: Target, fed: Input): string | undefined {
  try {
    target.check(fed);
    return undefined;
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  }
}

function fault(target: Target, input: Input): string | undefined {
  return judge(target, target.prepare?.(input) ?? input);
}

/**
 * Removes everything that an input fails without: whole parts, then halves, quarters and so on.
 *
 * @param input The input
 * @param fails Reports whether a smaller one still fails
 * @returns The smallest one found
 */
export function shrink(input: Input, fails: (smaller: Input) => boolean): Input {
  let best = input;
  const end = performance.now() + MAX_SHRINK_MS;
  const attempt = (smaller: Input): boolean => {
    if (performance.now() > end || !fails(smaller)) return false;
    best = smaller;
    return true;
  };
  for (let part = best.length - 1; part > 0; part--) attempt(best.toSpliced(part, 1));
  for (let part = 0; part < best.length; part++) {
    for (let size = best[part]!.length >> 1 || 1; size > 0; size >>= 1) {
      for (let at = 0; at < best[part]!.length;) {
        const bytes = best[part]!;
        const without = Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + size)]);
        if (!attempt(best.with(part, without))) at += size;
      }
    }
  }
  return best;
}
