/**
 * The queries behind the resolver's cache, made by the system: its name servers, its hosts file and, for
 * names that only those know, its other sources. Knows no cache and no target.
 *
 * @module
 */

import { promises as dns } from "node:dns";

/** One address record. */
export interface DnsRecord {
  readonly address: string;
  /** Seconds for which it may be kept. */
  readonly ttl: number;
}

/**
 * Queries the records of one family; rejects if there are none or no server knows. Deno reports `ENOTFOUND`
 * for NXDOMAIN, for SERVFAIL and for an empty answer (https://github.com/denoland/deno/issues/36561), so no
 * code may depend on which it was.
 */
export type DnsQuery = (name: string, family: 4 | 6) => Promise<readonly DnsRecord[]>;

/** Queries the system's other sources for addresses of both families. */
export type DnsLookup = (name: string) => Promise<readonly string[]>;

/** The system's ways to resolve. */
export interface DnsSystem {
  readonly query: DnsQuery;
  /** Unset if name servers are configured, since only those may answer then. */
  readonly lookup: DnsLookup | undefined;
  /** Ends all pending queries, which reject. */
  cancel(): void;
}

/** Attempts per query, since a lost datagram must not fail it. */
const TRIES = 2;
/** The share of the timeout for the first attempt; the second has twice as long. */
const FIRST_SHARE = 0.3;

/**
 * Opens the system's resolver.
 *
 * @param timeoutMs Milliseconds that one query may take
 * @param servers `IP` or `IP:PORT` of the name servers to use instead of the system's
 * @returns The ways to resolve
 */
export function openDns(timeoutMs: number, servers?: readonly string[]): DnsSystem {
  const resolver = new dns.Resolver({ timeout: Math.ceil(timeoutMs * FIRST_SHARE), tries: TRIES });
  if (servers !== undefined) resolver.setServers([...servers]);
  return {
    query(name, family) {
      // Without the dot, search domains would be tried for each family on its own. If one has a wildcard,
      // the family that the name lacks would be another host's. Names that need search domains are left to
      // `lookup`.
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
