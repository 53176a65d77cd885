/**
 * A shared allowance of bytes. Knows neither who takes nor what for.
 *
 * @module
 */

/** Counts bytes that many hold together, in all workers, up to a limit. */
export class Budget {
  /** Bytes that may be taken at once. */
  limit: number;
  readonly #cells: Float64Array;
  readonly #own: number;

  /**
   * @param limit Bytes that may be taken at once
   * @param cells One cell a worker, in shared memory where there are several
   * @param own This worker's cell
   */
  constructor(limit: number, cells: Float64Array = new Float64Array(1), own: number = 0) {
    this.limit = limit;
    this.#cells = cells;
    this.#own = own;
  }

  /** Bytes that are taken now. */
  get used(): number {
    let used = 0;
    for (let i = 0; i < this.#cells.length; i++) used += this.#cells[i]!;
    return used;
  }

  /**
   * Takes bytes if there are enough. Workers that take at the same instant may pass the limit by what
   * one of them takes.
   *
   * @param bytes How many
   * @returns Whether they were taken
   */
  take(bytes: number): boolean {
    if (this.used + bytes > this.limit) return false;
    this.#cells[this.#own]! += bytes;
    return true;
  }

  /**
   * Gives bytes back.
   *
   * @param bytes As many as were taken
   */
  give(bytes: number): void {
    this.#cells[this.#own]! -= bytes;
  }
}
