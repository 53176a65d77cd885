/**
 * Watches the memory of the whole process for the control plane: makes planes refuse new sessions and
 * flows, and warns the operator. Knows no session.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { collectGarbage, heapUse } from "../io/heap.ts";
import type { Counters } from "../observe/metrics/counters.ts";
import type { Config } from "../config/schema.ts";
import { HeapGuard, ResidentGuard } from "../manage/limits/memory_guard.ts";
import type { Pressure } from "../manage/limits/pressure.ts";
import { RefusalWatch } from "./refusals.ts";

const logger = getLogger(["shunt", "limits"]);

/** The part of the memory that `limits.memory: auto` means. The rest is for socket buffers and other programs. */
const AUTO_SHARE = 0.75;

/**
 * Returns how many bytes of resident memory a configuration lets the process have.
 *
 * @param limits The process's limits
 * @param machine Bytes that the machine or control group has; `undefined` if the system does not report it
 * @returns Bytes; `Infinity` if there is no limit
 */
export function memoryLimit(limits: Config["limits"], machine: number | undefined): number {
  return limits.memory === "auto" ? (machine ?? Infinity) * AUTO_SHARE : limits.memory;
}

/** What a {@linkcode MemoryWatch} needs. */
export interface MemoryWatchOptions {
  /** Passes on to planes whether to refuse everything new. */
  readonly pressure: Pressure;
  /** Returns the sum of all counters. */
  readonly totals: () => Counters;
  /** Returns how many sessions and flows there are, in any unit. */
  readonly lives: () => number;
  /** Whether a data plane runs in this thread. If so, it watches the heap. */
  readonly shared: boolean;
}

/** Watches memory for one process. */
export class MemoryWatch {
  /** Most bytes of resident memory. */
  limit = Infinity;
  readonly #options: MemoryWatchOptions;
  readonly #heap = new HeapGuard({
    read: heapUse,
    collect: collectGarbage,
    now: () => performance.now(),
  });
  readonly #resident: ResidentGuard;
  readonly #refusals: RefusalWatch;

  constructor(options: MemoryWatchOptions) {
    this.#options = options;
    const { totals } = options;
    this.#refusals = new RefusalWatch("no_memory", totals, (refused) => this.#warn(refused));
    this.#resident = new ResidentGuard(() => options.pressure.askToCollect());
  }

  /** Sets the limit, in bytes of resident memory, and warns if the process has nearly reached it already. */
  change(limit: number): void {
    this.limit = limit;
    const resident = Deno.memoryUsage().rss;
    if (resident < limit * 0.8) return;
    logger.warn("limits.memory is hardly more than what shunt takes with no session; raise it", {
      resident,
      limit,
    });
  }

  /** Judges memory, and warns once a minute while sessions or flows are refused because it is nearly full. */
  tick(now: number): void {
    const { pressure, lives, shared } = this.#options;
    if (!shared) {
      this.#heap.tick();
      if (pressure.collects()) this.#heap.collect();
    }
    const resident = Deno.memoryUsage().rss;
    this.#resident.tick(now, { resident, limit: this.limit, lives: lives() });
    pressure.refuseAll(this.#resident.refusing || this.#heap.refusing);
    this.#refusals.tick(now);
  }

  #warn(refused: number): void {
    const { heaps } = this.#options.pressure;
    logger.warn(
      "Sessions or flows are refused: memory is nearly full; raise limits.memory, or the heap " +
        "(--v8-flags=--max-old-space-size=), or lower limits.sessions and limits.flows",
      {
        no_memory: refused,
        resident: Deno.memoryUsage().rss,
        limit: this.limit,
        fullest_heap: Math.max(...heaps.map(({ used, limit }) => limit > 0 ? used / limit : 0)),
      },
    );
  }
}
