/**
 * What a value with variables can become: `map` blocks by what nginx prereads, as conditions in the
 * order in which nginx decides. Knows no server and no upstream.
 *
 * @module
 */

import { patternCovers } from "../config/names.ts";
import { readKey } from "./nginx_keys.ts";
import { type Directive, originOf } from "./nginx_syntax.ts";
import {
  type Item,
  type Note,
  type Origin,
  type PlannedMatch,
  remark,
  unconverted,
  unreadable,
} from "./plan.ts";

/** Where a session goes under conditions. */
export interface Outcome {
  readonly match: PlannedMatch;
  /** What comes out; `undefined` where nginx would find nothing and close. */
  readonly value: string | undefined;
  readonly from: Origin;
  readonly notes: Note[];
}

/** Maps that lead to maps. */
const MAX_DEPTH = 8;
/** More routes than a person would read; shunt reads files of 512 KiB at most. */
const MAX_OUTCOMES = 10_000;

/** A value has a variable that shunt cannot decide by. */
export class Undecidable extends Error {}

/**
 * Lists what a value with variables can become.
 *
 * @param value The value, such as `$backend` or `$backend:443`
 * @param options The `map` blocks by their variables, the directive and, in maps of maps, how deep
 * @returns The outcomes; the first whose conditions are met counts
 * @throws {Undecidable} when a variable is not one of a known map
 */
export function expand(
  value: string,
  { maps, from, depth = 0 }: {
    readonly maps: ReadonlyMap<string, Directive>;
    readonly from: Origin;
    readonly depth?: number;
  },
): Outcome[] {
  const found = /\$(?:\{(\w+)\}|(\w+))/.exec(value);
  if (found === null) return [{ match: {}, value, from, notes: [] }];
  const name = found[1] ?? found[2] ?? "";
  const map = maps.get(name);
  if (map === undefined) throw new Undecidable(`shunt has no variables, and $${name} is one`);
  if (depth >= MAX_DEPTH) throw new Undecidable(`its maps are nested deeper than ${MAX_DEPTH}`);
  const outcomes: Outcome[] = [];
  for (const outcome of readMap(map, { maps, depth })) {
    // An empty value is no target there, so what it takes is closed.
    if (outcome.value === undefined || outcome.value === "") {
      outcomes.push({ ...outcome, value: undefined });
      continue;
    }
    const whole = value.replace(found[0], () => outcome.value ?? "");
    const inner = nested(whole, { maps, outcome, depth });
    outcomes.push(...inner);
    if (outcomes.length > MAX_OUTCOMES) {
      throw unreadable(
        map.line,
        `The maps lead to more than ${MAX_OUTCOMES} routes; convert a part`,
      );
    }
  }
  return outcomes;
}

function nested(
  value: string,
  { maps, outcome, depth }: {
    readonly maps: ReadonlyMap<string, Directive>;
    readonly outcome: Outcome;
    readonly depth: number;
  },
): Outcome[] {
  const { match, from, notes } = outcome;
  const joined: Outcome[] = [];
  let pending = [...notes];
  for (const each of expandOrSay(value, { maps, outcome, depth })) {
    pending.push(...each.notes);
    const both = conjunction(match, each.match);
    if (both === "impossible") continue;
    if (both === "unsayable") {
      pending.push(unconverted(each.from, "shunt cannot ask for two protocols of ALPN at once"));
      continue;
    }
    const origin = Object.keys(each.match).length > 0 ? each.from : from;
    joined.push({ match: both, value: each.value, from: origin, notes: pending });
    pending = [];
  }
  // The last outcome has no condition, so there is one.
  joined.at(-1)?.notes.push(...pending);
  return joined;
}

/** An entry that cannot be decided is left out with a note; what it took is closed. */
function expandOrSay(
  value: string,
  { maps, outcome: { from }, depth }: {
    readonly maps: ReadonlyMap<string, Directive>;
    readonly outcome: Outcome;
    readonly depth: number;
  },
): Outcome[] {
  try {
    return expand(value, { maps, from, depth: depth + 1 });
  } catch (error) {
    if (!(error instanceof Undecidable)) throw error;
    const note = unconverted(from, `${error.message}; what it takes is closed`);
    return [{ match: {}, value: undefined, from, notes: [note] }];
  }
}

function conjunction(
  outer: PlannedMatch,
  inner: PlannedMatch,
): PlannedMatch | "impossible" | "unsayable" {
  if (inner.alpn !== undefined && outer.alpn !== undefined) return "unsayable";
  const both = { ...outer, ...inner };
  if (inner.sni === undefined || outer.sni === undefined) return both;
  // Of two patterns, one lies within the other or they have no name in common.
  const within = (narrow: Item<string>[], wide: Item<string>[]) =>
    narrow.filter(({ value }) => wide.some((other) => patternCovers(other.value, value)));
  const sni = [...within(inner.sni, outer.sni), ...within(outer.sni, inner.sni)];
  const once = new Map(sni.map((item) => [item.value, item]));
  return once.size === 0 ? "impossible" : { ...both, sni: [...once.values()] };
}

const TLS = (from: Origin): PlannedMatch => ({ protocol: [{ value: "tls", from }] });

/** What stands around a map. */
interface Around {
  readonly maps: ReadonlyMap<string, Directive>;
  readonly depth: number;
}

function readMap(map: Directive, around: Around): Outcome[] {
  const [source = ""] = map.args;
  const variable = /^\$(?:\{(\w+)\}|(\w+))$/.exec(source)?.slice(1).join("") ?? "";
  switch (variable) {
    case "ssl_preread_server_name":
      return byName(map);
    case "ssl_preread_alpn_protocols":
      return byAlpn(map);
    case "ssl_preread_protocol":
      return byVersion(map);
    default:
      if (around.maps.has(variable)) return byValue(map, { source, ...around });
      throw new Undecidable(`shunt does not decide by ${source}`);
  }
}

/** A map by what another map gives: each outcome of that one has its entry here. */
function byValue(map: Directive, { source, maps, depth }: Around & { readonly source: string }) {
  const { entries, notes, fallback, empty } = readEntries(map);
  for (const { key, from } of entries) {
    if (!/^~|^\*\.|^\./.test(key)) continue;
    notes.push(unconverted(from, "shunt matches no patterns among the values of a map"));
  }
  const name = source.replaceAll(/\W/g, "");
  const own = new RegExp(`\\$(?:\\{${name}\\}|${name}\\b)`, "g");
  const outcomes = expand(source, { maps, from: originOf(map), depth: depth + 1 });
  return outcomes.map((outcome, index): Outcome => {
    const { value = "" } = outcome;
    const entry = value === "" ? empty : entries.find(({ key }) => key === value);
    const pending = index === 0 ? [...notes, ...outcome.notes] : outcome.notes;
    // The other map's variable has the value that was looked up.
    const found = (entry ?? fallback).value?.replaceAll(own, () => value);
    return { ...outcome, value: found, notes: pending };
  });
}

/** The entries of a map, with what is no entry as notes. */
interface Entries {
  readonly entries: readonly {
    readonly key: string;
    readonly value: string;
    readonly from: Origin;
  }[];
  readonly hostnames: boolean;
  readonly notes: Note[];
  /** For any value that no other entry takes. */
  readonly fallback: { readonly value: string | undefined; readonly from: Origin };
  /** For the empty value: no name, no ALPN, no TLS. */
  readonly empty: { readonly value: string; readonly from: Origin } | undefined;
}

function readEntries(map: Directive): Entries {
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

/** nginx looks for the exact name, the longest wildcard, then the patterns in their order. */
function byName(map: Directive): Outcome[] {
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
    // Exact names exclude each other, so they may be told by value; the rest keeps its order.
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

/** Its keys are all that a client offers, with commas; shunt asks whether one is among them. */
function byAlpn(map: Directive): Outcome[] {
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

/** Most clients offer TLS 1.3, so all go where those go. */
function byVersion(map: Directive): Outcome[] {
  const { entries, notes, fallback, empty } = readEntries(map);
  const named = entries.filter(({ key, from }) => {
    const known = /^(~\*?\^?)?(TLS|SSL)/i.test(key);
    if (!known) notes.push(unconverted(from, "it is no version of TLS"));
    return known;
  });
  const newest = named.find(({ key }) => key === "TLSv1.3") ??
    named.find(({ key }) => key.startsWith("~"));
  // Where the empty value has an entry, the default is for versions of TLS that have none.
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
