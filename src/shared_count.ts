/**
 * A number that all workers count together: each has a cell of its own and reads the others'. Knows not
 * what is counted.
 *
 * @module
 */

/** Tries for a place that several workers want at once; each takes some 50 ns. */
const MOST_TRIES = 16;

/** Counts in one worker's cell; the total is of all. */
export class SharedCount {
  readonly #cells: Int32Array;
  readonly #own: number;

  /**
   * @param cells One cell a worker, in shared memory where there are several
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

  /**
   * Changes this worker's share.
   *
   * @param change How much is added
   */
  add(change: number): void {
    Atomics.add(this.#cells, this.#own, change);
  }

  /**
   * Adds unless the total would pass a limit. Workers that try at once never get one too many; that all
   * of them are refused the last place takes many coincidences.
   *
   * @param limit The highest total
   * @param amount How much is added
   * @returns Whether it was added
   */
  take(limit: number, amount: number = 1): boolean {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      this.add(amount);
      if (this.total <= limit) return true;
      this.add(-amount);
      // Who tried in the same instant has given back too, and the place may be free.
      if (this.total + amount > limit) return false;
    }
    return false;
  }
}
