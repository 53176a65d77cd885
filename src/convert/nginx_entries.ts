/**
 * Converts the entries of an nginx `map` over what nginx prereads into conditions, in the order in which
 * nginx decides. Knows one map at a time.
 *
 * @module
 */

import { readKey } from "./nginx_keys.ts";
import { type Directive, originOf } from "./nginx_syntax.ts";
import { type Note, type Origin, type PlannedMatch, remark, unconverted } from "./plan.ts";

/** The value of a map under conditions. */
export interface Outcome {
  readonly match: PlannedMatch;
  /** The map's value; `undefined` if nginx would find none and close. */
  readonly value: string | undefined;
  readonly from: Origin;
  readonly notes: Note[];
}

const TLS = (from: Origin): PlannedMatch => ({ protocol: [{ value: "tls", from }] });

/** The entries of a map, with notes on lines that are no entries. */
export interface Entries {
  readonly entries: readonly {
    readonly key: string;
    readonly value: string;
    readonly from: Origin;
  }[];
  readonly hostnames: boolean;
  readonly notes: Note[];
  /** For any value without an entry of its own. */
  readonly fallback: { readonly value: string | undefined; readonly from: Origin };
  /** For the empty value: no name, no ALPN, no TLS. */
  readonly empty: { readonly value: string; readonly from: Origin } | undefined;
}

/** Reads the entries of a map block. */
export function readEntries(map: Directive): Entries {
  const notes: Note[] = [];
  const entries: { key: string; value: string; from: Origin }[] = [];
  let hostnames = false;
  let fallback: Entries["fallback"] = { value: undefined, from: originOf(map) };
  let empty: Entries["empty"];
  for (const directive of map.block ?? []) {
    const { name, args: [value] } = directive;
    const from = originOf(directive);
    if (name === "hostnames" && value === undefined) hostnames = true;
    else if (name === "volatile" && value === undefined) continue;
    else if (name === "include") {
      notes.push(unconverted(from, "put the file's text in its place and convert again"));
    } else if (value === undefined) notes.push(unconverted(from, "it has no value"));
    else if (name === "default") fallback = { value, from };
    else if (name === "") empty = { value, from };
    else entries.push({ key: name.replace(/^\\/, ""), value, from });
  }
  return { entries, hostnames, notes, fallback, empty };
}

/**
 * Reads a map by server name: nginx looks for the exact name, then the longest wildcard, then the patterns
 * in their order.
 *
 * @param map The block
 * @returns Its outcomes
 */
export function byName(map: Directive): Outcome[] {
  const { entries, hostnames, notes, fallback, empty } = readEntries(map);
  const ranked = entries.map((entry) => {
    const read = readKey(entry.key, { hostnames });
    const rank = read.kind === "exact" ? 0 : read.kind === "wildcard" ? 1 : 2;
    return { ...entry, read, rank, length: rank === 1 ? entry.key.length : 0 };
  }).toSorted((a, b) => a.rank - b.rank || b.length - a.length);
  const outcomes: Outcome[] = [];
  const exact = new Map<string, Outcome>();
  for (const { read, value, from, rank } of ranked) {
    if (read.kind === "none") {
      notes.push(unconverted(from, read.why));
      continue;
    }
    const sni = read.patterns.map((pattern) => ({ value: pattern, from }));
    // Exact names exclude each other, so they may be grouped by value. The others keep their order.
    const last = outcomes.at(-1);
    const same = rank === 0 ? exact.get(value) : last?.value === value ? last : undefined;
    if (same === undefined) {
      const outcome = { match: { ...TLS(from), sni }, value, from, notes: [...notes.splice(0)] };
      outcomes.push(outcome);
      if (rank === 0) exact.set(value, outcome);
    } else {
      same.match.sni?.push(...sni);
      same.notes.push(...notes.splice(0));
    }
  }
  if (empty !== undefined) {
    const { value, from } = fallback;
    const match = { ...TLS(from), sni: [{ value: "*", from }] };
    outcomes.push({ match, value, from, notes: notes.splice(0) });
  }
  outcomes.push({ match: {}, ...(empty ?? fallback), notes });
  return outcomes;
}

/**
 * Reads a map by ALPN. Its keys are complete lists of what a client offers, with commas; shunt asks whether
 * one protocol is among them.
 *
 * @param map The block
 * @returns Its outcomes
 */
export function byAlpn(map: Directive): Outcome[] {
  const { entries, notes, fallback, empty } = readEntries(map);
  const outcomes: Outcome[] = [];
  const ranked = entries.toSorted((a, b) =>
    Number(a.key.startsWith("~")) - Number(b.key.startsWith("~"))
  );
  for (const { key, value, from } of ranked) {
    const word =
      /^~\*?(?:\\b|\^|\(\^\|,\)|\(\?:\^\|,\))?((?:[\w./-]|\\\.)+)(?:\\b|\$|\(,\|\$\)|\(\?:,\|\$\)|,)?$/
        .exec(key)?.[1]?.replaceAll("\\", "");
    const name = key.startsWith("~") ? word : key;
    if (name === undefined || name.includes(",")) {
      notes.push(unconverted(from, "shunt asks for one protocol among those that are offered"));
      continue;
    }
    const pending = [...notes.splice(0)];
    if (!/^~.*\\b/.test(key)) {
      pending.push(remark(from, `shunt takes any client that offers "${name}" among others`));
    }
    const match = { ...TLS(from), alpn: [{ value: name, from }] };
    outcomes.push({ match, value, from, notes: pending });
  }
  if (empty !== undefined && empty.value !== fallback.value) {
    notes.push(unconverted(empty.from, "shunt cannot ask for clients without ALPN"));
  }
  outcomes.push({ match: {}, ...fallback, notes });
  return outcomes;
}

/**
 * Reads a map by TLS version. Most clients offer TLS 1.3, so all clients get the value for TLS 1.3.
 *
 * @param map The block
 * @returns Its outcomes
 */
export function byVersion(map: Directive): Outcome[] {
  const { entries, notes, fallback, empty } = readEntries(map);
  const named = entries.filter(({ key, from }) => {
    const known = /^(~\*?\^?)?(TLS|SSL)/i.test(key);
    if (!known) notes.push(unconverted(from, "it is no version of TLS"));
    return known;
  });
  const newest = named.find(({ key }) => key === "TLSv1.3") ??
    named.find(({ key }) => key.startsWith("~"));
  // If there is an entry for the empty value, the default is for TLS versions without an entry.
  const tls = newest ?? (empty === undefined ? named[0] ?? fallback : fallback);
  const others = empty === undefined || fallback.value === undefined ? named : [...named, fallback];
  for (const { value, from } of others) {
    if (value === tls.value) continue;
    notes.push(unconverted(from, "shunt does not decide by the version of TLS"));
  }
  const rest = empty ?? fallback;
  if (tls.value === rest.value) return [{ match: {}, value: rest.value, from: rest.from, notes }];
  return [
    { match: TLS(tls.from), value: tls.value, from: tls.from, notes },
    { match: {}, value: rest.value, from: rest.from, notes: [] },
  ];
}
