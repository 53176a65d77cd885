/**
 * Converts nginx's `allow` and `deny` into routes. The first rule that matches a client decides, so routes
 * are repeated for each rule, with its networks as source. Knows no other directive.
 *
 * @module
 */

import { type Directive, originOf } from "./nginx_syntax.ts";
import { type Item, type Note, type Origin, type PlannedRoute, unconverted } from "./plan.ts";

/** A rule for clients of some networks, or for any client. */
interface Rule {
  readonly allow: boolean;
  /** Unset for any client. */
  readonly source?: Item<string>[];
  readonly from: Origin;
}

/** A larger number of copies of all routes would help no user. */
const MAX_RULES = 64;

/**
 * Applies access rules to routes.
 *
 * @param routes The routes
 * @param options The `allow` and `deny` directives, the list for notes, and the upstream for denied clients
 * @returns The routes under the rules
 */
export function restrict(
  routes: readonly PlannedRoute[],
  { directives, notes, reject }: {
    readonly directives: readonly Directive[];
    readonly notes: Note[];
    readonly reject: (from: Origin) => string;
  },
): PlannedRoute[] {
  const rules = readRules(directives, notes);
  if (rules.length === 0) return [...routes];
  const result: PlannedRoute[] = [];
  for (const { allow, source, from } of rules) {
    const match = source === undefined ? {} : { source };
    if (allow) {
      // Notes appear with the first copy only.
      const first = !result.some((route) => route.upstream === routes[0]?.upstream);
      for (const route of routes) {
        const own = copy(route.match);
        const notes = first ? [...route.notes] : [];
        result.push({ ...route, notes, match: { ...own, ...copy(match) } });
      }
    } else if (source !== undefined) {
      result.push({ notes: [], match, upstream: reject(from), from });
    }
    if (source === undefined) break;
  }
  return result;
}

/** Copies the lists of conditions, since conditions that are refused are removed from one route only. */
function copy(match: PlannedRoute["match"]): PlannedRoute["match"] {
  return Object.fromEntries(
    Object.entries(match).map(([key, items]) => [key, items.map((item) => ({ ...item }))]),
  );
}

function readRules(directives: readonly Directive[], notes: Note[]): readonly Rule[] {
  const rules: Rule[] = [];
  for (const directive of directives) {
    const [network = ""] = directive.args;
    const from = originOf(directive);
    const allow = directive.name === "allow";
    if (network === "all") {
      rules.push({ allow, from });
      return rules;
    }
    if (network === "unix:") {
      notes.push(unconverted(from, "clients come by TCP or UDP only"));
      continue;
    }
    const last = rules.at(-1);
    if (last?.allow === allow) last.source?.push({ value: network, from });
    else if (rules.length >= MAX_RULES) notes.push(unconverted(from, "there are too many rules"));
    else rules.push({ allow, source: [{ value: network, from }], from });
  }
  // A client that no rule matches is allowed.
  if (rules.length > 0) {
    rules.push({ allow: true, from: rules[0]?.from ?? { line: 0, directive: "" } });
  }
  return rules;
}
