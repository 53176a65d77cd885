/**
 * What the admin address may see and do of a running shunt. Knows neither HTTP nor how anything is done.
 *
 * @module
 */

import type { Config, FaultsConfig } from "../config/schema.ts";
import type { LiveRecord } from "../observe/access/record.ts";
import type { Counters } from "../observe/metrics/counters.ts";
import type { LiveQuery } from "../observe/access/live.ts";
import type { Measures } from "../observe/metrics/measures.ts";

/** Where shunt is in its life. */
export type RunState = "starting" | "ready" | "draining";

/** The state that an operator has set for a target: `drain` takes nothing new. */
export type WantedState = "ready" | "drain";

/** The health of a target: `unchecked` if nothing checks it. */
export type TargetHealth = "up" | "down" | "ejected" | "unchecked";

/** The state of one target. */
export interface TargetStatus {
  /** The address as the configuration writes it. */
  readonly target: string;
  readonly weight: number;
  readonly backup: boolean;
  readonly state: WantedState;
  readonly health: TargetHealth;
  /** When its health last changed, as in RFC 3339. */
  readonly since?: string | undefined;
  readonly last_error?: string | undefined;
  readonly sessions: number;
  readonly flows: number;
  /** From 0 to 1: less than 1 while it starts slowly. */
  readonly share: number;
}

/** The state of one upstream. */
export interface UpstreamStatus {
  readonly name: string;
  readonly balance: string;
  readonly targets: readonly TargetStatus[];
}

/** The result of a reload. */
export type ReloadResult =
  | { readonly ok: true; readonly changed: readonly string[] }
  | { readonly ok: false; readonly problems: readonly string[] };

/** A running shunt, as the admin address sees it. */
export interface Control {
  readonly state: RunState;
  readonly startedAt: Date;
  /** Milliseconds since the start, unaffected by changes of the system clock. */
  readonly uptime: number;
  /** The running configuration. */
  readonly config: Config;
  /** The bound addresses of each listener. */
  readonly addresses: Readonly<
    Record<string, { readonly tcp: readonly string[]; readonly udp: readonly string[] }>
  >;
  /** The sockets that carry the data. */
  readonly io: string;
  /** Threads that carry the data. */
  readonly workers: number;
  /** The counters of each listener, as of now. */
  stats(): Readonly<Record<string, Counters>>;
  /** The counters of all listeners, including those that reloads have removed. */
  totals(): Counters;
  /** Running sessions and flows, and the bytes that detection holds. */
  active(): { readonly sessions: number; readonly flows: number; readonly detectMemory: number };
  /** The upstreams, with the state of their targets. */
  upstreams(): readonly UpstreamStatus[];
  /** At most `limit` of the running sessions or flows, by id. */
  live(query: LiveQuery): Promise<readonly LiveRecord[]>;
  /** Drains a target, or takes it back. Returns `false` if there is no such upstream or target. */
  setTarget(upstream: string, target: string, state: WantedState): boolean;
  /**
   * Sets the faults of an upstream for as long as this process runs, reloads included.
   *
   * @param upstream The upstream's name
   * @param faults The faults of its sessions and flows; null restores those of the configuration
   * @returns `false` if there is no such upstream
   */
  setFaults(upstream: string, faults: FaultsConfig | null): Promise<boolean>;
  /** Reads the configuration again and applies it, completely or not at all. */
  reload(): Promise<ReloadResult>;
  /** Why it cannot hand over to another shunt now; `undefined` if it can. */
  handOverRefusal(): string | undefined;
  /** Ensures that another shunt that binds the same addresses gets no clients before it takes over. */
  prepareHandOver(): Promise<void>;
  /**
   * Begins to drain. The process ends when the drain is complete.
   *
   * @param handOver Whether another shunt has bound the same addresses and takes new clients
   */
  drain(handOver: boolean): void;
  /** The measures as of now. */
  measures(): Measures;
  /** The metrics in Prometheus' text format. */
  metrics(): Promise<Blob>;
}
