/**
 * Finds all values of an expression with variables: `map` blocks over what nginx prereads, as conditions in
 * the order in which nginx decides. Knows no server and no upstream.
 *
 * @module
 */

import { patternCoverers } from "../facts/host_names.ts";
import { byAlpn, byName, byVersion, type Outcome, readEntries } from "./nginx_entries.ts";
import { type Directive, originOf } from "./nginx_syntax.ts";
import { type Item, type Origin, type PlannedMatch, unconverted, unreadable } from "./plan.ts";

/** Limit for maps of maps. */
const MAX_DEPTH = 8;
/** Limit for the entries that are read, those of nested maps each time. Files have 2 MiB at most. */
const MAX_STEPS = 20_000;

/** The context of a value. */
interface Around {
  readonly maps: ReadonlyMap<string, Directive>;
  /** The maps that lead to it. */
  readonly within: readonly Directive[];
  /** Shared by everything that one value leads to, since nested maps multiply. */
  readonly steps: { left: number };
}

/** Thrown if a value has a variable that shunt cannot decide by. */
export class Undecidable extends Error {}

/**
 * Lists all values of an expression with variables.
 *
 * @param value The expression, such as `$backend` or `$backend:443`
 * @param options The `map` blocks by their variables, the directive, and the outer maps
 * @returns The outcomes; the first whose conditions are met counts
 * @throws {Undecidable} if a variable does not come from a known map
 */
export function expand(
  value: string,
  { maps, from, within = [], steps = { left: MAX_STEPS } }: Partial<Around> & {
    readonly maps: ReadonlyMap<string, Directive>;
    readonly from: Origin;
  },
): Outcome[] {
  const found = /\$(?:\{(\w+)\}|(\w+))/.exec(value);
  if (found === null) return [{ match: {}, value, from, notes: [] }];
  const name = found[1] ?? found[2] ?? "";
  const map = maps.get(name);
  if (map === undefined) throw new Undecidable(`shunt has no variables, and $${name} is one`);
  // nginx does not find a value either if a map refers to itself.
  if (within.includes(map)) throw new Undecidable(`$${name} leads back to itself`);
  if (within.length >= MAX_DEPTH) {
    throw new Undecidable(`its maps are nested deeper than ${MAX_DEPTH}`);
  }
  const outcomes: Outcome[] = [];
  for (const outcome of readMap(map, { maps, within: [...within, map], steps })) {
    if (steps.left-- <= 0) {
      const message = `The maps lead to more than ${MAX_STEPS} cases; convert a part`;
      throw unreadable(map.line, message);
    }
    // nginx closes on an empty value, which is no target.
    if (outcome.value === undefined || outcome.value === "") {
      outcomes.push({ ...outcome, value: undefined });
      continue;
    }
    const whole = value.replace(found[0], () => outcome.value ?? "");
    outcomes.push(...nested(whole, { maps, outcome, within: [...within, map], steps }));
  }
  return outcomes;
}

function nested(
  value: string,
  { outcome, ...around }: Around & { readonly outcome: Outcome },
): Outcome[] {
  const { match, from, notes } = outcome;
  const joined: Outcome[] = [];
  let pending = [...notes];
  for (const each of expandOrNote(value, { outcome, ...around })) {
    pending.push(...each.notes);
    const both = conjunction(match, each.match);
    if (both === "impossible") continue;
    if (both === "inexpressible") {
      pending.push(unconverted(each.from, "shunt cannot ask for two protocols of ALPN at once"));
      continue;
    }
    const origin = Object.keys(each.match).length > 0 ? each.from : from;
    joined.push({ match: both, value: each.value, from: origin, notes: pending });
    pending = [];
  }
  // The last outcome has no condition, so there is at least one.
  joined.at(-1)?.notes.push(...pending);
  return joined;
}

/** Expands a value. If it cannot be decided, it becomes a closing outcome with a note. */
function expandOrNote(
  value: string,
  { outcome: { from }, ...around }: Around & { readonly outcome: Outcome },
): Outcome[] {
  try {
    return expand(value, { from, ...around });
  } catch (error) {
    if (!(error instanceof Undecidable)) throw error;
    const note = unconverted(from, `${error.message}; what it takes is closed`);
    return [{ match: {}, value: undefined, from, notes: [note] }];
  }
}

function conjunction(
  outer: PlannedMatch,
  inner: PlannedMatch,
): PlannedMatch | "impossible" | "inexpressible" {
  if (inner.alpn !== undefined && outer.alpn !== undefined) return "inexpressible";
  const both = { ...outer, ...inner };
  if (inner.sni === undefined || outer.sni === undefined) return both;
  // Of two patterns, one contains the other or they have no name in common.
  const within = (narrow: Item<string>[], wide: Item<string>[]) => {
    const patterns = new Set(wide.map(({ value }) => value));
    return narrow.filter(({ value }) => patternCoverers(value).some((one) => patterns.has(one)));
  };
  const sni = [...within(inner.sni, outer.sni), ...within(outer.sni, inner.sni)];
  const once = new Map(sni.map((item) => [item.value, item]));
  return once.size === 0 ? "impossible" : { ...both, sni: [...once.values()] };
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

/** Reads a map over another map's values: each outcome of that map is looked up here. */
function byValue(
  map: Directive,
  { source, ...around }: Around & { readonly source: string },
): Outcome[] {
  const { entries, notes, fallback, empty } = readEntries(map);
  for (const { key, from } of entries) {
    if (!/^~|^\*\.|^\./.test(key)) continue;
    notes.push(unconverted(from, "shunt matches no patterns among the values of a map"));
  }
  const name = source.replaceAll(/\W/g, "");
  const own = new RegExp(`\\$(?:\\{${name}\\}|${name}\\b)`, "g");
  const outcomes = expand(source, { from: originOf(map), ...around });
  // The first entry of a key counts.
  const byKey = new Map(entries.toReversed().map((entry) => [entry.key, entry]));
  return outcomes.map((outcome, index): Outcome => {
    const { value = "" } = outcome;
    const entry = value === "" ? empty : byKey.get(value);
    const pending = index === 0 ? [...notes, ...outcome.notes] : outcome.notes;
    // The other map's variable has the looked-up value.
    const found = (entry ?? fallback).value?.replaceAll(own, () => value);
    return { ...outcome, value: found, notes: pending };
  });
}
