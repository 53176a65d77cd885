/**
 * The state that decides whether a target is used, in memory that all threads share. The control plane
 * writes what it knows of the target; data planes read it and report the results of their traffic. Knows no
 * check and no policy.
 *
 * @module
 */

/** Numbers of one standing. */
export const STANDING_CELLS = 3;

/** Why a target is not used. Several reasons may hold at once. */
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

/** The full share of a target, in thousandths. */
export const FULL_SHARE = 1000;

const REASONS = 0;
/** Thousandths missing from the full share, so that zeroed memory means a target in use. */
const MISSING = 1;
const FAILURES = 2;

/** The standing of a target. */
export class Standing {
  readonly #cells: Int32Array;

  /** @param cells {@linkcode STANDING_CELLS} numbers, initially 0; shared by all threads */
  constructor(cells: Int32Array = new Int32Array(STANDING_CELLS)) {
    this.#cells = cells;
  }

  /** Whether it takes new sessions and flows. */
  get usable(): boolean {
    return Atomics.load(this.#cells, REASONS) === 0;
  }

  /** Whether checks or traffic have found it dead. Its flows may move elsewhere. */
  get dead(): boolean {
    return (Atomics.load(this.#cells, REASONS) & (OUT.down | OUT.ejected)) !== 0;
  }

  /** Reports whether a reason holds. */
  is(reason: OutReason): boolean {
    return (Atomics.load(this.#cells, REASONS) & OUT[reason]) !== 0;
  }

  /** Sets or lifts a reason. Only the control plane may call this. */
  set(reason: OutReason, holds: boolean): void {
    if (holds) Atomics.or(this.#cells, REASONS, OUT[reason]);
    else Atomics.and(this.#cells, REASONS, ~OUT[reason]);
  }

  /** How much of its weight counts, in thousandths; less than all while it starts slowly. */
  get share(): number {
    return FULL_SHARE - Atomics.load(this.#cells, MISSING);
  }

  /** Set only by the control plane, 1 to {@linkcode FULL_SHARE}. */
  set share(thousandths: number) {
    Atomics.store(this.#cells, MISSING, FULL_SHARE - thousandths);
  }

  /** Consecutive failures of real traffic in all workers. */
  get failures(): number {
    return Atomics.load(this.#cells, FAILURES);
  }

  /** Reports that a connection failed, or broke before its first byte. */
  failed(): void {
    Atomics.add(this.#cells, FAILURES, 1);
  }

  /** Reports that it has answered, which ends a series of failures. */
  answered(): void {
    if (Atomics.load(this.#cells, FAILURES) !== 0) Atomics.store(this.#cells, FAILURES, 0);
  }
}
