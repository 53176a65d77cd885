/**
 * The counts of all listeners, also of those that reloads have removed. Knows no worker and no metric.
 *
 * @module
 */

import type { Config } from "../config/schema.ts";
import { Counters } from "../observe/metrics/counters.ts";
import type { ListenerMeasures } from "../observe/metrics/measures.ts";
import type { SharedView } from "../plane/shared.ts";

/** A listener that a reload has removed, while it still has sessions or flows. */
interface Removed {
  readonly name: string;
  readonly shared: SharedView;
}

/** The counts of all listeners of a process. */
export class ListenerCounts {
  #config: Config;
  #shared: SharedView;
  #removed: readonly Removed[] = [];
  /** The counts of removed listeners. */
  #past = new Counters();

  constructor(config: Config, shared: SharedView) {
    this.#config = config;
    this.#shared = shared;
  }

  /** Reads the counters of each listener of the configuration. */
  stats(): Readonly<Record<string, Counters>> {
    const names = Object.keys(this.#config.listeners);
    return Object.fromEntries(names.map((name) => [name, this.#shared.totals(name)]));
  }

  /** Reads the sum of all counters. */
  totals(): Counters {
    return Counters.sum([
      this.#past,
      ...this.#removed.map(({ name, shared }) => shared.totals(name)),
      ...Object.values(this.stats()),
    ]);
  }

  /** Reads what metrics show of each listener. */
  measures(): ListenerMeasures[] {
    const running = Object.entries(this.#config.listeners);
    return [
      ...running.map(([name, { transports, limits, routes }]) => ({
        name,
        transports,
        limits,
        counters: this.#shared.totals(name),
        routes: routes.map(({ upstream }) => upstream),
      })),
      ...this.#removedMeasures(),
    ];
  }

  /** Removed listeners that still have sessions or flows, unless a new listener has the same name. */
  #removedMeasures(): ListenerMeasures[] {
    const names = new Set(Object.keys(this.#config.listeners));
    const found: ListenerMeasures[] = [];
    for (const { name, shared } of this.#removed.toReversed()) {
      const counters = shared.totals(name);
      if (names.has(name) || !isActive(counters)) continue;
      names.add(name);
      const transports = [
        ...(counters.sessionsTotal > 0 ? ["tcp" as const] : []),
        ...(counters.flowsTotal > 0 ? ["udp" as const] : []),
      ];
      found.push({ name, transports, counters, limits: undefined, routes: [] });
    }
    return found;
  }

  /** Changes to another configuration, and keeps the counts of listeners that it does not have. */
  change(config: Config, shared: SharedView): void {
    const before = this.#shared;
    const gone = Object.keys(this.#config.listeners)
      .filter((name) => config.listeners[name] === undefined)
      .map((name) => ({ name, shared: before }));
    const all = [...this.#removed, ...gone].map((one) => ({
      ...one,
      totals: one.shared.totals(one.name),
    }));
    const ended = all.filter(({ totals }) => !isActive(totals));
    this.#past = Counters.sum([this.#past, ...ended.map(({ totals }) => totals)]);
    this.#removed = all.filter(({ totals }) => isActive(totals));
    this.#config = config;
    this.#shared = shared;
  }

  /** Counts everything that was alive in a dead worker as ended. */
  clear(worker: number): void {
    for (const { shared } of this.#removed) shared.clear(worker);
    this.#shared.clear(worker);
  }
}

function isActive(counters: Counters): boolean {
  return counters.sessionsActive + counters.flowsActive > 0;
}
