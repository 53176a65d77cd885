/**
 * The memory that the workers of a process share: what each counts, where the others and the control
 * plane can read it. Knows the layout, not what is done with the numbers.
 *
 * @module
 */

import type { Config } from "../config/schema.ts";
import { Budget } from "../manage/budget.ts";
import { limitsSources } from "../manage/limits.ts";
import { SharedSources, sharedSourcesBytes } from "../manage/shared_sources.ts";
import { COUNTER_CELLS, Counters } from "../observe/counters.ts";
import { SharedCount } from "../observe/shared_count.ts";
import type { TargetCounts } from "../resolve/upstream.ts";

/** The buffers, as they are handed to workers. */
export interface SharedMemory {
  readonly workers: number;
  /** Float64: {@linkcode COUNTER_CELLS} by listener, by worker. */
  readonly counters: SharedArrayBuffer;
  /** Int32: a cell a worker for each count. */
  readonly counts: SharedArrayBuffer;
  /** Float64: bytes of detection memory by worker. */
  readonly detectMemory: SharedArrayBuffer;
  /** The table of sources of each listener that limits them, where there are several workers. */
  readonly sources: readonly (SharedArrayBuffer | undefined)[];
}

function listTargets(config: Config): number {
  return Object.values(config.upstreams).reduce((sum, { targets }) => sum + targets.length, 0);
}

/**
 * Makes the memory for a configuration.
 *
 * @param config The configuration
 * @param workers How many workers there will be
 * @returns The memory, all zero
 */
export function makeSharedMemory(config: Config, workers: number): SharedMemory {
  const listeners = Object.keys(config.listeners).length;
  const counts = 2 * (listeners + listTargets(config));
  return {
    workers,
    counters: new SharedArrayBuffer(8 * COUNTER_CELLS * listeners * workers),
    counts: new SharedArrayBuffer(4 * counts * workers),
    detectMemory: new SharedArrayBuffer(8 * workers),
    sources: Object.values(config.listeners).map(({ limits }) =>
      workers > 1 && limitsSources(limits)
        ? new SharedArrayBuffer(sharedSourcesBytes(workers))
        : undefined
    ),
  };
}

/** The shared memory as one worker, or the control plane, sees it. */
export class SharedView {
  readonly budget: Budget;
  readonly #config: Config;
  readonly #memory: SharedMemory;
  readonly #worker: number;
  /** By worker, then by listener. */
  readonly #counters: Counters[][];

  /**
   * @param config The configuration that the memory was made for
   * @param memory The memory
   * @param worker Whose cells this view counts in
   */
  constructor(config: Config, memory: SharedMemory, worker: number) {
    this.#config = config;
    this.#memory = memory;
    this.#worker = worker;
    const cells = new Float64Array(memory.detectMemory);
    const listeners = Object.keys(config.listeners).length;
    this.#counters = Array.from(
      { length: memory.workers },
      (_, worker) =>
        Array.from({ length: listeners }, (_, listener) => {
          const at = 8 * COUNTER_CELLS * (worker * listeners + listener);
          return new Counters(new Float64Array(memory.counters, at, COUNTER_CELLS));
        }),
    );
    this.budget = new Budget(config.limits.detect_memory, cells, worker);
  }

  /** The counters of a listener, by its place in the configuration, in this worker. */
  counters(listener: number): Counters {
    return this.#counters[this.#worker]![listener]!;
  }

  /** The sum of a listener's counters over all workers, as of now. */
  totals(listener: number): Counters {
    return Counters.sum(this.#counters.map((listeners) => listeners[listener]!));
  }

  /** Sessions and flows of all listeners in all workers, as of now. */
  active(): { readonly sessions: number; readonly flows: number } {
    let sessions = 0;
    let flows = 0;
    for (const listeners of this.#counters) {
      for (const counters of listeners) {
        sessions += counters.sessionsActive;
        flows += counters.flowsActive;
      }
    }
    return { sessions, flows };
  }

  /** The counts behind a listener's limits. */
  listenerCounts(listener: number): TargetCounts {
    return this.#pair(listener);
  }

  /**
   * The sources of a listener, where several workers count them together.
   *
   * @param listener The listener's place in the configuration
   * @param now The time in milliseconds since this thread began
   * @returns The ledger, or `undefined` where each thread may count for itself
   */
  sources(listener: number, now: () => number): SharedSources | undefined {
    const memory = this.#memory.sources[listener];
    const limits = Object.values(this.#config.listeners)[listener]?.limits;
    if (memory === undefined || limits === undefined) return undefined;
    return new SharedSources(limits, {
      memory,
      worker: this.#worker,
      workers: this.#memory.workers,
      // Threads begin at different times: the origin makes their clocks one.
      now: () => performance.timeOrigin + now(),
    });
  }

  /** The counts of an upstream's targets, by its name. */
  targetCounts(upstream: string): TargetCounts[] {
    let first = Object.keys(this.#config.listeners).length;
    for (const [name, { targets }] of Object.entries(this.#config.upstreams)) {
      if (name === upstream) return targets.map((_, i) => this.#pair(first + i));
      first += targets.length;
    }
    return [];
  }

  /** Forgets what a worker that is gone has counted as being there now; its totals stay. */
  clear(worker: number): void {
    const cells = new Int32Array(this.#memory.counts);
    for (let i = worker; i < cells.length; i += this.#memory.workers) Atomics.store(cells, i, 0);
    new Float64Array(this.#memory.detectMemory)[worker] = 0;
    this.#memory.sources.forEach((_, i) => this.sources(i, () => 0)?.clear(worker));
    for (const counters of this.#counters[worker]!) {
      counters.closes.worker_died += counters.sessionsActive + counters.flowsActive;
      counters.sessionsActive = 0;
      counters.flowsActive = 0;
    }
  }

  #pair(index: number): TargetCounts {
    return { sessions: this.#count(2 * index), flows: this.#count(2 * index + 1) };
  }

  #count(index: number): SharedCount {
    const { counts, workers } = this.#memory;
    return new SharedCount(new Int32Array(counts, 4 * index * workers, workers), this.#worker);
  }
}
