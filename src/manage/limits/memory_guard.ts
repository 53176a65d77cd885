/**
 * Decides when memory is too short for anything new: in one thread's heap, and in the whole process. Knows
 * numbers and time; neither where they come from nor what is refused.
 *
 * @module
 */

import type { HeapUse } from "../../io/heap.ts";

/**
 * Shares of a heap: above `high` nothing new is taken until it is below `low`. V8 ends a process once
 * collections leave more than 80 % and take most of the time.
 */
const HEAP = { low: 0.6, high: 0.7, critical: 0.8 } as const;

/**
 * Collecting takes at most a 20th of a thread's time while nothing new is taken, and a fifth while the heap
 * grows. V8 itself would take more in that state.
 */
const COLLECT = { everyMs: 100, share: { growing: 1 / 5, refusing: 1 / 20 } } as const;

/** The same for `limits.memory`. */
const RESIDENT = { low: 0.8, high: 0.9, critical: 0.95 } as const;

/** Milliseconds that threads have to collect before the process is judged, and until they are asked again. */
const SETTLE_MS = 500;
const ASK_MS = 5000;

/** What a {@linkcode HeapGuard} needs. */
export interface HeapGuardOptions {
  /** Returns how full the heap is. */
  readonly read: () => HeapUse;
  /** Collects all garbage. */
  readonly collect: () => void;
  /** The time in milliseconds, precise. */
  readonly now: () => number;
}

/** Watches the heap of one thread. */
export class HeapGuard {
  /** Whether to take nothing new. */
  refusing = false;
  /** The last reading. */
  use: HeapUse = { used: 0, limit: Infinity, young: 0 };
  readonly #options: HeapGuardOptions;
  #collectAt = -Infinity;

  constructor(options: HeapGuardOptions) {
    this.#options = options;
  }

  /** Reads the heap. If it seems full, collects first: much of it may be garbage that V8 has not collected yet. */
  tick(): void {
    this.use = this.#options.read();
    if (this.#share < (this.refusing ? HEAP.low : HEAP.high)) this.refusing = false;
    else if (this.collect()) {
      this.refusing = this.#share >= (this.refusing ? HEAP.low : HEAP.high);
    } else if (this.use.used >= this.use.limit * HEAP.critical) this.refusing = true;
  }

  /** Collects unless that was just done, and reports whether it did. */
  collect(): boolean {
    const { now, collect, read } = this.#options;
    const began = now();
    if (began < this.#collectAt) return false;
    collect();
    const ended = now();
    const share = COLLECT.share[this.refusing ? "refusing" : "growing"];
    this.#collectAt = ended + Math.max(COLLECT.everyMs, (ended - began) / share);
    this.use = read();
    return true;
  }

  get #share(): number {
    return (this.use.used + this.use.young) / this.use.limit;
  }
}

/** What a {@linkcode ResidentGuard} reads of the process. */
export interface ResidentUse {
  /** Bytes of resident memory. */
  readonly resident: number;
  /** Bytes that it may have. */
  readonly limit: number;
  /** Sessions and flows, in any unit. */
  readonly lives: number;
}

/**
 * Watches the resident memory of the process. The allocators keep the memory of a burst, and the next burst
 * uses it again. So once half of the lives have ended that there were when memory was full, new ones are
 * taken until memory grows beyond what it was then.
 */
export class ResidentGuard {
  /** Whether to take nothing new. */
  refusing = false;
  readonly #askToCollect: () => void;
  /** The most memory, and the lives, when nothing new was taken last. */
  #peak = 0;
  #lives = 0;
  #askAt = -Infinity;
  #judgeAt = Infinity;

  /** @param askToCollect Asks all threads to collect their garbage, which they do soon */
  constructor(askToCollect: () => void) {
    this.#askToCollect = askToCollect;
  }

  /** Judges the process; `now` is in milliseconds. */
  tick(now: number, use: ResidentUse): void {
    const { resident, limit, lives } = use;
    if (resident < limit * RESIDENT.low) {
      this.refusing = false;
      this.#peak = this.#lives = 0;
      this.#judgeAt = Infinity;
    } else if (this.refusing) {
      this.#peak = Math.max(this.#peak, resident);
      this.#ask(now);
      if (lives <= this.#lives / 2) this.refusing = false;
    } else if (resident >= limit * RESIDENT.high && this.#grows(use)) {
      this.#ask(now);
      if (this.#judgeAt === Infinity) this.#judgeAt = now + SETTLE_MS;
      if (now < this.#judgeAt && resident < limit * RESIDENT.critical) return;
      this.refusing = true;
      this.#peak = resident;
      this.#lives = lives;
      this.#judgeAt = Infinity;
    } else this.#judgeAt = Infinity;
  }

  /** Reports whether memory is beyond the last peak, or about as many lives as then need it. */
  #grows({ resident, limit, lives }: ResidentUse): boolean {
    return resident > this.#peak + limit * 0.01 || lives > this.#lives * 0.9;
  }

  #ask(now: number): void {
    if (now < this.#askAt) return;
    this.#askAt = now + ASK_MS;
    this.#askToCollect();
  }
}
