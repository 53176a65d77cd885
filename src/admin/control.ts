/**
 * What the admin address may see and do of a running shunt. Knows neither HTTP nor how anything is done.
 *
 * @module
 */

import type { FaultsConfig } from "../config/schema.ts";
import type { Proxy } from "../control/proxy.ts";
import type { Measures } from "../observe/metrics/measures.ts";
import type { UpstreamAnswer } from "./answers.ts";

/** Where shunt is in its life. */
export type RunState = "starting" | "ready" | "draining";

/** The result of a reload. */
export type ReloadResult =
  | { readonly ok: true; readonly changed: readonly string[] }
  | { readonly ok: false; readonly problems: readonly string[] };

/** What the admin address may see of the proxy. */
export type SeenProxy = Pick<
  Proxy,
  "config" | "addresses" | "io" | "workers" | "stats" | "totals" | "active" | "live"
>;

/** A running shunt, as the admin address sees it. */
export interface Control {
  readonly proxy: SeenProxy;
  readonly state: RunState;
  readonly startedAt: Date;
  /** Milliseconds since the start, unaffected by changes of the system clock. */
  readonly uptime: number;
  /** The upstreams, with the state of their targets. */
  upstreams(): readonly UpstreamAnswer[];
  /** Drains a target, or takes it back. Returns `false` if there is no such upstream or target. */
  setTarget(upstream: string, target: string, state: "ready" | "drain"): boolean;
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
