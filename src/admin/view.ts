/**
 * Compares two states of shunt's traffic: rows with rates, for the page and for `shunt top`. Pure: knows
 * neither network nor clock.
 *
 * @module
 */

import type { TrafficAnswer } from "./traffic.ts";

/** Rates. All are unset if there is nothing to compare with. */
export interface Rates {
  /** Sessions and flows begun a second. */
  readonly begun: number | undefined;
  /** Bytes a second from clients to targets. */
  readonly up: number | undefined;
  /** Bytes a second from targets to clients. */
  readonly down: number | undefined;
}

/** The total, or a listener. */
export interface LifeRow extends Rates {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly sessions: number;
  readonly flows: number;
}

type Listener = TrafficAnswer["listeners"][string];
type Upstreams = TrafficAnswer["upstreams"];
type Target = Upstreams[number]["targets"][number];

/** A target. */
export interface TargetRow extends Rates, Readonly<Omit<Target, "totals">> {
  readonly upstream: string;
  /** Real traffic that failed at it, since shunt began. */
  readonly failures: number;
}

/** How often something was counted. */
export interface CountRow {
  readonly name: string;
  readonly total: number;
  /** Times a second; unset if there is nothing to compare with. */
  readonly rate: number | undefined;
}

/** All rows. */
export interface View {
  readonly all: LifeRow;
  readonly listeners: readonly LifeRow[];
  readonly targets: readonly TargetRow[];
  /** Most counted first. */
  readonly protocols: readonly CountRow[];
  /** Most counted first. */
  readonly closes: readonly CountRow[];
  /** Most counted first. */
  readonly drops: readonly CountRow[];
}

type Counts = Readonly<Record<string, number>>;

/** Counters of one moment that can be compared with another moment's. */
interface Counted {
  readonly begun: number;
  readonly up: number;
  readonly down: number;
}

/** Adds up counts. */
function sum(all: readonly Counts[]): Map<string, number> {
  const sums = new Map<string, number>();
  for (const counts of all) {
    for (const [name, count] of Object.entries(counts)) {
      sums.set(name, (sums.get(name) ?? 0) + count);
    }
  }
  return sums;
}

function lives({ sessions, flows }: Listener): readonly NonNullable<Listener["sessions"]>[] {
  return [sessions, flows].filter((life) => life !== undefined);
}

function countedOf(listeners: readonly Listener[]): Counted {
  const counted = { begun: 0, up: 0, down: 0 };
  for (const life of listeners.flatMap(lives)) {
    counted.begun += life.total;
    counted.up += life.bytes_up;
    counted.down += life.bytes_down;
  }
  return counted;
}

/** Compares one moment with an earlier one of the same process. */
class Comparison {
  readonly #seconds: number;

  constructor(now: TrafficAnswer, before: TrafficAnswer | undefined) {
    const same = before?.started_at === now.started_at && before.pid === now.pid;
    this.#seconds = same ? (now.at_ms - before.at_ms) / 1000 : 0;
  }

  rate(now: number, before: number | undefined): number | undefined {
    if (this.#seconds <= 0) return undefined;
    // A listener or target that a reload brought was not there before. One that was removed and brought
    // back counts anew.
    return Math.max(0, now - (before ?? 0)) / this.#seconds;
  }

  rates(now: Counted, before: Counted | undefined): Rates {
    return {
      begun: this.rate(now.begun, before?.begun),
      up: this.rate(now.up, before?.up),
      down: this.rate(now.down, before?.down),
    };
  }

  counts(now: readonly Counts[], before: readonly Counts[]): CountRow[] {
    const earlier = sum(before);
    return [...sum(now)]
      .map(([name, total]) => ({ name, total, rate: this.rate(total, earlier.get(name)) }))
      .sort((a, b) => b.total - a.total || (a.name < b.name ? -1 : 1));
  }
}

function lifeRow(
  name: string,
  listeners: readonly Listener[],
  rates: Rates,
): LifeRow {
  return {
    name,
    addresses: listeners.flatMap(({ addresses }) => addresses),
    sessions: listeners.reduce((all, { sessions }) => all + (sessions?.active ?? 0), 0),
    flows: listeners.reduce((all, { flows }) => all + (flows?.active ?? 0), 0),
    ...rates,
  };
}

function countedAt({ sessions, flows, bytes_up, bytes_down }: Target["totals"]): Counted {
  return { begun: sessions + flows, up: bytes_up, down: bytes_down };
}

function targetRows(now: Upstreams, before: Upstreams, comparison: Comparison): TargetRow[] {
  return now.flatMap(({ name, targets }) => {
    const earlier = before.find((upstream) => upstream.name === name)?.targets ?? [];
    const totals = new Map(earlier.map((one) => [one.target, countedAt(one.totals)]));
    return targets.map(({ totals: counted, ...target }) => ({
      ...target,
      upstream: name,
      failures: counted.failures,
      ...comparison.rates(countedAt(counted), totals.get(target.target)),
    }));
  });
}

/**
 * Makes the rows.
 *
 * @param now The traffic so far
 * @param before The traffic at an earlier moment; without it there are no rates
 * @returns The rows
 */
export function viewOf(now: TrafficAnswer, before?: TrafficAnswer): View {
  const comparison = new Comparison(now, before);
  const [listeners, earlier] = [now, before].map((at) => Object.values(at?.listeners ?? {}));
  const counts = (take: (listener: Listener) => readonly Counts[]) =>
    comparison.counts(listeners!.flatMap(take), earlier!.flatMap(take));
  return {
    all: lifeRow("", listeners!, comparison.rates(countedOf(listeners!), countedOf(earlier!))),
    listeners: Object.entries(now.listeners).map(([name, listener]) => {
      const was = before?.listeners[name];
      const rates = comparison.rates(countedOf([listener]), was && countedOf([was]));
      return lifeRow(name, [listener], rates);
    }),
    targets: targetRows(now.upstreams, before?.upstreams ?? [], comparison),
    protocols: counts((listener) => lives(listener).map(({ detected }) => detected)),
    closes: counts((listener) => lives(listener).map(({ closes }) => closes)),
    drops: counts(({ drops }) => [drops]),
  };
}
