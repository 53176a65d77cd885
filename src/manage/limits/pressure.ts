/**
 * Lets the threads of a process know that memory is short, through shared memory: asking costs two reads.
 * Does not know how a thread finds out.
 *
 * @module
 */

/** How full a heap is. */
export interface HeapShare {
  readonly used: number;
  readonly limit: number;
}

/** Sessions and flows that may begin between two readings of the heap: about 0.5 MiB of it. */
const READ_EVERY = 128;

/** The cells before the workers' cells: whether all refuse, and how often all were asked to collect. */
const ALL = 0;
const COLLECT = 1;
const WORKERS = 2;

/** Returns how many bytes of memory so many workers need. */
export function pressureBytes(workers: number): number {
  // Two Float64 by worker, then Int32: used and allowed bytes of the heap; whether it refuses.
  return 16 * workers + 4 * (WORKERS + workers);
}

/** Pressure as one worker, or the control plane, sees it. */
export class Pressure {
  readonly #heaps: Float64Array;
  readonly #cells: Int32Array;
  readonly #worker: number;
  #collected: number;
  #readHeap: (() => void) | undefined;
  #begun = 0;

  /**
   * @param memory {@linkcode pressureBytes}, all zero at first
   * @param workers How many workers share it
   * @param worker The worker whose cells are written
   */
  constructor(memory: SharedArrayBuffer, workers: number, worker: number) {
    this.#heaps = new Float64Array(memory, 0, 2 * workers);
    this.#cells = new Int32Array(memory, 16 * workers, WORKERS + workers);
    this.#worker = worker;
    this.#collected = this.#cells[COLLECT]!;
  }

  /**
   * Sets a callback for when many sessions and flows begin between two ticks of the clock.
   *
   * @param readHeap Reads the heap, and calls {@linkcode refuse}
   */
  onMany(readHeap: () => void): void {
    this.#readHeap = readHeap;
  }

  /** Counts one more session or flow that wants to begin, and reports whether this worker refuses it. */
  refuses(): boolean {
    if (++this.#begun % READ_EVERY === 0) this.#readHeap?.();
    return this.#cells[ALL] !== 0 || this.#cells[WORKERS + this.#worker] !== 0;
  }

  /** Sets whether this worker refuses what is new, and how full its heap is. */
  refuse(refuse: boolean, { used, limit }: HeapShare): void {
    this.#cells[WORKERS + this.#worker] = Number(refuse);
    this.#heaps[2 * this.#worker] = used;
    this.#heaps[2 * this.#worker + 1] = limit;
  }

  /** Sets whether all workers refuse what is new. */
  refuseAll(refuse: boolean): void {
    this.#cells[ALL] = Number(refuse);
  }

  /** Asks all threads to collect their garbage. */
  askToCollect(): void {
    Atomics.add(this.#cells, COLLECT, 1);
  }

  /** Reports whether this thread was asked to collect since the last call. */
  collects(): boolean {
    const asked = this.#cells[COLLECT]!;
    if (asked === this.#collected) return false;
    this.#collected = asked;
    return true;
  }

  /** Resets the cells of a worker that has died. */
  clear(worker: number): void {
    this.#cells[WORKERS + worker] = 0;
    this.#heaps.fill(0, 2 * worker, 2 * worker + 2);
  }

  /** How full the heap of each worker is, and whether the worker refuses what is new. */
  get heaps(): readonly (HeapShare & { readonly refuses: boolean })[] {
    const heaps: (HeapShare & { refuses: boolean })[] = [];
    for (let worker = 0; worker < this.#cells.length - WORKERS; worker++) {
      heaps.push({
        used: this.#heaps[2 * worker]!,
        limit: this.#heaps[2 * worker + 1]!,
        refuses: this.#cells[ALL] !== 0 || this.#cells[WORKERS + worker] !== 0,
      });
    }
    return heaps;
  }
}
