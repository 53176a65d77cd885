/**
 * What the admin address may see and do of a running shunt. Knows neither HTTP nor how any of it is
 * done.
 *
 * @module
 */

import type { z } from "zod";
import type { Config, FaultsConfig } from "../config/schema.ts";
import type { LiveRecord } from "../observe/access/record.ts";
import type { Counters } from "../observe/metrics/counters.ts";
import type { LiveQuery } from "../observe/access/live.ts";
import type { Measures } from "../observe/metrics/measures.ts";
import type { StatusSchema, TargetPatchSchema, UpstreamSchema } from "./answers.ts";

/** Where shunt is in its life. */
export type RunState = z.output<typeof StatusSchema>["state"];

/** What an operator wants of a target: `drain` takes nothing new. */
export type WantedState = z.output<typeof TargetPatchSchema>["state"];

/** One upstream as it stands. */
export type UpstreamStatus = z.output<typeof UpstreamSchema>;

/** One target as it stands. */
export type TargetStatus = UpstreamStatus["targets"][number];

/** What came of a reload. */
export type ReloadResult =
  | { readonly ok: true; readonly changed: readonly string[] }
  | { readonly ok: false; readonly problems: readonly string[] };

/** A running shunt, for whoever administers it. */
export interface Control {
  readonly state: RunState;
  readonly startedAt: Date;
  /** Milliseconds since then, whatever has been done to the clock. */
  readonly uptime: number;
  /** What runs. */
  readonly config: Config;
  /** What each listener is bound to. */
  readonly addresses: Readonly<
    Record<string, { readonly tcp: readonly string[]; readonly udp: readonly string[] }>
  >;
  /** Whose sockets carry the data. */
  readonly io: string;
  /** Threads that carry it. */
  readonly workers: number;
  /** The counters of each listener, as of now. */
  stats(): Readonly<Record<string, Counters>>;
  /** The counters of all listeners, those that reloads have removed too. */
  totals(): Counters;
  /** What lives, and the bytes that detection holds. */
  active(): { readonly sessions: number; readonly flows: number; readonly detectMemory: number };
  /** The upstreams, with their targets as they stand. */
  upstreams(): readonly UpstreamStatus[];
  /** At most `limit` of the sessions or flows that live, by id. */
  live(query: LiveQuery): Promise<readonly LiveRecord[]>;
  /**
   * Drains a target, or takes it back.
   *
   * @returns `false` where there is no such upstream or target
   */
  setTarget(upstream: string, target: string, state: WantedState): boolean;
  /**
   * Sets the faults of an upstream for as long as this process runs, reloads included.
   *
   * @param upstream The upstream's name
   * @param faults What to do to its sessions and flows; null goes back to what the configuration says
   * @returns `false` where there is no such upstream
   */
  setFaults(upstream: string, faults: FaultsConfig | null): Promise<boolean>;
  /** Reads the configuration again and goes on with it, whole or not at all. */
  reload(): Promise<ReloadResult>;
  /** Why it cannot hand over to another shunt now; `undefined` where it can. */
  handOverRefusal(): string | undefined;
  /** Sees to it that another shunt that binds the same addresses gets nothing before it takes over. */
  prepareHandOver(): Promise<void>;
  /**
   * Begins to drain; the process ends when that is done.
   *
   * @param handOver Whether another shunt has bound the same addresses and takes what is new
   */
  drain(handOver: boolean): void;
  /** What was counted, as of now. */
  measures(): Measures;
  /** The metrics in Prometheus' text format. */
  metrics(): Promise<Blob>;
}
