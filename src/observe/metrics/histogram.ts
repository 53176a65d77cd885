/**
 * Counts values by size in fixed buckets. Does not know what is measured, and allocates nothing per value.
 *
 * @module
 */

/** Bounds in seconds for detecting and connecting: three buckets for each power of ten. */
export const WAIT_BOUNDS: readonly number[] = [
  ...[1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05],
  ...[0.1, 0.25, 0.5, 1, 2.5, 5, 10],
];

/** Bounds in seconds for sessions and flows: two buckets for each power of ten, up to a day. */
export const LIFE_BOUNDS: readonly number[] = [
  ...[1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300],
  ...[1000, 3000, 10_000, 30_000, 100_000],
];

/** Returns how many numbers a histogram has: one per bucket, one for larger values, one for the sum. */
export function histogramCells(bounds: readonly number[]): number {
  return bounds.length + 2;
}

/** A histogram over cells of an array, which may lie in shared memory. */
export class Histogram {
  /** The buckets' upper bounds, ascending; a value that equals one belongs to its bucket. */
  readonly bounds: readonly number[];
  readonly #cells: Float64Array;
  readonly #first: number;
  readonly #sum: number;

  /**
   * @param bounds The buckets' upper bounds, ascending
   * @param cells Where it counts; memory of its own unless given
   * @param first The first of its {@linkcode histogramCells} numbers
   */
  constructor(
    bounds: readonly number[],
    cells: Float64Array = new Float64Array(histogramCells(bounds)),
    first: number = 0,
  ) {
    this.bounds = bounds;
    this.#cells = cells;
    this.#first = first;
    this.#sum = first + bounds.length + 1;
  }

  /**
   * Counts a value.
   *
   * @param value The value, in the unit of the bounds
   */
  observe(value: number): void {
    const { bounds } = this;
    let i = 0;
    while (i < bounds.length && value > bounds[i]!) i++;
    const cells = this.#cells;
    cells[this.#first + i] = cells[this.#first + i]! + 1;
    cells[this.#sum] = cells[this.#sum]! + value;
  }

  /** The number of values in each bucket, and last of those above all bounds; not cumulative. */
  get buckets(): Float64Array {
    return this.#cells.subarray(this.#first, this.#sum);
  }

  /** The sum of all values. */
  get sum(): number {
    return this.#cells[this.#sum]!;
  }
}
