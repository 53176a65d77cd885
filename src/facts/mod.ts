/**
 * The facts: what detectors learn about a client from its first bytes. One table defines what the patterns
 * for each fact look like, how they match, and how a value is shown. All other code loops over it, so that
 * a new fact is an entry here and the detector that finds it. Knows no byte, no route and no configuration.
 *
 * @module
 */

import { fingerprints } from "./fingerprints.ts";
import { hostNames } from "./host_names.ts";
import { type Kind, words } from "./kind.ts";
import { quote } from "../wording.ts";

/** The types that the value of a fact may have. */
interface Values {
  readonly text: string;
  readonly texts: readonly string[];
  readonly number: number;
}

/** How a route asks for a fact. */
export interface Condition {
  readonly kind: Kind;
  /** What the condition means, for the reference of the configuration. */
  readonly description: string;
  /** What all values begin with, if the transport decides it. */
  readonly begins?: Readonly<Record<"tcp" | "udp", string>>;
}

/** An entry of the table; a fact that no route can ask for has no condition. */
export interface Fact extends Partial<Condition> {
  readonly type: keyof Values;
  /** What its field in access lines and the admin API means. Unset: it has none. */
  readonly shown?: string;
  /** Its attribute of spans, if that is not `shunt.` and its name. */
  readonly attribute?: string;
  /** Whether clients choose it freely, so that `shunt detect` quotes it. */
  readonly free?: boolean;
}

/** The facts in the order in which they are shown; names as in the configuration and in JSON. */
export const FACTS = {
  /** As the protocol spells it: HTTP `1.0`, `1.1`, `2`; QUIC `1`, `2`; SSH `2.0`. */
  version: { type: "text" },
  /** Lower case, without a trailing dot. */
  sni: {
    type: "text",
    shown: "Server name of the TLS or QUIC hello",
    attribute: "tls.client.server_name",
    free: true,
    kind: hostNames({ ip: false }),
    description: "Server name in a TLS or QUIC ClientHello, in any letter case; `*.suffix` is " +
      "one or more labels before the suffix, `*` any name, but not a missing one. A name " +
      "consists of labels of letters, digits, `-` and `_` and is not an IP address; anything " +
      "else matches nothing (docs/names.md, also on what a route by name can promise)",
  },
  /** In the client's order; a name that was cut ends in an ellipsis. */
  alpn: {
    type: "texts",
    shown: "Protocols that the hello offers: the first eight, cut to 32 bytes with `…` unless a " +
      "route asks for them",
    attribute: "tls.client.supported_protocols",
    free: true,
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
    description: "Application protocol that a TLS or QUIC ClientHello offers, at any position in " +
      "its list",
  },
  ja4: {
    type: "text",
    shown: "JA4 fingerprint of the hello",
    attribute: "tls.client.ja4",
    kind: fingerprints,
    begins: { tcp: "t", udp: "q" },
    description: "JA4 fingerprint of a TLS or QUIC ClientHello: a whole one, or its beginning " +
      "followed by `*`",
  },
  tls_version: {
    type: "text",
    shown: "The highest TLS version that the hello offers",
    kind: words({
      what: 'a TLS version in quotes, such as "1.3"',
      title: "TLS version",
      pattern: "^1\\.[0-3]$",
      parse(text) {
        if (/^1\.[0-3]$/.test(text)) return text;
        const fault = `Expected a TLS version from "1.0" to "1.3", got ${quote(text)}`;
        const [, minor] = /^(?:tls)?[ v]*1[._]?([0-3])$/i.exec(text) ?? [];
        return minor === undefined ? { fault } : { fault, hint: `did you mean "1.${minor}"?` };
      },
    }),
    description: "The highest TLS version that a TLS or QUIC ClientHello offers: `1.0` to `1.3`, " +
      "in quotes",
  },
  /** Without the records or frames that carried it. */
  hello_bytes: { type: "number", shown: "Bytes of the hello" },
  /** Lower case, without port or trailing dot; IPv6 without brackets. */
  host: {
    type: "text",
    shown: "Host of an HTTP request",
    free: true,
    kind: hostNames({ ip: true }),
    description: "Host of an HTTP request, in any letter case and without its port; patterns as " +
      "in `sni`, and IP addresses",
  },
} as const satisfies Readonly<Record<string, Fact>>;

type Table = typeof FACTS;
type Having<K extends keyof Fact> = {
  [N in keyof Table]: K extends keyof Table[N] ? N : never;
}[keyof Table];

/** What a detector learned besides the protocol's name. */
export type Facts = { readonly [N in keyof Table]?: Values[Table[N]["type"]] };
/** A fact that a route can ask for. */
export type FactName = Having<"kind">;
/** A fact that access lines, spans and the admin API show. */
export type ShownName = Having<"shown">;

/** All facts, in their order. */
export const ALL_NAMES = Object.keys(FACTS) as readonly (keyof Facts)[];
const having = (key: keyof Fact) => ALL_NAMES.filter((name) => key in FACTS[name]);
/** The facts that a route can ask for. */
export const FACT_NAMES = having("kind") as readonly FactName[];
/** The facts that access lines, spans and the admin API show. */
export const SHOWN_NAMES = having("shown") as readonly ShownName[];
/** How routes ask for facts. */
export const CONDITIONS: Readonly<Record<FactName, Condition>> = FACTS;

/** Returns a record with the result of `make` for each fact, in the order of the names. */
export function byName<N extends keyof Facts, T>(
  names: readonly N[],
  make: (name: N) => T,
): Record<N, T> {
  return Object.fromEntries(names.map((name) => [name, make(name)])) as Record<N, T>;
}

/** What other folders need to know about a protocol that a route can ask for. */
export interface ProtocolInfo {
  readonly name: string;
  /** The transports it occurs on. */
  readonly transports: readonly ("tcp" | "udp")[];
  /** The facts that its clients can have. */
  readonly facts: readonly FactName[];
  /** Whether they are known only if a route names the protocol and asks for one of them. */
  readonly behind?: boolean;
}

/** What `match: { protocol }` may be besides the protocols that shunt detects. */
export const PSEUDO_PROTOCOLS: readonly ProtocolInfo[] = [
  { name: "unknown", transports: ["tcp", "udp"], facts: [] },
  // A flow begins with a datagram, so it is never silent.
  { name: "silent", transports: ["tcp"], facts: [] },
];
