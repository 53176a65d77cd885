/**
 * A shared allowance of bytes, and who has how many of them: if it is full, those who hold most give
 * theirs up. Knows not what the bytes are for.
 *
 * @module
 */

/** Milliseconds that are added to everybody's age, so that a newcomer that wants much counts as well. */
const AGE_MS = 100;

/** Holders of a number of bytes with the same binary logarithm. */
const SHELVES = 32;

/** Whoever holds bytes; a member of one list at a time, which its budget links. */
export abstract class Holder {
  /** When it began, in milliseconds since the process began. */
  readonly started: number = performance.now();
  /** Bytes that it holds. */
  held = 0;
  /** Its place among the others: which list, and its neighbours in it. */
  shelf = -1;
  earlier: Holder | undefined;
  later: Holder | undefined;

  /** Gives up all it holds, and ends. Called by the budget. */
  abstract shed(): void;
}

/** Counts bytes that many hold together, in all workers, up to a limit. */
export class Budget {
  /** Bytes that may be taken at once. */
  limit: number;
  readonly #cells: Float64Array;
  readonly #own: number;
  /** Who came first and last to each list. */
  readonly #first: (Holder | undefined)[] = Array(SHELVES).fill(undefined);
  readonly #last: (Holder | undefined)[] = Array(SHELVES).fill(undefined);

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
   * Takes bytes; if there are too few, those of this worker who hold most end, one after the other. That
   * is measured in bytes and time: whoever has held little for long holds more than who has just come.
   *
   * @param bytes How many
   * @param asker Whose they are to be; unset if it holds nothing yet
   * @returns Whether they were taken; `false` if it is the asker itself who would hold most
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

  /**
   * Gives bytes back.
   *
   * @param bytes As many as were taken
   */
  give(bytes: number): void {
    this.#cells[this.#own]! -= bytes;
  }

  /**
   * Remembers how much somebody holds. From now on {@linkcode claim} may end it. Takes and gives nothing.
   *
   * @param holder Who
   * @param bytes How much it holds now
   */
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

  /** Of each list the one that has been in it longest is looked at: 32 looks, however many hold something. */
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
