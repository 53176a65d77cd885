/**
 * A number that all workers count together: each has its own cell and reads the others'. Does not know what
 * is counted.
 *
 * @module
 */

/** Tries to take a place that several workers want at once; each takes about 50 ns. */
const MOST_TRIES = 16;

/** Counts in one worker's cell; the total is the sum of all cells. */
export class SharedCount {
  readonly #cells: Int32Array;
  readonly #own: number;

  /**
   * @param cells One cell per worker, in shared memory if there are several
   * @param own This worker's cell
   */
  constructor(cells: Int32Array = new Int32Array(1), own: number = 0) {
    this.#cells = cells;
    this.#own = own;
  }

  /** The sum over all workers. */
  get total(): number {
    let total = 0;
    for (let i = 0; i < this.#cells.length; i++) total += Atomics.load(this.#cells, i);
    return total;
  }

  /** Adds to this worker's cell. */
  add(change: number): void {
    Atomics.add(this.#cells, this.#own, change);
  }

  /**
   * Adds unless the total would pass a limit. Workers that try at once never exceed it; that all of them
   * are refused the last place is very unlikely.
   *
   * @param limit The highest total
   * @param amount How much to add
   * @returns Whether it was added
   */
  take(limit: number, amount: number = 1): boolean {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      this.add(amount);
      if (this.total <= limit) return true;
      this.add(-amount);
      // A worker that tried in the same instant has subtracted its amount too, so the place may be free.
      if (this.total + amount > limit) return false;
    }
    return false;
  }
}
