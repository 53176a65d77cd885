/**
 * What decides whether a target is used, in memory that all threads share: the control plane says what
 * it knows of the target, data planes read it and report how their traffic fares. Knows no check and
 * no policy.
 *
 * @module
 */

/** Numbers that a standing takes. */
export const STANDING_CELLS = 3;

/** Why a target is not used; several may hold at once. */
export const OUT = {
  /** An operator drains it. */
  drain: 1,
  /** Active checks failed. */
  down: 2,
  /** Real traffic failed. */
  ejected: 4,
} as const;

/** A key of {@linkcode OUT}. */
export type OutReason = keyof typeof OUT;

/** The whole of a target's share: thousandths. */
export const FULL_SHARE = 1000;

const REASONS = 0;
/** Thousandths that are missing of the full share, so that memory of zeros is a target in use. */
const MISSING = 1;
const FAILURES = 2;

/** How a target stands. */
export class Standing {
  readonly #cells: Int32Array;

  /** @param cells {@linkcode STANDING_CELLS} numbers, 0 at first; shared by all who know the target */
  constructor(cells: Int32Array = new Int32Array(STANDING_CELLS)) {
    this.#cells = cells;
  }

  /** Whether it takes new sessions and flows. */
  get usable(): boolean {
    return Atomics.load(this.#cells, REASONS) === 0;
  }

  /** Whether checks or traffic have found it dead; what it has may move elsewhere. */
  get dead(): boolean {
    return (Atomics.load(this.#cells, REASONS) & (OUT.down | OUT.ejected)) !== 0;
  }

  /**
   * Reports whether a reason holds.
   *
   * @param reason The reason
   */
  is(reason: OutReason): boolean {
    return (Atomics.load(this.#cells, REASONS) & OUT[reason]) !== 0;
  }

  /**
   * Sets or lifts a reason; the control plane's alone.
   *
   * @param reason The reason
   * @param holds Whether it holds from now on
   */
  set(reason: OutReason, holds: boolean): void {
    if (holds) Atomics.or(this.#cells, REASONS, OUT[reason]);
    else Atomics.and(this.#cells, REASONS, ~OUT[reason]);
  }

  /** How much of its weight counts, in thousandths: less than all while it starts slowly. */
  get share(): number {
    return FULL_SHARE - Atomics.load(this.#cells, MISSING);
  }

  /** The control plane's alone to set, 1 to {@linkcode FULL_SHARE}. */
  set share(thousandths: number) {
    Atomics.store(this.#cells, MISSING, FULL_SHARE - thousandths);
  }

  /** Consecutive failures of real traffic, of all workers. */
  get failures(): number {
    return Atomics.load(this.#cells, FAILURES);
  }

  /** Reports that it could not be connected to, or broke before its first byte. */
  failed(): void {
    Atomics.add(this.#cells, FAILURES, 1);
  }

  /** Reports that it has answered, which ends a row of failures. */
  answered(): void {
    if (Atomics.load(this.#cells, FAILURES) !== 0) Atomics.store(this.#cells, FAILURES, 0);
  }
}
