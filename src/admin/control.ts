/**
 * What the admin address may see and do of a running shunt. Knows neither HTTP nor how any of it is
 * done.
 *
 * @module
 */

import type { FaultsConfig } from "../config/schema.ts";
import type { Proxy } from "../control/proxy.ts";
import type { Measures } from "../observe/metrics/measures.ts";
import type { UpstreamAnswer } from "./answers.ts";

/** Where shunt is in its life. */
export type RunState = "starting" | "ready" | "draining";

/** What came of a reload. */
export type ReloadResult =
  | { readonly ok: true; readonly changed: readonly string[] }
  | { readonly ok: false; readonly problems: readonly string[] };

/** What the admin address may see of the proxy. */
export type SeenProxy = Pick<
  Proxy,
  "config" | "addresses" | "io" | "workers" | "stats" | "totals" | "active" | "live"
>;

/** A running shunt, for whoever administers it. */
export interface Control {
  readonly proxy: SeenProxy;
  readonly state: RunState;
  readonly startedAt: Date;
  /** Milliseconds since then, whatever has been done to the clock. */
  readonly uptime: number;
  /** The upstreams, with their targets as they stand. */
  upstreams(): readonly UpstreamAnswer[];
  /**
   * Drains a target, or takes it back.
   *
   * @returns `false` where there is no such upstream or target
   */
  setTarget(upstream: string, target: string, state: "ready" | "drain"): boolean;
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
