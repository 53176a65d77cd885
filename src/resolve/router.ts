/**
 * Chooses the route of a session or flow: the first of a listener's routes whose conditions all
 * hold. Knows what was seen of a client, never a socket, an address to connect to or a byte.
 *
 * @module
 */

import type {
  FaultsConfig,
  ListenerConfig,
  MatchConfig,
  RouteConfig,
  Transport,
} from "../config/schema.ts";
import type { FactName } from "../facts/mod.ts";
import { RouteWants, type Wants } from "../facts/wants.ts";
import { AddressSet } from "./cidr.ts";
import { PrefixSet } from "./prefixes.ts";
import { NameSet, normalizeName } from "./names.ts";
import type { Steps } from "../slices.ts";

/** What is known of a session or flow when its route is chosen. */
export interface Seen {
  readonly transport: Transport;
  /** A detector's name, `unknown` or `silent`. */
  readonly protocol: string;
  /** Server name: lower case, without a trailing dot. */
  readonly sni?: string;
  /** Protocols that the client offers. */
  readonly alpn?: readonly string[];
  /** JA4 fingerprint of the client's hello. */
  readonly ja4?: string;
  /** HTTP host: lower case, without port and trailing dot. */
  readonly host?: string;
  /** The client's address: an IP literal. */
  readonly source: string;
}

/** One route of a listener. */
export interface Route {
  /** Its place in the list. */
  readonly index: number;
  /** Its name in logs and metrics: `routes[0]`. */
  readonly name: string;
  /** The upstream that it leads to. */
  readonly upstream: string;
  /** The conditions as configured; `undefined` takes everything. */
  readonly match: MatchConfig | undefined;
  /** Faults for tests, in the place of the upstream's. */
  readonly faults: FaultsConfig | undefined;
}

/** What {@linkcode Router.explain} says of one route. */
export interface Explanation {
  readonly route: Route;
  readonly matched: boolean;
  /** The first condition that does not hold, or that all do. */
  readonly why: string;
}

/** What the router has to know of the protocols. */
export interface RouterOptions {
  /** Every protocol that can be detected, with the transports it occurs on. */
  readonly protocols: readonly {
    readonly name: string;
    readonly transports: readonly Transport[];
  }[];
}

/** What is left of a route's conditions once compiled; `undefined` is no condition. */
interface Compiled {
  readonly route: Route;
  readonly tcp: boolean;
  readonly udp: boolean;
  readonly protocol: ReadonlySet<string> | undefined;
  readonly sni: NameSet | undefined;
  readonly alpn: ReadonlySet<string> | undefined;
  readonly ja4: PrefixSet | undefined;
  readonly host: NameSet | undefined;
  readonly source: AddressSet | undefined;
}

type Condition = "transport" | "protocol" | "sni" | "alpn" | "ja4" | "host" | "source";

function compile(config: RouteConfig, index: number, options: RouterOptions): Compiled {
  const { protocol, sni, alpn, ja4, host, source } = config.match ?? {};
  const occursOn = (transport: Transport): boolean =>
    protocol === undefined || protocol.some((name) =>
      name === "unknown" || name === "silent" ||
      options.protocols.some((known) => known.name === name && known.transports.includes(transport))
    );
  return {
    route: {
      index,
      name: `routes[${index}]`,
      upstream: config.upstream,
      match: config.match,
      faults: config.faults,
    },
    tcp: occursOn("tcp"),
    udp: occursOn("udp"),
    protocol: protocol && new Set(protocol),
    sni: sni && new NameSet(sni),
    alpn: alpn && new Set(alpn),
    ja4: ja4 && new PrefixSet(ja4),
    host: host && new NameSet(host),
    source: source && new AddressSet(source),
  };
}

function anyOf(set: ReadonlySet<string>, values: readonly string[]): boolean {
  for (const value of values) {
    if (set.has(value)) return true;
  }
  return false;
}

/** Whether a route asks for nothing that the client's bytes say. */
function isBlind({ protocol, sni, alpn, ja4, host }: Compiled): boolean {
  return protocol === undefined && sni === undefined && alpn === undefined && ja4 === undefined &&
    host === undefined;
}

/** The first condition that does not hold, cheapest first; some facts may be left out of account. */
function failing(
  rule: Compiled,
  seen: Seen,
  ignored?: readonly FactName[],
): Condition | undefined {
  const { protocol, sni, alpn, ja4, host, source } = rule;
  if (!rule[seen.transport]) return "transport";
  if (protocol !== undefined && !protocol.has(seen.protocol)) return "protocol";
  if (
    sni !== undefined && (seen.sni === undefined || !sni.has(seen.sni)) && !ignored?.includes("sni")
  ) {
    return "sni";
  }
  if (
    alpn !== undefined && (seen.alpn === undefined || !anyOf(alpn, seen.alpn)) &&
    !ignored?.includes("alpn")
  ) {
    return "alpn";
  }
  if (
    ja4 !== undefined && (seen.ja4 === undefined || !ja4.has(seen.ja4)) && !ignored?.includes("ja4")
  ) {
    return "ja4";
  }
  if (
    host !== undefined && (seen.host === undefined || !host.has(seen.host)) &&
    !ignored?.includes("host")
  ) {
    return "host";
  }
  if (source !== undefined && !source.has(seen.source)) return "source";
  return undefined;
}

function quoted(values: readonly string[] | undefined): string {
  return (values ?? []).map((value) => `"${value}"`).join(", ");
}

function explainFailure(condition: Condition, seen: Seen, match: MatchConfig): string {
  switch (condition) {
    case "transport":
      return `${quoted(match.protocol)} cannot occur on ${seen.transport}`;
    case "alpn":
      return seen.alpn === undefined
        ? `no alpn was seen, and the route asks for ${quoted(match.alpn)}`
        : `alpn ${quoted(seen.alpn) || "(empty)"} has none of ${quoted(match.alpn)}`;
    case "protocol":
    case "sni":
    case "ja4":
    case "host":
    case "source":
      return seen[condition] === undefined
        ? `no ${condition} was seen, and the route asks for ${quoted(match[condition])}`
        : `${condition} "${seen[condition]}" is none of ${quoted(match[condition])}`;
  }
}

function explainMatch(match: MatchConfig = {}): string {
  const held = Object.entries(match).filter(([, values]) => values !== undefined);
  if (held.length === 0) return "it has no conditions";
  return `${held.map(([condition]) => condition).join(", ")} match`;
}

/** Chooses among the routes of one listener. */
export class Router {
  readonly #rules: Compiled[] = [];
  readonly #wants = new RouteWants();
  #readsDatagrams = false;

  /**
   * @param listener The listener whose routes are meant
   * @param options The protocols that can be detected
   * @throws {Error} If a `source` is no network
   */
  constructor(listener: Pick<ListenerConfig, "routes">, options: RouterOptions) {
    for (const route of listener.routes) this.#add(route, options);
  }

  /**
   * Makes a router in steps: each route takes some microseconds, and there may be many.
   *
   * @param listener The listener whose routes are meant
   * @param options The protocols that can be detected
   * @returns The router
   * @throws {Error} If a `source` is no network
   */
  static *inSteps(
    listener: Pick<ListenerConfig, "routes">,
    options: RouterOptions,
  ): Steps<Router> {
    const router = new Router({ routes: [] }, options);
    for (const route of listener.routes) {
      router.#add(route, options);
      yield;
    }
    return router;
  }

  #add(route: RouteConfig, options: RouterOptions): void {
    const rule = compile(route, this.#rules.length, options);
    this.#rules.push(rule);
    this.#wants.add(route.match ?? {});
    this.#readsDatagrams ||= rule.udp && !isBlind(rule);
  }

  /** Whether the route of a flow may depend on its datagrams. */
  get readsDatagrams(): boolean {
    return this.#readsDatagrams;
  }

  /** What its routes ask for, so that detection waits for nothing else. */
  get wants(): Wants {
    return this.#wants;
  }

  /**
   * Finds the first route whose conditions all hold.
   *
   * @param seen What is known of the client
   * @returns The route, or `undefined` where none matches
   */
  match(seen: Seen): Route | undefined {
    for (const rule of this.#rules) {
      if (failing(rule, seen) === undefined) return rule.route;
    }
    return undefined;
  }

  /**
   * Reports whether the choice hinges on facts that a client may have told and that could not be read:
   * whether a route that asks for one of them could match before one that asks for none of them does.
   *
   * @param seen What is known of the client, without the facts in doubt
   * @param doubtful The facts that could not be read
   * @returns `false` if {@linkcode match} finds the same route whatever they are
   */
  hinges(seen: Seen, doubtful: readonly FactName[]): boolean {
    for (const rule of this.#rules) {
      if (failing(rule, seen) === undefined) return false;
      if (failing(rule, seen, doubtful) === undefined) return true;
    }
    return false;
  }

  /**
   * Says of each route, up to and including the first that matches, why it does or does not.
   *
   * @param facts What is known of the client; people may spell names in any letter case here
   * @returns One explanation per route, in their order
   */
  explain(facts: Seen): readonly Explanation[] {
    const seen = {
      ...facts,
      ...(facts.sni !== undefined && { sni: normalizeName(facts.sni) }),
      ...(facts.host !== undefined && { host: normalizeName(facts.host) }),
    };
    const explanations: Explanation[] = [];
    for (const rule of this.#rules) {
      const { route } = rule;
      const condition = failing(rule, seen);
      const matched = condition === undefined;
      const why = matched
        ? explainMatch(route.match)
        : explainFailure(condition, seen, route.match ?? {});
      explanations.push({ route, matched, why });
      if (matched) break;
    }
    return explanations;
  }

  /**
   * Reports whether the client's bytes can make a difference to the choice. They cannot where the
   * first route that this transport and source can match asks for nothing else, or where there is
   * none: then {@linkcode match} may be asked at once, with protocol `silent`, and a server that
   * speaks first loses no time.
   *
   * @param transport What the client came by
   * @param source The client's address: an IP literal
   * @returns What has to be known of the client's bytes first
   */
  needs(transport: Transport, source: string): "nothing" | "bytes" {
    for (const rule of this.#rules) {
      if (!rule[transport] || (rule.source !== undefined && !rule.source.has(source))) continue;
      return isBlind(rule) ? "nothing" : "bytes";
    }
    return "nothing";
  }
}
