/**
 * Chooses the route of a session or flow: the first of a listener's routes whose conditions all
 * hold. Knows what was seen of a client; never a socket, an address to connect to or a byte.
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
import type { PatternSet } from "../facts/kind.ts";
import {
  CONDITIONS,
  FACT_NAMES,
  type FactName,
  type Facts,
  type ProtocolInfo,
} from "../facts/mod.ts";
import { AddressSet } from "../facts/networks.ts";
import { RouteWants, type Wants } from "../facts/wants.ts";
import type { Steps } from "../slices.ts";

/** What is known about a session or flow when its route is chosen. */
export interface Seen extends Facts {
  readonly transport: Transport;
  /** A detector's name, `unknown` or `silent`. */
  readonly protocol: string;
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
  /** Faults for tests, instead of the upstream's. */
  readonly faults: FaultsConfig | undefined;
}

/** Why one route matches or not. */
export interface Explanation {
  readonly route: Route;
  readonly matched: boolean;
  /** The first condition that does not hold, or the conditions that all do. */
  readonly why: string;
}

/** What the router has to know about protocols. */
export interface RouterOptions {
  /** Every protocol that can be detected, with the transports it occurs on. */
  readonly protocols: readonly Pick<ProtocolInfo, "name" | "transports">[];
}

/** The condition that a fact matches any of a route's patterns, and the conditions after it. */
interface FactConditions {
  readonly fact: FactName;
  readonly patterns: PatternSet;
  readonly next: FactConditions | undefined;
}

/** A route's conditions, compiled; `undefined` is no condition. */
interface Compiled {
  readonly route: Route;
  readonly tcp: boolean;
  readonly udp: boolean;
  readonly protocol: ReadonlySet<string> | undefined;
  readonly facts: FactConditions | undefined;
  readonly source: AddressSet | undefined;
}

type Condition = "transport" | "protocol" | FactName | "source";

function compile(config: RouteConfig, index: number, options: RouterOptions): Compiled {
  const { match = {} } = config;
  const { protocol, source } = match;
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
    facts: compileFacts(match),
    source: source && new AddressSet(source),
  };
}

function compileFacts(match: MatchConfig): FactConditions | undefined {
  let first: FactConditions | undefined;
  for (const fact of FACT_NAMES.toReversed()) {
    const patterns = match[fact];
    if (patterns !== undefined) {
      first = { fact, patterns: CONDITIONS[fact].kind.compile(patterns), next: first };
    }
  }
  return first;
}

/** Reports whether a route asks for nothing that the client's bytes decide. */
function isBlind({ protocol, facts }: Compiled): boolean {
  return protocol === undefined && facts === undefined;
}

/** Reports whether the conditions on transport and protocol hold. */
function takes(rule: Compiled, { transport, protocol }: Seen): boolean {
  return rule[transport] && (rule.protocol?.has(protocol) ?? true);
}

/** Returns the first of the other conditions that does not hold, except conditions on ignored facts. */
function failing(
  { facts, source }: Compiled,
  seen: Seen,
  ignored?: readonly FactName[],
): FactName | "source" | undefined {
  for (let one = facts; one !== undefined; one = one.next) {
    const { fact, patterns } = one;
    const value = seen[fact];
    if ((value === undefined || !patterns.has(value)) && !ignored?.includes(fact)) return fact;
  }
  return source === undefined || source.has(seen.source) ? undefined : "source";
}

function quoted(values: readonly string[] | undefined): string {
  return (values ?? []).map((value) => `"${value}"`).join(", ");
}

function explainFailure(condition: Condition, seen: Seen, match: MatchConfig): string {
  if (condition === "transport") {
    return `${quoted(match.protocol)} cannot occur on ${seen.transport}`;
  }
  const value = seen[condition];
  const asked = quoted(match[condition]);
  if (value === undefined) return `no ${condition} was seen, and the route asks for ${asked}`;
  return typeof value === "string"
    ? `${condition} "${value}" is none of ${asked}`
    : `${condition} ${quoted(value) || "(empty)"} has none of ${asked}`;
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
  /** The results of {@linkcode #takers} so far. */
  readonly #known: {
    readonly transport: Transport;
    readonly protocol: string;
    readonly takers: readonly Compiled[];
  }[] = [];
  #readsDatagrams = false;

  /** @throws {Error} If a `source` is not a network */
  constructor(listener: Pick<ListenerConfig, "routes">, options: RouterOptions) {
    for (const route of listener.routes) this.#add(route, options);
  }

  /**
   * Makes a router in steps: each route takes some microseconds, and there may be many.
   *
   * @throws {Error} If a `source` is not a network
   */
  static *inSteps(listener: Pick<ListenerConfig, "routes">, options: RouterOptions): Steps<Router> {
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

  /** Returns the routes whose conditions on transport and protocol hold. */
  #takers(seen: Seen): readonly Compiled[] {
    const { transport, protocol } = seen;
    // There are about ten at most, so a map would cost more.
    for (const known of this.#known) {
      if (known.protocol === protocol && known.transport === transport) return known.takers;
    }
    const takers = this.#rules.filter((rule) => takes(rule, seen));
    this.#known.push({ transport, protocol, takers });
    return takers;
  }

  /** Whether the route of a flow may depend on its datagrams. */
  get readsDatagrams(): boolean {
    return this.#readsDatagrams;
  }

  /** What its routes ask for, so that detection waits for nothing else. */
  get wants(): Wants {
    return this.#wants;
  }

  /** Returns the first route whose conditions all hold, if there is one. */
  match(seen: Seen): Route | undefined {
    for (const rule of this.#takers(seen)) {
      if (failing(rule, seen) === undefined) return rule.route;
    }
    return undefined;
  }

  /**
   * Reports whether the choice depends on facts that a client may have sent and that could not be read:
   * whether a route that asks for one of them could match before a route that asks for none of them.
   *
   * @param seen What is known about the client, without the facts in doubt
   * @param doubtful The facts that could not be read
   * @returns `false` if {@linkcode match} finds the same route whatever they are
   */
  hinges(seen: Seen, doubtful: readonly FactName[]): boolean {
    for (const rule of this.#takers(seen)) {
      if (failing(rule, seen) === undefined) return false;
      if (failing(rule, seen, doubtful) === undefined) return true;
    }
    return false;
  }

  /** Explains for each route, up to and including the first that matches, why it matches or not. */
  explain(seen: Seen): readonly Explanation[] {
    const explanations: Explanation[] = [];
    for (const rule of this.#rules) {
      const { route } = rule;
      const condition = !rule[seen.transport]
        ? "transport"
        : takes(rule, seen)
        ? failing(rule, seen)
        : "protocol";
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
   * Reports whether the choice can depend on the client's bytes. It cannot if the first route that this
   * transport and source can match asks for nothing else, or if there is no such route. Then
   * {@linkcode match} may be called at once, with protocol `silent`, and a server that speaks first loses
   * no time.
   *
   * @param source The client's address: an IP literal
   * @returns What has to be read first
   */
  needs(transport: Transport, source: string): "nothing" | "bytes" {
    for (const rule of this.#rules) {
      if (!rule[transport] || (rule.source !== undefined && !rule.source.has(source))) continue;
      return isBlind(rule) ? "nothing" : "bytes";
    }
    return "nothing";
  }
}
