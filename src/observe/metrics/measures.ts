/**
 * What metrics are made of: what a running shunt has counted, as of now. Knows neither how it is counted
 * nor how it is told.
 *
 * @module
 */

import type { Counters } from "./counters.ts";
import type { LingerCounters } from "./linger_counters.ts";
import type { ConnectTimes, TargetCounters } from "./target_counters.ts";

/** One listener. */
export interface ListenerMeasures {
  readonly name: string;
  /** Those that it has. */
  readonly transports: readonly ("tcp" | "udp")[];
  readonly counters: Counters;
  /** Its `limits`; unset if a reload has removed it and its sessions and flows live on. */
  readonly limits: { readonly sessions: number; readonly flows: number } | undefined;
  /** The upstreams that its routes lead to, in their order; empty once it is removed. */
  readonly routes: readonly string[];
}

/** One target. */
export interface TargetMeasures {
  readonly name: string;
  /** Whether neither checks nor traffic have found it dead. */
  readonly up: boolean;
  readonly draining: boolean;
  /** From 0 to 1. */
  readonly share: number;
  readonly sessions: number;
  readonly flows: number;
  readonly totals: TargetCounters;
  readonly checks: { readonly ok: number; readonly failed: number };
  readonly ejections: number;
}

/** One upstream. */
export interface UpstreamMeasures {
  readonly name: string;
  readonly times: ConnectTimes;
  readonly targets: readonly TargetMeasures[];
}

/** What the resolver has counted. */
export interface DnsMeasures {
  /** Answers from the cache. */
  readonly hits: number;
  /** Answers from the cache that had expired. */
  readonly stale: number;
  /** Questions that the cache had no answer to. */
  readonly misses: number;
  /** Resolutions that gave no address. */
  readonly failures: number;
  /** Names in the cache. */
  readonly size: number;
}

/** An amount and how much there may be. */
export interface Use {
  readonly used: number;
  readonly limit: number;
}

/** What a proxy has counted. */
export interface ProxyMeasures {
  readonly listeners: readonly ListenerMeasures[];
  readonly upstreams: readonly UpstreamMeasures[];
  readonly dns: DnsMeasures;
  /** Bytes that detections hold. */
  readonly detectMemory: Use;
  /** Descriptors of sessions and flows. */
  readonly descriptors: Use;
  /** Connections whose sessions have ended while bytes are still to arrive. */
  readonly lingering: LingerCounters;
  /** Bytes of resident memory that there may be; `Infinity` if there is no limit. */
  readonly memoryLimit: number;
  /** By worker: its heap, and whether it takes nothing new for want of memory. */
  readonly heaps: readonly (Use & { readonly refuses: boolean })[];
  /** Ticks of each worker's clock. */
  readonly ticks: readonly number[];
}

/** What came of a reload. */
export const RELOAD_RESULTS = ["applied", "unchanged", "refused"] as const;

/** One of {@linkcode RELOAD_RESULTS}. */
export type ReloadOutcome = typeof RELOAD_RESULTS[number];

/**
 * What clients of the admin address lose their place for: a request that had not arrived, an answer that
 * was not read, a turn when too many had asked.
 */
export const DISPLACEMENTS = ["request", "answer", "turn"] as const;

/** One of {@linkcode DISPLACEMENTS}. */
export type Displacement = typeof DISPLACEMENTS[number];

/** How many have lost theirs. */
export type DisplacedCounts = Readonly<Record<Displacement, number>>;

/** The admin address. */
export interface AdminMeasures {
  readonly connections: number;
  readonly displaced: DisplacedCounts;
}

/** What a process has counted. */
export interface ProcessMeasures {
  readonly version: string;
  readonly io: string;
  readonly ready: boolean;
  readonly reloads: Readonly<Record<ReloadOutcome, number>>;
  /** Whether the last reload was taken; so it is before the first. */
  readonly lastReloadOk: boolean;
  /** When the configuration that runs was read, in seconds of the Unix epoch. */
  readonly configuredAt: number;
  /** By worker: whether its clock ticks. */
  readonly workersUp: readonly boolean[];
  /** When the process began, in seconds of the Unix epoch. */
  readonly startedAt: number;
  readonly cpuSeconds: number;
  readonly memoryBytes: number;
  /** Descriptors that the process may have; unset if the system does not tell. */
  readonly maxDescriptors: number | undefined;
  readonly admin: AdminMeasures;
}

/** All of it. */
export interface Measures extends ProxyMeasures {
  readonly process: ProcessMeasures;
}
