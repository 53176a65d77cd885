/**
 * Counts what each source has in all workers together, in shared memory: a table of fixed size that workers
 * use one at a time.
 *
 * @module
 */

import { refilled } from "../../bucket.ts";
import type { ListenerLimits } from "../../config/per_source.ts";
import { hashText } from "../../resolve/hash.ts";
import { type SourceKey, sourceKey, type SourceLedger, type SourceReason } from "./sources.ts";

/** Sources that the table holds: 2^16, which takes 1.5 MiB, and 0.25 MiB per worker. */
const SLOTS = 65_536;
/**
 * Slots that a source may be in. If none of them is free, a source without sessions and flows is forgotten.
 * If there is no such source either, the new one is not counted.
 */
const PROBES = 32;
const SECOND_SEED = 0x9e3779b9;
/** Milliseconds by which the clocks of workers may differ: a tick each, and much more to be safe. */
const SKEW_MS = 2000;
/** Tries to take the lock before the thread sleeps. A lock is held for less than a microsecond. */
const SPINS = 1000;

/** Returns how many bytes a table for so many workers takes. */
export function sharedSourcesBytes(workers: number): number {
  // The lock, two Float64 (tokens, time), two halves of the key, and a count for each worker.
  return 8 + SLOTS * (16 + 8 + 4 * workers);
}

/** The ledger of several workers. */
export class SharedSources implements SourceLedger {
  readonly #config: ListenerLimits;
  readonly #now: () => number;
  readonly #worker: number;
  readonly #workers: number;
  readonly #burst: number;
  readonly #lock: Int32Array;
  /** Two per slot: tokens, and the time at which they were right. */
  readonly #buckets: Float64Array;
  /** Two per slot; both are 0 if it is free. */
  readonly #keys: Int32Array;
  /** Sessions and flows by slot, then by worker. */
  readonly #active: Int32Array;

  /**
   * @param options The memory, all zero at first, the worker whose cells are written, and a clock that all
   * workers share, in milliseconds
   */
  constructor(config: ListenerLimits, options: {
    readonly memory: SharedArrayBuffer;
    readonly worker: number;
    readonly workers: number;
    readonly now: () => number;
  }) {
    const { memory, worker, workers, now } = options;
    this.#config = config;
    this.#now = now;
    this.#worker = worker;
    this.#workers = workers;
    this.#burst = Math.max(1, config.new_per_source);
    this.#lock = new Int32Array(memory, 0, 1);
    this.#buckets = new Float64Array(memory, 8, SLOTS * 2);
    this.#keys = new Int32Array(memory, 8 + SLOTS * 16, SLOTS * 2);
    this.#active = new Int32Array(memory, 8 + SLOTS * 24, SLOTS * workers);
  }

  get size(): number {
    let size = 0;
    for (let slot = 0; slot < SLOTS; slot++) {
      if (this.#keys[slot * 2] !== 0 || this.#keys[slot * 2 + 1] !== 0) size++;
    }
    return size;
  }

  charge(source: string): SourceReason | undefined {
    const key = sourceKey(source);
    this.#acquire();
    const refused = this.#charge(key);
    this.#give();
    return refused;
  }

  refuses(source: string): boolean {
    const key = sourceKey(source);
    this.#acquire();
    const slot = this.#find(...halves(key), false);
    const refused = slot >= 0 && this.#isSpent(slot);
    this.#give();
    return refused;
  }

  release(source: string): void {
    const key = sourceKey(source);
    this.#acquire();
    const slot = this.#find(...halves(key), false);
    if (slot >= 0) {
      const cell = slot * this.#workers + this.#worker;
      if (this.#active[cell]! > 0) this.#active[cell]!--;
    }
    this.#give();
  }

  /** Does nothing: a source without sessions and flows is forgotten when a new one needs its slot. */
  sweep(): void {}

  /** Forgets the sessions and flows of a worker that has died. */
  clear(worker: number): void {
    // It may have died while it held the lock.
    Atomics.store(this.#lock, 0, 0);
    for (let slot = 0; slot < SLOTS; slot++) this.#active[slot * this.#workers + worker] = 0;
  }

  #isSpent(slot: number): boolean {
    const { per_source: most, new_per_source: rate } = this.#config;
    if (most > 0 && this.#total(slot) >= most) return true;
    if (rate > 0) this.#refill(slot);
    return rate > 0 && this.#buckets[slot * 2]! < 1;
  }

  #charge(key: SourceKey): SourceReason | undefined {
    const { per_source: most, new_per_source: rate } = this.#config;
    const slot = this.#find(...halves(key), true);
    if (slot < 0) return undefined;
    if (most > 0 && this.#total(slot) >= most) return "limit_source";
    if (rate > 0) {
      this.#refill(slot);
      if (this.#buckets[slot * 2]! < 1) return "limit_rate";
      this.#buckets[slot * 2]!--;
    }
    this.#active[slot * this.#workers + this.#worker]!++;
    return undefined;
  }

  /** Finds the slot of a key; with `make`, takes one for it. Negative if there is none. */
  #find(high: number, low: number, make: boolean): number {
    let quiet = -1;
    for (let probe = 0; probe < PROBES; probe++) {
      const slot = (low + probe) & (SLOTS - 1);
      const [first, second] = [this.#keys[slot * 2], this.#keys[slot * 2 + 1]];
      if (first === high && second === low) return slot;
      if (first === 0 && second === 0) return make ? this.#take(slot, high, low) : -1;
      if (quiet < 0 && this.#total(slot) === 0) quiet = slot;
    }
    return make && quiet >= 0 ? this.#take(quiet, high, low) : -1;
  }

  #take(slot: number, high: number, low: number): number {
    this.#keys[slot * 2] = high;
    this.#keys[slot * 2 + 1] = low;
    this.#buckets[slot * 2] = this.#burst;
    this.#buckets[slot * 2 + 1] = this.#now();
    return slot;
  }

  #total(slot: number): number {
    let total = 0;
    const first = slot * this.#workers;
    for (let i = first; i < first + this.#workers; i++) total += this.#active[i]!;
    return total;
  }

  #refill(slot: number): void {
    const now = this.#now();
    const passed = now - this.#buckets[slot * 2 + 1]!;
    // Clocks of workers may differ by a tick, which must take no tokens back. One that differs by more
    // started before or after a jump of the wall clock, and must not wait until it has caught up.
    if (passed <= 0 && -passed < SKEW_MS) return;
    const { new_per_source: rate } = this.#config;
    this.#buckets[slot * 2] = refilled(this.#buckets[slot * 2]!, passed, rate, this.#burst);
    this.#buckets[slot * 2 + 1] = now;
  }

  #acquire(): void {
    for (let spins = 0; Atomics.compareExchange(this.#lock, 0, 0, 1) !== 0; spins++) {
      if (spins >= SPINS) Atomics.wait(this.#lock, 0, 1, 1);
    }
  }

  #give(): void {
    Atomics.store(this.#lock, 0, 0);
    Atomics.notify(this.#lock, 0, 1);
  }
}

/** Returns two hashes of a key, 64 bits together: two sources have the same once in a lifetime. */
function halves(key: SourceKey): [high: number, low: number] {
  const text = String(key);
  // Two zeros mark a free slot.
  return [hashText(text, SECOND_SEED) | 1, hashText(text) | 0];
}
