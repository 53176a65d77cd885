/**
 * The memory that the workers of a process share: what each counts, for the others and the control plane to
 * read, and the standing of targets. Knows the layout, not what is done with the numbers.
 *
 * Each listener and target has a buffer of its own, so that a reload keeps the buffers of those whose names
 * stay.
 *
 * @module
 */

import type { Config, ListenerConfig, TargetConfig } from "../config/schema.ts";
import { type ListenerLimits, listenerLimits } from "../config/per_source.ts";
import { Budget } from "../manage/limits/budget.ts";
import { limitsSources, type SocketLimit } from "../manage/limits/limits.ts";
import { Pressure, pressureBytes } from "../manage/limits/pressure.ts";
import { SharedSources, sharedSourcesBytes } from "../manage/limits/shared_sources.ts";
import { COUNTER_CELLS, Counters } from "../observe/metrics/counters.ts";
import { LINGER_CELLS, LingerCounters } from "../observe/metrics/linger_counters.ts";
import { SharedCount } from "../shared_count.ts";
import {
  CONNECT_CELLS,
  ConnectTimes,
  TARGET_CELLS,
  TargetCounters,
} from "../observe/metrics/target_counters.ts";
import { Standing, STANDING_CELLS } from "../resolve/standing.ts";
import type { TargetCells } from "../resolve/upstream.ts";
import type { Steps } from "../slices.ts";
import { formatTarget } from "../wire/address.ts";

/** The buffers of one listener. */
interface ListenerMemory {
  /** Float64: {@linkcode COUNTER_CELLS} by worker. */
  readonly counters: SharedArrayBuffer;
  /** Float64 by worker: sessions by route, then flows by route. They begin at 0 if routes change. */
  readonly matches: SharedArrayBuffer;
  /** The routes of {@linkcode matches}. */
  readonly routes: string;
  /** Int32: sessions by worker, then flows by worker. */
  readonly counts: SharedArrayBuffer;
  /** The table of sources, if several workers limit them. */
  readonly sources: SharedArrayBuffer | undefined;
}

/** The buffers, as workers get them. */
export interface SharedMemory {
  readonly workers: number;
  /** Float64: bytes of detection memory by worker. */
  readonly detectMemory: SharedArrayBuffer;
  /** Int32: descriptors of sessions and flows by worker. */
  readonly sockets: SharedArrayBuffer;
  /** Descriptors that sessions and flows may have together. */
  readonly maxSockets: number;
  /** Float64: {@linkcode LINGER_CELLS} by worker. */
  readonly lingering: SharedArrayBuffer;
  /** Int32: descriptors of flows by worker. */
  readonly flowSockets: SharedArrayBuffer;
  /** How many of {@linkcode maxSockets} flows may have. */
  readonly maxFlowSockets: number;
  /** Whether memory is short, of {@linkcode pressureBytes}. */
  readonly pressure: SharedArrayBuffer;
  /** Int32: ticks of each worker's clock, which show that it is alive. */
  readonly ticks: SharedArrayBuffer;
  readonly listeners: Readonly<Record<string, ListenerMemory>>;
  /**
   * By upstream, then by target as the configuration spells it. Int32: sessions by worker, flows by
   * worker, then the target's {@linkcode Standing}. Float64 after that: {@linkcode TARGET_CELLS} by
   * worker.
   */
  readonly targets: Readonly<Record<string, Readonly<Record<string, SharedArrayBuffer>>>>;
  /** By upstream. Float64: {@linkcode CONNECT_CELLS} by worker. */
  readonly upstreams: Readonly<Record<string, SharedArrayBuffer>>;
}

/**
 * The share of descriptors that flows may have if there is TCP too: one datagram with a forged source begins a
 * flow, but a session takes a handshake.
 */
const FLOWS_SHARE = 0.75;

function flowShare({ listeners }: Config, maxSockets: number): number {
  const tcp = Object.values(listeners).some(({ transports }) => transports.includes("tcp"));
  return tcp ? Math.max(1, Math.floor(maxSockets * FLOWS_SHARE)) : maxSockets;
}

/** What memory is made for. */
export interface MemoryOptions {
  readonly workers: number;
  readonly maxSockets: number;
}

function listenerMemory(
  config: ListenerConfig,
  workers: number,
  previous: ListenerMemory | undefined,
): ListenerMemory {
  const routes = JSON.stringify(config.routes);
  return {
    counters: previous?.counters ?? new SharedArrayBuffer(8 * COUNTER_CELLS * workers),
    matches: previous?.routes === routes
      ? previous.matches
      : new SharedArrayBuffer(16 * config.routes.length * workers),
    routes,
    counts: previous?.counts ?? new SharedArrayBuffer(8 * workers),
    sources: workers > 1 && limitsSources(listenerLimits(config))
      ? previous?.sources ?? new SharedArrayBuffer(sharedSourcesBytes(workers))
      : undefined,
  };
}

/** The offset of a target's totals. Float64 cells lie at multiples of 8 bytes. */
function totalsOffset(workers: number): number {
  return 8 * Math.ceil((2 * workers + STANDING_CELLS) / 2);
}

/** Adds up rows of numbers, one per worker. */
function sumRows(memory: SharedArrayBuffer, workers: number): Float64Array {
  const cells = new Float64Array(memory);
  const length = cells.length / workers;
  const sum = cells.slice(0, length);
  for (let i = length; i < cells.length; i++) sum[i % length]! += cells[i]!;
  return sum;
}

function* mapValues<T, U>(
  record: Readonly<Record<string, T>>,
  change: (value: T, key: string) => Steps<U>,
): Steps<Record<string, U>> {
  const mapped: Record<string, U> = {};
  for (const [key, value] of Object.entries(record)) mapped[key] = yield* change(value, key);
  return mapped;
}

/**
 * Makes the memory for a configuration. New buffers are zero.
 *
 * @param options How many workers there are, or the memory of the previous configuration, whose listeners and
 * targets keep their numbers by name
 */
export function* makeMemory(
  config: Config,
  options: MemoryOptions | SharedMemory,
): Steps<SharedMemory> {
  const { workers, maxSockets } = options;
  const previous = "ticks" in options ? options : undefined;
  const targetBytes = totalsOffset(workers) + 8 * TARGET_CELLS * workers;
  return {
    workers,
    maxSockets,
    detectMemory: previous?.detectMemory ?? new SharedArrayBuffer(8 * workers),
    sockets: previous?.sockets ?? new SharedArrayBuffer(4 * workers),
    lingering: previous?.lingering ?? new SharedArrayBuffer(8 * LINGER_CELLS * workers),
    flowSockets: previous?.flowSockets ?? new SharedArrayBuffer(4 * workers),
    maxFlowSockets: flowShare(config, maxSockets),
    pressure: previous?.pressure ?? new SharedArrayBuffer(pressureBytes(workers)),
    ticks: previous?.ticks ?? new SharedArrayBuffer(4 * workers),
    listeners: yield* mapValues(
      config.listeners,
      function* (listener, name) {
        yield;
        return listenerMemory(listener, workers, previous?.listeners[name]);
      },
    ),
    targets: yield* mapValues(
      config.upstreams,
      function* ({ targets }, upstream) {
        const memory: Record<string, SharedArrayBuffer> = {};
        for (const { address } of targets) {
          const name = formatTarget(address);
          const known = previous?.targets[upstream]?.[name];
          memory[name] = known ?? new SharedArrayBuffer(targetBytes);
          yield;
        }
        return memory;
      },
    ),
    upstreams: yield* mapValues(
      config.upstreams,
      function* (_, name) {
        yield;
        return previous?.upstreams[name] ?? new SharedArrayBuffer(8 * CONNECT_CELLS * workers);
      },
    ),
  };
}

/** For a ledger that is only cleared. */
const ANY_LIMITS = { sessions: 0, flows: 0, per_source: 0, new_per_source: 0 };

/** The shared memory, as one worker or the control plane uses it. */
export class SharedView {
  readonly memory: SharedMemory;
  /** Whether memory is short, of the process and of each worker. */
  readonly pressure: Pressure;
  readonly #worker: number;

  /** @param worker The worker whose cells this view writes */
  constructor(memory: SharedMemory, worker: number) {
    this.memory = memory;
    this.pressure = new Pressure(memory.pressure, memory.workers, worker);
    this.#worker = worker;
  }

  /** The bytes that detections hold together, up to a limit. */
  budget(limit: number): Budget {
    return new Budget(limit, new Float64Array(this.memory.detectMemory), this.#worker);
  }

  /** The descriptors that sessions and flows may have together. */
  sockets(): SocketLimit {
    const { sockets, maxSockets, flowSockets, maxFlowSockets } = this.memory;
    const count = (memory: SharedArrayBuffer) =>
      new SharedCount(new Int32Array(memory), this.#worker);
    return {
      count: count(sockets),
      most: maxSockets,
      flows: { count: count(flowSockets), most: maxFlowSockets },
    };
  }

  /** What lingers in this worker. */
  lingering(): LingerCounters {
    return this.#lingeringOf(this.#worker);
  }

  /** What lingers in all workers, as of now. */
  lingeringTotals(): LingerCounters {
    return new LingerCounters(sumRows(this.memory.lingering, this.memory.workers));
  }

  #lingeringOf(worker: number): LingerCounters {
    const offset = 8 * LINGER_CELLS * worker;
    return new LingerCounters(new Float64Array(this.memory.lingering, offset, LINGER_CELLS));
  }

  /** Counts a tick, which shows the control plane that this worker is alive. */
  tick(): void {
    Atomics.add(new Int32Array(this.memory.ticks), this.#worker, 1);
  }

  /** Ticks of each worker's clock. */
  ticks(): number[] {
    return [...new Int32Array(this.memory.ticks)];
  }

  /** The counters of a listener, by its name, in this worker. */
  counters(listener: string): Counters {
    return this.#countersOf(listener, this.#worker);
  }

  /** The sum of a listener's counters over all workers, as of now. */
  totals(listener: string): Counters {
    const { workers } = this.memory;
    const { counters, matches } = this.memory.listeners[listener]!;
    return new Counters(sumRows(counters, workers), sumRows(matches, workers));
  }

  /** The counts behind a listener's limits, by its name. */
  listenerCounts(listener: string): Pick<TargetCells, "sessions" | "flows"> {
    return this.#pair(this.memory.listeners[listener]!.counts);
  }

  /**
   * The sources of a listener, if several workers count them together.
   *
   * @param now The time in milliseconds since this thread began
   * @returns The ledger, or `undefined` if each thread may count for itself
   */
  sources(
    listener: string,
    limits: ListenerLimits,
    now: () => number,
  ): SharedSources | undefined {
    const memory = this.memory.listeners[listener]?.sources;
    if (memory === undefined) return undefined;
    return new SharedSources(limits, {
      memory,
      worker: this.#worker,
      workers: this.memory.workers,
      // Threads begin at different times: adding the origin gives them the same clock.
      now: () => performance.timeOrigin + now(),
    });
  }

  /** What threads share about targets of an upstream, in the order of `targets`. */
  targetCells(upstream: string, targets: readonly TargetConfig[]): TargetCells[] {
    return targets.map(({ address }) => {
      const memory = this.memory.targets[upstream]![formatTarget(address)]!;
      const standing = new Int32Array(memory, 8 * this.memory.workers, STANDING_CELLS);
      const totals = new Float64Array(memory, totalsOffset(this.memory.workers));
      return {
        ...this.#pair(memory),
        standing: new Standing(standing),
        totals: new TargetCounters(totals, this.#worker),
      };
    });
  }

  /** The connect times of an upstream, by its name, in this worker. */
  connectTimes(upstream: string): ConnectTimes {
    const offset = 8 * CONNECT_CELLS * this.#worker;
    const memory = this.memory.upstreams[upstream]!;
    return new ConnectTimes(new Float64Array(memory, offset, CONNECT_CELLS));
  }

  /** The connect times of an upstream over all workers, as of now. */
  connectTotals(upstream: string): ConnectTimes {
    return new ConnectTimes(sumRows(this.memory.upstreams[upstream]!, this.memory.workers));
  }

  /** Resets a dead worker's gauges; its totals stay. */
  clear(worker: number): void {
    const { workers, listeners, targets, sockets, flowSockets, detectMemory } = this.memory;
    const counts = [
      ...Object.values(listeners).map((listener) => listener.counts),
      ...Object.values(targets).flatMap((upstream) => Object.values(upstream)),
    ];
    for (const memory of counts) {
      const cells = new Int32Array(memory, 0, 2 * workers);
      Atomics.store(cells, worker, 0);
      Atomics.store(cells, workers + worker, 0);
    }
    Atomics.store(new Int32Array(sockets), worker, 0);
    Atomics.store(new Int32Array(flowSockets), worker, 0);
    new Float64Array(detectMemory)[worker] = 0;
    this.#lingeringOf(worker).clear();
    this.pressure.clear(worker);
    for (const name of Object.keys(listeners)) {
      this.sources(name, ANY_LIMITS, () => 0)?.clear(worker);
      const counters = this.#countersOf(name, worker);
      counters.sessions.endAll();
      counters.flows.endAll();
    }
  }

  #countersOf(listener: string, worker: number): Counters {
    const { counters, matches } = this.memory.listeners[listener]!;
    const routes = matches.byteLength / 8 / this.memory.workers;
    return new Counters(
      new Float64Array(counters, 8 * COUNTER_CELLS * worker, COUNTER_CELLS),
      new Float64Array(matches, 8 * routes * worker, routes),
    );
  }

  #pair(memory: SharedArrayBuffer): Pick<TargetCells, "sessions" | "flows"> {
    const { workers } = this.memory;
    return {
      sessions: new SharedCount(new Int32Array(memory, 0, workers), this.#worker),
      flows: new SharedCount(new Int32Array(memory, 4 * workers, workers), this.#worker),
    };
  }
}
