/**
 * A shared budget of bytes, and how many each holder has. If it is used up, the holders that have most give
 * theirs up. Does not know what the bytes are for.
 *
 * @module
 */

/** Milliseconds that are added to each holder's age, so that a new one that wants much has weight too. */
const AGE_MS = 100;

/** Lists of holders: each for the numbers of bytes with the same binary logarithm. */
const SHELVES = 32;

/** What holds bytes. A member of one list at a time, which its budget links. */
export abstract class Holder {
  /** When it began, in milliseconds since the start of the process. */
  readonly started: number = performance.now();
  /** Bytes that it holds. */
  held = 0;
  /** Which list it is in, and its neighbours there. */
  shelf = -1;
  earlier: Holder | undefined;
  later: Holder | undefined;

  /** Gives up all that it holds, and ends. Called by the budget. */
  abstract shed(): void;
}

/** Counts the bytes that all holders of all workers have together, up to a limit. */
export class Budget {
  /** Bytes that may be taken at once. */
  limit: number;
  readonly #cells: Float64Array;
  readonly #own: number;
  /** The first and last holder of each list. */
  readonly #first: (Holder | undefined)[] = Array(SHELVES).fill(undefined);
  readonly #last: (Holder | undefined)[] = Array(SHELVES).fill(undefined);

  /**
   * @param limit Bytes that may be taken at once
   * @param cells One cell per worker, in shared memory if there are several
   * @param own This worker's cell
   */
  constructor(limit: number, cells: Float64Array = new Float64Array(1), own: number = 0) {
    this.limit = limit;
    this.#cells = cells;
    this.#own = own;
  }

  /** Bytes taken now. */
  get used(): number {
    let used = 0;
    for (let i = 0; i < this.#cells.length; i++) used += this.#cells[i]!;
    return used;
  }

  /**
   * Takes bytes if there are enough, and reports whether it did. Workers that take at the same instant may
   * exceed the limit by what one of them takes.
   */
  take(bytes: number): boolean {
    if (this.used + bytes > this.limit) return false;
    this.#cells[this.#own]! += bytes;
    return true;
  }

  /**
   * Takes bytes. If there are too few, the holders of this worker with the most weight end, one after the
   * other. Weight is bytes times milliseconds: a little held for long weighs more than much held for an
   * instant.
   *
   * @param asker The holder that wants them; unset if it holds nothing yet
   * @returns Whether they were taken; `false` if the asker itself would weigh most
   */
  claim(bytes: number, asker?: Holder): boolean {
    if (this.take(bytes)) return true;
    const now = performance.now();
    const wanted = weight((asker?.held ?? 0) + bytes, asker?.started ?? now, now);
    do {
      const most = this.#most(now);
      if (most === undefined || most === asker || weightOf(most, now) <= wanted) return false;
      most.shed();
      this.note(most, 0);
    } while (!this.take(bytes));
    return true;
  }

  /** Gives bytes back: as many as were taken. */
  give(bytes: number): void {
    this.#cells[this.#own]! -= bytes;
  }

  /** Notes how much a holder has now, without taking it. From now on {@linkcode claim} may end it. */
  note(holder: Holder, bytes: number): void {
    holder.held = bytes;
    const shelf = bytes > 0 ? 31 - Math.clz32(bytes) : -1;
    if (shelf === holder.shelf) return;
    this.#unlink(holder);
    holder.shelf = shelf;
    if (shelf < 0) return;
    const last = this.#last[shelf];
    holder.earlier = last;
    if (last === undefined) this.#first[shelf] = holder;
    else last.later = holder;
    this.#last[shelf] = holder;
  }

  #unlink(holder: Holder): void {
    const { shelf, earlier, later } = holder;
    if (shelf < 0) return;
    if (earlier === undefined) this.#first[shelf] = later;
    else earlier.later = later;
    if (later === undefined) this.#last[shelf] = earlier;
    else later.earlier = earlier;
    holder.earlier = holder.later = undefined;
  }

  /** Compares the oldest member of each list: 32 looks, however many holders there are. */
  #most(now: number): Holder | undefined {
    let most: Holder | undefined;
    for (const holder of this.#first) {
      if (holder === undefined) continue;
      if (most === undefined || weightOf(holder, now) > weightOf(most, now)) most = holder;
    }
    return most;
  }
}

function weight(bytes: number, started: number, now: number): number {
  return bytes * (now - started + AGE_MS);
}

function weightOf({ held, started }: Holder, now: number): number {
  return weight(held, started, now);
}
