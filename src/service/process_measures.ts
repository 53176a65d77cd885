/**
 * The measures of a process for metrics: reloads, workers that hang, memory. Knows neither sessions nor how
 * metrics are written.
 *
 * @module
 */

import process from "node:process";
import project from "../../deno.json" with { type: "json" };
import { descriptorLimit } from "../io/descriptors.ts";
import type { AdminMeasures, ProcessMeasures, ReloadOutcome } from "../observe/metrics/measures.ts";

/** A worker without a tick for this long hangs. Clocks tick every 100 ms, and later if a thread is busy. */
const HANG_MS = 1000;

/** What the measures need to know about the process. */
export interface ProcessState {
  readonly io: string;
  readonly ready: boolean;
  readonly startedAt: Date;
  readonly ticks: readonly number[];
  readonly admin?: AdminMeasures | undefined;
}

const NO_ADMIN: AdminMeasures = { connections: 0, displaced: { request: 0, answer: 0, turn: 0 } };

/** Counts for one process. */
export class ProcessBook {
  readonly #reloads: Record<ReloadOutcome, number> = { applied: 0, unchanged: 0, refused: 0 };
  #lastReloadOk = true;
  #configuredAt = Date.now();
  #ticks: readonly number[] = [];
  #ticksAt = -Infinity;
  #up: readonly boolean[] = [];

  /** Counts a reload. */
  reloaded(outcome: ReloadOutcome): void {
    this.#reloads[outcome]++;
    this.#lastReloadOk = outcome !== "refused";
    if (outcome === "applied") this.#configuredAt = Date.now();
  }

  /** Returns the present measures; `now` is the time in milliseconds since the process began. */
  measures(state: ProcessState, now: number = performance.now()): ProcessMeasures {
    const { user, system } = process.cpuUsage();
    return {
      version: project.version,
      io: state.io,
      ready: state.ready,
      reloads: this.#reloads,
      lastReloadOk: this.#lastReloadOk,
      configuredAt: this.#configuredAt / 1000,
      workersUp: this.#workersUp(state.ticks, now),
      startedAt: state.startedAt.getTime() / 1000,
      cpuSeconds: (user + system) / 1e6,
      memoryBytes: Deno.memoryUsage().rss,
      maxDescriptors: descriptorLimit(),
      admin: state.admin ?? NO_ADMIN,
    };
  }

  /** Reports which workers tick. Within a second the answer is the same: that is too little time to judge. */
  #workersUp(ticks: readonly number[], now: number): readonly boolean[] {
    if (now - this.#ticksAt >= HANG_MS) {
      this.#up = ticks.map((count, worker) => count !== this.#ticks[worker]);
      this.#ticks = ticks;
      this.#ticksAt = now;
    }
    return this.#up;
  }
}
