/**
 * Collects which facts the routes of a listener ask for, so that nothing waits for a fact that makes no
 * difference. Knows conditions; knows no route and no detector.
 *
 * @module
 */

import { AlpnSet } from "../wire/alpn.ts";
import { FACT_NAMES, type FactName } from "./mod.ts";

/** What detection needs to know about the routes. */
export interface Wants {
  /** The ALPN names that routes ask for: detectors find them at any position in a hello. */
  readonly alpn: AlpnSet;
  /** Returns the facts that are asked for by the routes which name this protocol or none. */
  of(protocol: string): ReadonlySet<FactName>;
  /** Returns the facts that are asked for by the routes which name this protocol. */
  named(protocol: string): ReadonlySet<FactName>;
}

const NONE: ReadonlySet<FactName> = new Set();
const NO_PROTOCOL = [""];

/** What the routes of one listener ask for. */
export class RouteWants implements Wants {
  readonly alpn = new AlpnSet();
  /** By protocol; the empty name stands for routes that name none. */
  readonly #named = new Map<string, Set<FactName>>();
  /** The results of `of` so far. */
  readonly #of = new Map<string, ReadonlySet<FactName>>();

  /** Adds the conditions of a route. */
  add(match: { readonly [K in FactName | "protocol"]?: readonly string[] }): void {
    for (const name of match.alpn ?? []) this.alpn.add(name);
    for (const protocol of match.protocol ?? NO_PROTOCOL) {
      const asked = this.#named.get(protocol) ?? new Set();
      this.#named.set(protocol, asked);
      for (const fact of FACT_NAMES) if (match[fact] !== undefined) asked.add(fact);
    }
    this.#of.clear();
  }

  of(protocol: string): ReadonlySet<FactName> {
    let wanted = this.#of.get(protocol);
    if (wanted === undefined) {
      wanted = this.named(protocol).union(this.named(""));
      this.#of.set(protocol, wanted);
    }
    return wanted;
  }

  named(protocol: string): ReadonlySet<FactName> {
    return this.#named.get(protocol) ?? NONE;
  }
}

/** Asks for no fact. */
export const NO_WANTS: Wants = new RouteWants();

/**
 * Asks for every fact of every protocol, for a person who looks at captured bytes.
 *
 * @param routes What routes ask for, if there are any: their ALPN names are found, and facts that lie behind a
 * dialogue are asked for only if they ask for them
 */
export function wantsAll(routes?: Wants): Wants {
  const all = new Set(FACT_NAMES);
  const { alpn } = routes ?? NO_WANTS;
  return { alpn, of: () => all, named: (protocol) => routes?.named(protocol) ?? all };
}
