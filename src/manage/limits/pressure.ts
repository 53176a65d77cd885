/**
 * How the threads of a process let each other know that memory is short: in shared memory, so asking costs
 * two reads. Does not know how they find out.
 *
 * @module
 */

/** How full a heap is. */
export interface HeapShare {
  readonly used: number;
  readonly limit: number;
}

/** Sessions and flows that may begin between two looks at the heap: about 0.5 MiB of it. */
const LOOK_EVERY = 128;

/** The cells before those of workers: whether all refuse, and how often all were asked to collect. */
const ALL = 0;
const COLLECT = 1;
const WORKERS = 2;

/**
 * Reports how much memory it takes.
 *
 * @param workers How many workers share it
 * @returns Bytes
 */
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
  #look: (() => void) | undefined;
  #begun = 0;

  /**
   * @param memory {@linkcode pressureBytes}, all zero at first
   * @param workers How many workers share it
   * @param worker Whose cells are written
   */
  constructor(memory: SharedArrayBuffer, workers: number, worker: number) {
    this.#heaps = new Float64Array(memory, 0, 2 * workers);
    this.#cells = new Int32Array(memory, 16 * workers, WORKERS + workers);
    this.#worker = worker;
    this.#collected = this.#cells[COLLECT]!;
  }

  /**
   * Sets what looks at the heap when many sessions and flows begin between two ticks of the clock.
   *
   * @param look Looks at it, and calls {@linkcode refuse}
   */
  onMany(look: () => void): void {
    this.#look = look;
  }

  /**
   * Counts one more session or flow that wants to begin.
   *
   * @returns Whether this worker takes nothing new
   */
  refuses(): boolean {
    if (++this.#begun % LOOK_EVERY === 0) this.#look?.();
    return this.#cells[ALL] !== 0 || this.#cells[WORKERS + this.#worker] !== 0;
  }

  /**
   * Sets whether this worker refuses what is new, and how full its heap is.
   *
   * @param refuse Whether it does
   * @param use How full its heap is
   */
  refuse(refuse: boolean, { used, limit }: HeapShare): void {
    this.#cells[WORKERS + this.#worker] = Number(refuse);
    this.#heaps[2 * this.#worker] = used;
    this.#heaps[2 * this.#worker + 1] = limit;
  }

  /**
   * Sets whether all workers refuse what is new.
   *
   * @param refuse Whether they do
   */
  refuseAll(refuse: boolean): void {
    this.#cells[ALL] = Number(refuse);
  }

  /** Asks all threads to collect their garbage. */
  askToCollect(): void {
    Atomics.add(this.#cells, COLLECT, 1);
  }

  /** Whether this thread was asked to collect since this was last called. */
  collects(): boolean {
    const asked = this.#cells[COLLECT]!;
    if (asked === this.#collected) return false;
    this.#collected = asked;
    return true;
  }

  /**
   * Forgets what a worker that is gone has set.
   *
   * @param worker The worker
   */
  clear(worker: number): void {
    this.#cells[WORKERS + worker] = 0;
    this.#heaps.fill(0, 2 * worker, 2 * worker + 2);
  }

  /** How full the heap of each worker is, and whether it refuses what is new. */
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
