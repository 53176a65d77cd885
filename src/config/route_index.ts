/**
 * Finds the earlier routes of a listener that together hide a route, without comparing each with each.
 * Knows cells and which pattern covers which; knows no place in a file.
 *
 * @module
 */

import { byName, CONDITIONS, FACT_NAMES } from "../facts/mod.ts";
import { networks } from "../facts/networks.ts";
import type { MatchConfig } from "./schema.ts";

/** The kinds of patterns that cover each other; protocols are compared as cells. */
const KINDS = { ...byName(FACT_NAMES, (name) => CONDITIONS[name].kind), source: networks };

type Condition = keyof typeof KINDS;

/** The keys of a route's patterns, by condition; patterns with the same key mean the same. */
export type Keys = ReadonlyMap<Condition, readonly string[]>;

/** Returns the keys of the patterns of a route's conditions. */
export function keysOf(match: MatchConfig): Keys {
  const keys = new Map<Condition, readonly string[]>();
  for (const condition of Object.keys(KINDS) as Condition[]) {
    const patterns = match[condition];
    const { key } = KINDS[condition];
    if (patterns !== undefined) keys.set(condition, key ? patterns.map(key) : patterns);
  }
  return keys;
}

/** A route with what it takes. */
export interface Taker {
  /** Transports and protocols, as in `tcp/tls`. */
  readonly cells: ReadonlySet<string>;
  readonly keys: Keys;
}

/** Takers by a key of the first condition, then by one of the next, and so on. */
interface Branch<T> {
  readonly below: Map<string, Branch<T>>;
  readonly takers: Entry<T>[];
}

/** Earlier routes that take the same cells and have the same conditions. */
interface Group<T> {
  readonly cells: ReadonlySet<string>;
  /** All conditions of its takers. */
  readonly has: readonly Condition[];
  /** The conditions by which they are found. */
  readonly by: readonly Condition[];
  readonly root: Branch<T>;
}

interface Entry<T> {
  readonly order: number;
  readonly taker: T;
  readonly sets: ReadonlyMap<Condition, ReadonlySet<string>>;
}

/**
 * A taker with lists is found under every combination of their keys, up to this number of combinations.
 * With more it is found by the one condition whose keys are the rarest.
 */
const MAX_COMBINATIONS = 64;

/** The earlier routes of one listener. */
export class RouteIndex<T extends Taker> {
  readonly #groups = new Map<string, Group<T>>();
  /** How many routes have a key, by condition: the rarest narrows the search most. */
  readonly #uses: ReadonlyMap<Condition, Map<string, number>>;
  #count = 0;

  /** @param takers All routes of the listener, also those that are never added */
  constructor(takers: Iterable<T>) {
    const uses = new Map<Condition, Map<string, number>>();
    for (const taker of takers) {
      for (const [condition, keys] of taker.keys) {
        const counts = uses.get(condition) ?? new Map<string, number>();
        uses.set(condition, counts);
        for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
      }
    }
    this.#uses = uses;
  }

  /** Adds a route after all others. */
  add(taker: T): void {
    const by = this.#choose(taker.keys);
    const cells = [...taker.cells].join(" ");
    const name = `${cells}|${[...taker.keys.keys()].join(" ")}|${by.join(" ")}`;
    let group = this.#groups.get(name);
    if (group === undefined) {
      group = { cells: taker.cells, has: [...taker.keys.keys()], by, root: branch() };
      this.#groups.set(name, group);
    }
    const sets = new Map(
      [...taker.keys].map(([condition, keys]) => [condition, new Set(keys)]),
    );
    insert(group.root, { order: this.#count++, taker, sets }, by);
  }

  /**
   * Finds the earlier routes that together take everything from a route.
   *
   * @returns The first that takes each of its cells, in their order; `undefined` if a cell is left
   */
  hiders(route: Taker): readonly T[] | undefined {
    const probes = new Map<Condition, readonly string[]>();
    const probe = (condition: Condition): readonly string[] => {
      const known = probes.get(condition);
      if (known !== undefined) return known;
      const found = this.#rarest(condition, route.keys.get(condition)!);
      probes.set(condition, found);
      return found;
    };
    const found = new Map<Group<T>, Entry<T> | undefined>();
    const firstIn = (group: Group<T>): Entry<T> | undefined => {
      if (!found.has(group)) {
        const fits = group.has.every((condition) => route.keys.has(condition));
        found.set(group, fits ? firstCovering(group, route, probe) : undefined);
      }
      return found.get(group);
    };
    const first = new Map<number, T>();
    for (const cell of route.cells) {
      let best: Entry<T> | undefined;
      for (const group of this.#groups.values()) {
        if (!group.cells.has(cell)) continue;
        const entry = firstIn(group);
        if (entry !== undefined && entry.order < (best?.order ?? Infinity)) best = entry;
      }
      if (best === undefined) return undefined;
      first.set(best.order, best.taker);
    }
    return [...first].sort(([a], [b]) => a - b).map(([, taker]) => taker);
  }

  #choose(keys: Keys): readonly Condition[] {
    let combinations = 1;
    for (const { length } of keys.values()) combinations *= length;
    if (combinations <= MAX_COMBINATIONS) return [...keys.keys()];
    let rarest: Condition | undefined;
    let least = Infinity;
    for (const [condition, list] of keys) {
      const counts = this.#uses.get(condition)!;
      const most = list.reduce((most, key) => Math.max(most, counts.get(key)!), 0);
      if (most < least) {
        rarest = condition;
        least = most;
      }
    }
    return rarest === undefined ? [] : [rarest];
  }

  /** Returns the keys that cover one key of a condition: the one with the fewest routes that may cover it. */
  #rarest(condition: Condition, keys: readonly string[]): readonly string[] {
    const { coverers } = KINDS[condition];
    const counts = this.#uses.get(condition)!;
    let rarest: readonly string[] = [];
    let least = Infinity;
    for (const key of keys) {
      const used = coverers(key).filter((coverer) => counts.has(coverer));
      const uses = used.reduce((sum, coverer) => sum + counts.get(coverer)!, 0);
      if (uses < least) {
        rarest = used;
        least = uses;
      }
    }
    return rarest;
  }
}

function branch<T>(): Branch<T> {
  return { below: new Map(), takers: [] };
}

function insert<T extends Taker>(
  into: Branch<T>,
  entry: Entry<T>,
  [condition, ...rest]: readonly Condition[],
): void {
  if (condition === undefined) {
    into.takers.push(entry);
    return;
  }
  for (const key of entry.sets.get(condition)!) {
    let next = into.below.get(key);
    if (next === undefined) into.below.set(key, next = branch());
    insert(next, entry, rest);
  }
}

/** Returns the first of a group that covers a route in all its conditions. */
function firstCovering<T extends Taker>(
  group: Group<T>,
  route: Taker,
  probe: (condition: Condition) => readonly string[],
): Entry<T> | undefined {
  let branches: readonly Branch<T>[] = [group.root];
  for (const condition of group.by) {
    const next: Branch<T>[] = [];
    for (const { below } of branches) {
      for (const key of probe(condition)) {
        const found = below.get(key);
        if (found !== undefined) next.push(found);
      }
    }
    branches = next;
  }
  let first: Entry<T> | undefined;
  for (const { takers } of branches) {
    for (const entry of takers) {
      if (first !== undefined && entry.order >= first.order) break;
      if (covers(entry, route)) first = entry;
    }
  }
  return first;
}

function covers<T>({ sets }: Entry<T>, route: Taker): boolean {
  for (const [condition, set] of sets) {
    const { coverers } = KINDS[condition];
    for (const key of route.keys.get(condition)!) {
      if (!set.has(key) && !coverers(key).some((coverer) => set.has(coverer))) return false;
    }
  }
  return true;
}
