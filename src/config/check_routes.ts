/**
 * Which routes of a listener can never match, and why. Knows what conditions mean; knows neither
 * upstreams nor addresses.
 *
 * A listener's world is a set of cells such as `tcp/tls`: a transport and a protocol that may come
 * by it. A route takes some cells, under conditions on name, ALPN and source.
 *
 * @module
 */

import type { Carrier } from "../wire/ja4.ts";
import type { DraftListener, DraftRoute } from "./draft.ts";
import { ja4Covers } from "./fingerprints.ts";
import { type ProtocolInfo, PSEUDO_PROTOCOLS } from "./json_schema.ts";
import { type Network, networkCovers, patternCovers, toNetwork } from "./names.ts";
import { listWords, type Path, quote, thereAre } from "./problem.ts";
import type { Report } from "./report.ts";
import type { MatchConfig, Transport } from "./schema.ts";

const FACT_NAMES = ["sni", "alpn", "ja4", "host"] as const;
/** What a JA4 fingerprint begins with, by the protocol that its hello came by. */
const JA4_CARRIERS: Readonly<Record<string, Carrier>> = { tls: "t", quic: "q" };

/** What the routes of one listener are judged by. */
interface World {
  readonly transports: readonly Transport[];
  readonly closes: boolean;
  readonly protocols: readonly ProtocolInfo[];
}

/** A route with what it takes. */
interface Taker {
  readonly path: Path;
  readonly cells: ReadonlySet<string>;
  readonly match: MatchConfig;
  readonly networks: readonly Network[] | undefined;
}

/**
 * Checks the routes of one listener.
 *
 * @param listener The usable parts of the listener
 * @param options What takes the problems, and the protocols that shunt detects
 * @returns The transports by which each route can be reached
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
    protocols: [...protocols, ...PSEUDO_PROTOCOLS],
  };
  const earlier: Taker[] = [];
  return listener.routes.map((route) => {
    const known = checkProtocolNames(route, { report, world });
    if (transports.length === 0 || !known || !route.usable) return new Set();
    const taker = toTaker(route, world);
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
    const hiders = findHiders(taker, earlier);
    if (hiders === undefined) earlier.push(taker);
    else reportHidden(route, { report, hiders });
    return new Set([...taker.cells].map((cell) => cell.split("/")[0] as Transport));
  });
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

/** Says why a protocol cannot come to a route, or gives `undefined` where it can. */
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
    if (match[fact] === undefined || protocol.facts.includes(fact)) continue;
    const holders = world.protocols.filter(({ facts }) => facts.includes(fact))
      .map((holder) => holder.name);
    return `${quote(name)} has no ${quote(fact)}, which is for ${listWords(holders, "and")}`;
  }
  const carrier = JA4_CARRIERS[name];
  if (carrier === undefined || match.ja4 === undefined) return undefined;
  // A pattern that says nothing of the carrier begins with "*".
  if (match.ja4.some(([first]) => first === carrier || first === "*")) return undefined;
  return `a "ja4" of ${quote(name)} begins with ${quote(carrier)}`;
}

function toTaker({ path, match = {} }: DraftRoute, world: World): Taker {
  const cells = new Set<string>();
  for (const protocol of world.protocols) {
    if (match.protocol !== undefined && !match.protocol.includes(protocol.name)) continue;
    if (obstacle(protocol, match, world) !== undefined) continue;
    for (const transport of protocol.transports) {
      if (world.transports.includes(transport)) cells.add(`${transport}/${protocol.name}`);
    }
  }
  return { path, cells, match, networks: match.source?.map(toNetwork) };
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
    : facts.includes("host") && facts.length > 1
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

/** Finds the earlier routes that together leave a route nothing. */
function findHiders(route: Taker, earlier: readonly Taker[]): readonly Taker[] | undefined {
  const left = new Set(route.cells);
  const hiders: Taker[] = [];
  for (const taker of earlier) {
    if (!conditionsCover(taker, route)) continue;
    const before = left.size;
    for (const cell of taker.cells) left.delete(cell);
    if (left.size < before) hiders.push(taker);
    if (left.size === 0) return hiders;
  }
  return undefined;
}

function conditionsCover(wide: Taker, narrow: Taker): boolean {
  return covers(wide.match.sni, narrow.match.sni, patternCovers) &&
    covers(wide.match.host, narrow.match.host, patternCovers) &&
    covers(wide.match.alpn, narrow.match.alpn, (a, b) => a === b) &&
    covers(wide.match.ja4, narrow.match.ja4, ja4Covers) &&
    covers(wide.networks, narrow.networks, networkCovers);
}

function covers<T>(
  wide: readonly T[] | undefined,
  narrow: readonly T[] | undefined,
  itemCovers: (wide: T, narrow: T) => boolean,
): boolean {
  if (wide === undefined) return true;
  return narrow?.every((item) => wide.some((other) => itemCovers(other, item))) ?? false;
}

function reportHidden(
  { path }: DraftRoute,
  { report, hiders }: { readonly report: Report; readonly hiders: readonly Taker[] },
): void {
  const where = hiders.map((hider) => report.refer(hider.path)).join(" and ");
  report.error("never_matches", path, {
    message: `Route can never match: ${where} ${hiders.length === 1 ? "takes" : "take"} all of it`,
    hint: "move it up, narrow the earlier one or remove it",
  });
}
