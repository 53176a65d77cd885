/**
 * Which facts the routes of a listener ask for, so that nothing waits for a fact that makes no
 * difference. Knows conditions; knows no route and no detector.
 *
 * @module
 */

import { AlpnSet } from "../wire/alpn.ts";
import { FACT_NAMES, type FactName } from "./mod.ts";

/** The conditions of one route, as far as they matter here. */
type Asking = { readonly [K in FactName | "protocol"]?: readonly string[] };

/** What detection is told of the routes. */
export interface Wants {
  /** The ALPN names that routes ask for, wherever a hello has them. */
  readonly alpn: AlpnSet;
  /**
   * Returns the facts that routes which can match a protocol ask for: routes that name it, and
   * routes that name no protocol.
   *
   * @param protocol A detector's name
   */
  of(protocol: string): ReadonlySet<FactName>;
  /**
   * Returns the facts that routes which name a protocol ask for.
   *
   * @param protocol A detector's name
   */
  named(protocol: string): ReadonlySet<FactName>;
}

const ALL: ReadonlySet<FactName> = new Set(FACT_NAMES);
const NONE: ReadonlySet<FactName> = new Set();

/** What the routes of one listener ask for. */
export class RouteWants implements Wants {
  readonly alpn = new AlpnSet();
  /** Of routes that name no protocol. */
  readonly #any = new Set<FactName>();
  readonly #named = new Map<string, Set<FactName>>();
  /** Both together, by protocol; filled as protocols are asked about. */
  readonly #of = new Map<string, ReadonlySet<FactName>>();

  /**
   * Adds a route.
   *
   * @param match The route's conditions
   */
  add(match: Asking): void {
    this.#of.clear();
    for (const name of match.alpn ?? []) this.alpn.add(name);
    const asked = FACT_NAMES.filter((fact) => match[fact] !== undefined);
    for (const protocol of match.protocol ?? []) {
      const named = this.#named.get(protocol) ?? new Set();
      this.#named.set(protocol, named);
      for (const fact of asked) named.add(fact);
    }
    if (match.protocol === undefined) { for (const fact of asked) this.#any.add(fact); }
  }

  of(protocol: string): ReadonlySet<FactName> {
    let wanted = this.#of.get(protocol);
    if (wanted === undefined) {
      wanted = this.#any.union(this.named(protocol));
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
 * Wants every fact, as people do who look at captured bytes.
 *
 * @param routes What routes ask for, if there are any: ALPN names that they ask for are found, and of what
 * lies behind a dialogue no more is wanted than they want
 * @returns The same, with all facts wanted of every protocol
 */
export function wantsAll(routes?: Wants): Wants {
  const { alpn } = routes ?? NO_WANTS;
  return { alpn, of: () => ALL, named: (protocol) => routes?.named(protocol) ?? ALL };
}
