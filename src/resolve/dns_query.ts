/**
 * The questions behind the resolver's cache, asked through the system: its name servers, its hosts
 * file and, for names that only those know, its other sources. Knows no cache and no target.
 *
 * @module
 */

import { promises as dns } from "node:dns";

/** One address record. */
export interface DnsRecord {
  readonly address: string;
  /** Seconds that it may be kept. */
  readonly ttl: number;
}

/**
 * Asks for the records of one family; rejects where there are none or nobody knows. Deno gives
 * `ENOTFOUND` for NXDOMAIN, for SERVFAIL and for an empty answer alike
 * (https://github.com/denoland/deno/issues/36561), so nothing may depend on which it was.
 */
export type DnsQuery = (name: string, family: 4 | 6) => Promise<readonly DnsRecord[]>;

/** Asks the system's other sources for addresses of both families. */
export type DnsLookup = (name: string) => Promise<readonly string[]>;

/** The ways to ask. */
export interface DnsSystem {
  readonly query: DnsQuery;
  /** Unset if the name servers are given: then they alone are to answer. */
  readonly lookup: DnsLookup | undefined;
  /** Ends the queries that are under way: they reject. */
  cancel(): void;
}

/** Queries that one question may take: a lost datagram must not fail it. */
const TRIES = 2;
/** The share of a question's time that the first query has; the second has twice as long. */
const FIRST_SHARE = 0.3;

/**
 * Opens the system's resolver.
 *
 * @param timeoutMs Milliseconds that one question may take
 * @param servers `IP` or `IP:PORT` of the name servers to ask instead of the system's
 * @returns The ways to ask
 */
export function openDns(timeoutMs: number, servers?: readonly string[]): DnsSystem {
  const resolver = new dns.Resolver({ timeout: Math.ceil(timeoutMs * FIRST_SHARE), tries: TRIES });
  if (servers !== undefined) resolver.setServers([...servers]);
  return {
    query(name, family) {
      // Search domains would be tried for each family by itself, and where one has a wildcard, the family
      // that the name lacks be somebody else's. Names that need them are left to `lookup`.
      const whole = name.includes(".") && !name.endsWith(".") ? `${name}.` : name;
      const options = { ttl: true } as const;
      return family === 4 ? resolver.resolve4(whole, options) : resolver.resolve6(whole, options);
    },
    lookup: servers === undefined
      ? async (name) => (await dns.lookup(name, { all: true })).map(({ address }) => address)
      : undefined,
    cancel: () => resolver.cancel(),
  };
}
