/**
 * The facts: what clients tell of themselves in their first bytes. One table says what patterns for
 * each look like, how they match, and how a value is shown. All else loops over it, so that a new
 * fact is an entry here and the detector that finds it. Knows no byte, no route and no configuration.
 *
 * @module
 */

import { fingerprints } from "./fingerprints.ts";
import { hostNames } from "./host_names.ts";
import { type Kind, words } from "./kind.ts";

/** A condition of routes: that a fact matches any of some patterns. */
export interface Condition {
  readonly kind: Kind;
  /** What the condition means, for the reference of the configuration. */
  readonly description: string;
  /** What stands for a value in `shunt explain --help`. */
  readonly placeholder: string;
  /** What all values begin with, by protocol, if the protocol decides it. */
  readonly begins?: Readonly<Record<string, string>>;
}

/** The types that a value may have. */
interface Values {
  readonly text: string;
  readonly texts: readonly string[];
  readonly number: number;
}

/** An entry of the table. */
export interface Fact {
  readonly type: keyof Values;
  /** Its field in access lines and the admin API, and its attribute of spans. Unset: it has none. */
  readonly shown?: { readonly text: string; readonly attribute: string };
  /** Whether clients choose it freely, so that `shunt detect` quotes it. */
  readonly free?: boolean;
  /** How a route asks for it. Unset: no route can. */
  readonly condition?: Condition;
}

/** The facts in the order in which they are shown; names as the configuration and JSON spell them. */
export const FACTS = {
  /** Version as the protocol spells it: HTTP `1.0`, `1.1`, `2`; QUIC `1`, `2`; SSH `2.0`. */
  version: { type: "text" },
  /** Server name of a ClientHello: lower case, without a trailing dot. */
  sni: {
    type: "text",
    shown: {
      text: "Server name of the TLS or QUIC hello",
      attribute: "tls.client.server_name",
    },
    free: true,
    condition: {
      kind: hostNames({ ip: false }),
      placeholder: "NAME",
      description:
        "Server name of a TLS or QUIC ClientHello, in any letter case; `*.suffix` is one " +
        "or more labels before the suffix, `*` any name, but there must be one. A name is labels of " +
        "letters, digits, `-` and `_`, and no IP address: what is none matches nothing (docs/names.md, " +
        "also on what a route by name can promise)",
    },
  },
  /**
   * Protocols that a ClientHello offers, in its order: the first eight, of 32 bytes at the most with an
   * ellipsis after what is cut, and those that a route asks for.
   */
  alpn: {
    type: "texts",
    shown: {
      text: "Protocols that the hello offers: the first eight, cut to 32 bytes with `…` unless a " +
        "route asks for them",
      attribute: "tls.client.supported_protocols",
    },
    free: true,
    condition: {
      kind: words({
        what: 'a protocol name such as "h2"',
        title: "ALPN protocol name",
        parse(text) {
          const { length } = new TextEncoder().encode(text); // RFC 7301 §3.1: 1 to 255
          if (length >= 1 && length <= 255) return text;
          const expected = 'a protocol name of 1 to 255 bytes such as "h2"';
          return { fault: `Expected ${expected}, got ${length} bytes` };
        },
      }),
      placeholder: "NAME",
      description: "Application protocol that a TLS or QUIC ClientHello offers, among others, at " +
        "any place of its list",
    },
  },
  /** JA4 fingerprint of a ClientHello. */
  ja4: {
    type: "text",
    shown: { text: "JA4 fingerprint of the hello", attribute: "tls.client.ja4" },
    condition: {
      kind: fingerprints,
      placeholder: "FINGERPRINT",
      begins: { tls: "t", quic: "q" },
      description:
        "JA4 fingerprint of a TLS or QUIC ClientHello: a whole one, or the beginning of " +
        "one with `*` after it",
    },
  },
  /** The highest TLS version that a ClientHello offers: `1.0` to `1.3`. */
  tls_version: {
    type: "text",
    shown: {
      text: "The highest TLS version that the hello offers",
      attribute: "shunt.tls_version",
    },
  },
  /** Length of a ClientHello message, without what carried it. */
  hello_bytes: {
    type: "number",
    shown: { text: "Bytes of the hello", attribute: "shunt.hello_bytes" },
  },
  /** HTTP host: lower case, without port or trailing dot; IPv6 without brackets. */
  host: {
    type: "text",
    shown: { text: "Host of an HTTP request", attribute: "shunt.host" },
    free: true,
    condition: {
      kind: hostNames({ ip: true }),
      placeholder: "NAME",
      description:
        "Host of an HTTP request, in any letter case and without its port; patterns as " +
        "in `sni`, and IP addresses",
    },
  },
} as const satisfies Readonly<Record<string, Fact>>;

type Table = typeof FACTS;
type Having<K extends keyof Fact> = {
  [N in keyof Table]: Table[N] extends { readonly [P in K]: object } ? N : never;
}[keyof Table];

/** What a detector learned beside the protocol's name. */
export type Facts = { readonly [N in keyof Table]?: Values[Table[N]["type"]] };
/** A fact that a route can ask for. */
export type FactName = Having<"condition">;
/** A fact that access lines, spans and the admin API show. */
export type ShownName = Having<"shown">;

const ENTRIES: readonly [string, Fact][] = Object.entries(FACTS);

/** All facts, in their order. */
export const ALL_NAMES = Object.keys(FACTS) as readonly (keyof Facts)[];
/** The facts that a route can ask for. */
export const FACT_NAMES = ENTRIES.filter(([, { condition }]) => condition !== undefined)
  .map(([name]) => name) as readonly FactName[];
/** The facts that access lines, spans and the admin API show. */
export const SHOWN_NAMES = ENTRIES.filter(([, { shown }]) => shown !== undefined)
  .map(([name]) => name) as readonly ShownName[];

/** How routes ask for facts. */
export const CONDITIONS: Readonly<Record<FactName, Condition>> = byName(
  FACT_NAMES,
  (name) => FACTS[name].condition,
);

/**
 * Makes something of each fact.
 *
 * @param names Which facts
 * @param make Gives what belongs to one
 * @returns A record in the order of the names
 */
export function byName<N extends keyof Facts, T>(
  names: readonly N[],
  make: (name: N) => T,
): Record<N, T> {
  return Object.fromEntries(names.map((name) => [name, make(name)])) as Record<N, T>;
}
