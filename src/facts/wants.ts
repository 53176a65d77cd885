/**
 * Which facts the routes of a listener ask for, so that nothing waits for a fact that makes no
 * difference. Knows conditions; knows no route and no detector.
 *
 * @module
 */

import { AlpnSet } from "../wire/alpn.ts";
import { FACT_NAMES, type FactName } from "./mod.ts";

/** What detection is told of the routes. */
export interface Wants {
  /** The ALPN names that routes ask for, wherever a hello has them. */
  readonly alpn: AlpnSet;
  /** Returns the facts that routes ask for which can match a protocol: they name it, or name none. */
  of(protocol: string): ReadonlySet<FactName>;
  /** Returns the facts that routes ask for which name a protocol. */
  named(protocol: string): ReadonlySet<FactName>;
}

const NONE: ReadonlySet<FactName> = new Set();
const NO_PROTOCOL = [""];

/** What the routes of one listener ask for. */
export class RouteWants implements Wants {
  readonly alpn = new AlpnSet();
  /** By protocol; under the empty name, of routes that name none. */
  readonly #named = new Map<string, Set<FactName>>();
  /** Both together, filled as protocols are asked about. */
  readonly #of = new Map<string, ReadonlySet<FactName>>();

  /**
   * Adds a route.
   *
   * @param match The route's conditions
   */
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

/** Wants no fact. */
export const NO_WANTS: Wants = new RouteWants();

/**
 * Wants every fact of every protocol, as people do who look at captured bytes.
 *
 * @param routes What routes ask for, if there are any: ALPN names that they ask for are found, and of what
 * lies behind a dialogue no more is wanted than they want
 */
export function wantsAll(routes?: Wants): Wants {
  const all = new Set(FACT_NAMES);
  const { alpn } = routes ?? NO_WANTS;
  return { alpn, of: () => all, named: (protocol) => routes?.named(protocol) ?? all };
}
