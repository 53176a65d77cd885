/**
 * Finds routes that can never match, and why. Knows what conditions mean; knows neither upstreams nor
 * addresses.
 *
 * A listener's clients are divided into cells such as `tcp/tls`: a transport and a protocol that can use
 * it. A route takes some cells, under conditions on facts and source.
 *
 * @module
 */

import { CONDITIONS, FACT_NAMES, type ProtocolInfo, PSEUDO_PROTOCOLS } from "../facts/mod.ts";
import type { DraftListener, DraftRoute } from "./draft.ts";
import type { Path } from "./problem.ts";
import type { Report } from "./report.ts";
import { keysOf, RouteIndex, type Taker } from "./route_index.ts";
import type { MatchConfig, Transport } from "./schema.ts";
import { listWords, quote, thereAre } from "../wording.ts";

/** What decides which clients a listener can have. */
interface World {
  readonly transports: readonly Transport[];
  readonly closes: boolean;
  readonly protocols: readonly ProtocolInfo[];
}

/** A route with what it takes, and its place. */
interface PlacedTaker extends Taker {
  readonly path: Path;
}

/**
 * Checks the routes of one listener.
 *
 * @returns The transports on which each route can match
 */
export function checkRoutes(
  listener: DraftListener,
  { report, protocols }: {
    readonly report: Report;
    readonly protocols: readonly ProtocolInfo[];
  },
): readonly (ReadonlySet<Transport>)[] {
  const { transports = [], detect } = listener;
  const world: World = {
    transports,
    closes: detect?.on_timeout === "close",
    protocols: [
      ...protocols.map((known) => isHeld(known, listener) ? known : { ...known, facts: [] }),
      ...PSEUDO_PROTOCOLS,
    ],
  };
  const cells = new Map<string, ReadonlySet<string>>();
  const routes = listener.routes.map((route) => {
    const known = checkProtocolNames(route, { report, world });
    const usable = transports.length > 0 && known && route.usable;
    return { route, taker: usable ? toTaker(route, world, cells) : undefined };
  });
  const takers = routes.flatMap(({ taker }) => taker ?? []);
  const earlier = new RouteIndex(takers);
  return routes.map(({ route, taker }) => {
    if (taker === undefined) return new Set();
    if (isEmptyMatch(route)) {
      report.error("no_effect", [...route.path, "match"], {
        message: '"match" has no condition',
        hint: 'remove "match" to take the rest',
        at: "key",
      });
    } else if (taker.cells.size === 0) {
      reportImpossible(route, { report, world });
      return new Set();
    } else reportPartlyImpossible(route, { report, world });
    const hiders = earlier.hiders(taker);
    if (hiders === undefined) earlier.add(taker);
    else reportHidden(route, { report, hiders });
    return new Set([...taker.cells].map((cell) => cell.split("/")[0] as Transport));
  });
}

/** Reports whether a protocol has its facts here. Some lie behind a dialogue that a route has to ask for by name. */
function isHeld({ name, behind, facts }: ProtocolInfo, { routes }: DraftListener): boolean {
  return !behind ||
    routes.some(({ match = {} }) =>
      match.protocol?.includes(name) && facts.some((fact) => match[fact] !== undefined)
    );
}

function isEmptyMatch({ match }: DraftRoute): boolean {
  return match !== undefined && Object.keys(match).length === 0;
}

function checkProtocolNames(
  { match, path }: DraftRoute,
  { report, world }: { readonly report: Report; readonly world: World },
): boolean {
  const names = world.protocols.map(({ name }) => name);
  let known = true;
  match?.protocol?.forEach((protocol, index) => {
    if (names.includes(protocol)) return;
    known = false;
    const near = report.nearest(protocol, names);
    report.error("unknown_name", [...path, "match", "protocol", index], {
      message: `Unknown protocol ${quote(protocol)}`,
      hint: near === undefined ? thereAre(names) : `did you mean ${quote(near)}?`,
    });
  });
  return known;
}

/** Returns why a protocol cannot match a route, or `undefined` if it can. */
function obstacle(protocol: ProtocolInfo, match: MatchConfig, world: World): string | undefined {
  const { name, transports } = protocol;
  if (!transports.some((transport) => world.transports.includes(transport))) {
    return `${quote(name)} comes by ${
      listWords(transports)
    } only, which the listener does not have`;
  }
  if (name === "silent" && world.closes) {
    return '"silent" needs "detect.on_timeout: fallthrough"';
  }
  for (const fact of FACT_NAMES) {
    const patterns = match[fact];
    if (patterns === undefined) continue;
    if (!protocol.facts.includes(fact)) {
      const holders = world.protocols.filter(({ facts }) => facts.includes(fact))
        .map((holder) => holder.name);
      return `${quote(name)} has no ${quote(fact)}, which is for ${listWords(holders, "and")}`;
    }
    const [transport] = transports;
    const begin = transport && CONDITIONS[fact].begins?.[transport];
    // A pattern that leaves the beginning open begins with "*".
    if (begin === undefined || patterns.some(([first]) => first === begin || first === "*")) {
      continue;
    }
    return `a ${quote(fact)} of ${quote(name)} begins with ${quote(begin)}`;
  }
  return undefined;
}

function toTaker(
  { path, match = {} }: DraftRoute,
  world: World,
  known: Map<string, ReadonlySet<string>>,
): PlacedTaker {
  const key = cellsKey(match);
  let cells = known.get(key);
  if (cells === undefined) known.set(key, cells = cellsOf(match, world));
  return { path, cells, keys: keysOf(match) };
}

/** Names all that the cells of a route depend on: which facts it asks for, but not their values. */
function cellsKey(match: MatchConfig): string {
  let key = match.protocol === undefined ? "any" : [...new Set(match.protocol)].sort().join(" ");
  for (const fact of FACT_NAMES) {
    const patterns = match[fact];
    if (patterns === undefined) continue;
    key += `|${fact}`;
    if (CONDITIONS[fact].begins === undefined) continue;
    key += ` ${[...new Set(patterns.map(([first]) => first))].sort().join("")}`;
  }
  return key;
}

function cellsOf(match: MatchConfig, world: World): ReadonlySet<string> {
  const cells = new Set<string>();
  for (const protocol of world.protocols) {
    if (match.protocol !== undefined && !match.protocol.includes(protocol.name)) continue;
    if (obstacle(protocol, match, world) !== undefined) continue;
    for (const transport of protocol.transports) {
      if (world.transports.includes(transport)) cells.add(`${transport}/${protocol.name}`);
    }
  }
  return cells;
}

function reportImpossible(
  { path, match = {} }: DraftRoute,
  { report, world }: { readonly report: Report; readonly world: World },
): void {
  const facts = FACT_NAMES.filter((fact) => match[fact] !== undefined);
  const meant = world.protocols.filter((protocol) =>
    match.protocol?.includes(protocol.name) ??
      (facts.every((fact) => protocol.facts.includes(fact)) &&
        protocol.transports.some((transport) => world.transports.includes(transport)))
  );
  const reasons = meant.map((protocol) => obstacle(protocol, match, world));
  const reason = meant.length > 0
    ? [...new Set(reasons)].join("; ")
    : !world.protocols.some((protocol) => facts.every((fact) => protocol.facts.includes(fact)))
    ? `nothing has both ${listWords(facts, "and")}`
    : `no protocol of the listener has ${listWords(facts)}`;
  const message = `Route can never match: ${reason}`;
  report.error("never_matches", [...path, "match"], { message, at: "key" });
}

function reportPartlyImpossible(
  { path, match = {} }: DraftRoute,
  { report, world }: { readonly report: Report; readonly world: World },
): void {
  match.protocol?.forEach((name, index) => {
    const protocol = world.protocols.find((known) => known.name === name);
    const reason = protocol === undefined ? undefined : obstacle(protocol, match, world);
    if (reason === undefined) return;
    const message = `Protocol can never match here: ${reason}`;
    report.warning("never_matches", [...path, "match", "protocol", index], { message });
  });
}

function reportHidden(
  { path }: DraftRoute,
  { report, hiders }: { readonly report: Report; readonly hiders: readonly PlacedTaker[] },
): void {
  const where = hiders.map((hider) => report.refer(hider.path)).join(" and ");
  report.error("never_matches", path, {
    message: `Route can never match: ${where} ${hiders.length === 1 ? "takes" : "take"} all of it`,
    hint: "move it up, narrow the earlier one or remove it",
  });
}
