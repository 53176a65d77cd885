/**
 * Watches the process's memory while inputs come: what parsers keep shows as a trend.
 *
 * @module
 */

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

const MIB = 1024 * 1024;
/** What live objects may grow by in the long run: compiled code and caches that fill once. */
const MAX_HEAP_GROWTH = 8 * MIB;
/** What the process may grow by, native memory included, which no collection sees. */
const MAX_RSS_GROWTH = 96 * MIB;
const MIN_SAMPLES = 6;

interface Sample {
  readonly heap: number;
  readonly rss: number;
}

/** Samples of the memory that is left after a collection. */
export class MemoryWatch {
  readonly #collect: () => void;
  readonly #samples: Sample[] = [];

  constructor() {
    setFlagsFromString("--expose-gc");
    this.#collect = runInNewContext("gc");
  }

  /** Collects garbage and records the memory that is left. */
  sample(): void {
    this.#collect();
    const { heapUsed, rss } = Deno.memoryUsage();
    this.#samples.push({ heap: heapUsed, rss });
  }

  /**
   * Describes how the memory changed.
   *
   * @returns MiB of heap and process in the first and the last third of the samples
   */
  describe(): string {
    const mib = (bytes: number) => `${(bytes / MIB).toFixed(1)} MiB`;
    const [early, late] = this.#thirds();
    return `heap after collection ${mib(early.heap)}, later ${mib(late.heap)}; process ` +
      `${mib(early.rss)}, later ${mib(late.rss)}; ${this.#samples.length} samples`;
  }

  /** Reports whether memory grows with the inputs; `false` if there are too few samples. */
  grows(): boolean {
    if (this.#samples.length < MIN_SAMPLES) return false;
    const [early, late] = this.#thirds();
    return late.heap - early.heap > MAX_HEAP_GROWTH || late.rss - early.rss > MAX_RSS_GROWTH;
  }

  /** The least of the first and of the last third: one sample may come at a bad time. */
  #thirds(): readonly [Sample, Sample] {
    const size = Math.ceil(this.#samples.length / 3);
    const least = (samples: readonly Sample[]): Sample => ({
      heap: Math.min(...samples.map(({ heap }) => heap)),
      rss: Math.min(...samples.map(({ rss }) => rss)),
    });
    return [least(this.#samples.slice(0, size)), least(this.#samples.slice(-size))];
  }
}
