/**
 * The measures of a running shunt, from which metrics are made. Knows neither how they are counted nor how
 * they are written.
 *
 * @module
 */

import type { Counters } from "./counters.ts";
import type { LingerCounters } from "./linger_counters.ts";
import type { ConnectTimes, TargetCounters } from "./target_counters.ts";

/** One listener. */
export interface ListenerMeasures {
  readonly name: string;
  /** The transports that it has. */
  readonly transports: readonly ("tcp" | "udp")[];
  readonly counters: Counters;
  /** Its `limits`; unset if a reload has removed the listener and its sessions and flows still run. */
  readonly limits: { readonly sessions: number; readonly flows: number } | undefined;
  /** The upstreams of its routes, in order; empty once it is removed. */
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

/** The counters of the resolver. */
export interface DnsMeasures {
  /** Answers from the cache. */
  readonly hits: number;
  /** Answers from the cache that had expired. */
  readonly stale: number;
  /** Names that the cache could not answer. */
  readonly misses: number;
  /** Resolutions that gave no address. */
  readonly failures: number;
  /** Names in the cache. */
  readonly size: number;
}

/** An amount and its limit. */
export interface Use {
  readonly used: number;
  readonly limit: number;
}

/** The measures of a proxy. */
export interface ProxyMeasures {
  readonly listeners: readonly ListenerMeasures[];
  readonly upstreams: readonly UpstreamMeasures[];
  readonly dns: DnsMeasures;
  /** Bytes that detections hold. */
  readonly detectMemory: Use;
  /** Descriptors of sessions and flows. */
  readonly descriptors: Use;
  /** Connections whose sessions have ended while bytes still have to arrive. */
  readonly lingering: LingerCounters;
  /** Limit for resident memory in bytes; `Infinity` if there is none. */
  readonly memoryLimit: number;
  /** By worker: its heap, and whether it takes nothing new because memory is short. */
  readonly heaps: readonly (Use & { readonly refuses: boolean })[];
  /** Ticks of each worker's clock. */
  readonly ticks: readonly number[];
}

/** Results of a reload. */
export const RELOAD_RESULTS = ["applied", "unchanged", "refused"] as const;

/** One of {@linkcode RELOAD_RESULTS}. */
export type ReloadOutcome = typeof RELOAD_RESULTS[number];

/**
 * Why clients of the admin address lose their place: a request that had not arrived, an answer that was not
 * read, or a turn when too many were waiting.
 */
export const DISPLACEMENTS = ["request", "answer", "turn"] as const;

/** One of {@linkcode DISPLACEMENTS}. */
export type Displacement = typeof DISPLACEMENTS[number];

/** How many clients have lost their place, by reason. */
export type DisplacedCounts = Readonly<Record<Displacement, number>>;

/** The admin address. */
export interface AdminMeasures {
  readonly connections: number;
  readonly displaced: DisplacedCounts;
}

/** The measures of a process. */
export interface ProcessMeasures {
  readonly version: string;
  readonly io: string;
  readonly ready: boolean;
  readonly reloads: Readonly<Record<ReloadOutcome, number>>;
  /** Whether the last reload was applied; `true` before the first one. */
  readonly lastReloadOk: boolean;
  /** When the running configuration was read, in seconds of the Unix epoch. */
  readonly configuredAt: number;
  /** By worker: whether its clock ticks. */
  readonly workersUp: readonly boolean[];
  /** When the process started, in seconds of the Unix epoch. */
  readonly startedAt: number;
  readonly cpuSeconds: number;
  readonly memoryBytes: number;
  /** Limit of descriptors; unset if the system does not report it. */
  readonly maxDescriptors: number | undefined;
  readonly admin: AdminMeasures;
}

/** The measures of a proxy and its process. */
export interface Measures extends ProxyMeasures {
  readonly process: ProcessMeasures;
}
