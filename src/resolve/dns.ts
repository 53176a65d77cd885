/**
 * Addresses of target names, kept as long as their records allow, and longer while the name servers fail.
 * Knows names and time; the order of connecting is decided elsewhere.
 *
 * @module
 */

import { ResolveError } from "../errors.ts";
import { arrange } from "./addresses.ts";
import { type DnsLookup, type DnsQuery, type DnsRecord, openDns } from "./dns_query.ts";

export type { DnsLookup, DnsQuery, DnsRecord } from "./dns_query.ts";

/** The addresses of a name. */
export interface NameAddresses {
  /** IP literals, families alternating, IPv6 first; at least one. */
  readonly list: readonly string[];
  /** When they have to be refreshed, by the resolver's clock. */
  readonly expires: number;
}

/** Resolves names. */
export interface NameResolver {
  /**
   * Resolves a name.
   *
   * @param name A host name, not an IP literal
   * @returns Its addresses, without a promise if they are known
   * @throws {ResolveError} with code `dns_failed`; the promise may reject likewise
   */
  resolve(name: string): NameAddresses | Promise<NameAddresses>;
}

/** What the resolver needs. */
export interface ResolverOptions {
  /** Milliseconds for which addresses are kept at least. */
  readonly minTtl: number;
  /** Milliseconds for which addresses are kept at most. */
  readonly maxTtl: number;
  /** The time in milliseconds; need not be exact. */
  readonly now: () => number;
  /** Queries records; default: the system's resolver. */
  readonly query?: DnsQuery;
  /** Used if `query` finds nothing; default: the system, unless `query` or `servers` is given. */
  readonly lookup?: DnsLookup;
  /** `IP` or `IP:PORT` of name servers to use instead of the system's. */
  readonly servers?: readonly string[];
  /** Milliseconds that one resolution may take; default 5 s. */
  readonly timeout?: number;
}

/** Milliseconds that one query may take. */
const TIMEOUT_MS = 5_000;
/** Milliseconds for which a failure is remembered. */
const FAILURE_MS = 5_000;
/** Milliseconds for which expired addresses are better than none: a day (RFC 8767 §5: 1 to 3). */
const STALE_MS = 86_400_000;
/** Milliseconds for which expired addresses are returned at once; a name in use is refreshed within. */
const GRACE_MS = 10_000;
/**
 * Milliseconds that older ones wait for an answer (RFC 8767 §5, client response timer); half of the timeout
 * if that is less.
 */
const STALE_WAIT_MS = 1_800;
/** Milliseconds that the first family to answer waits for the other (RFC 8305 §3). */
const RESOLUTION_DELAY_MS = 50;
/** Names in the cache. They come from the configuration, but reloads may bring many. */
const MAX_NAMES = 4_096;

interface Entry {
  addresses: NameAddresses | undefined;
  error: ResolveError | undefined;
  /** When to query again after a failure. */
  retryAt: number;
  /** Settles with the pending query. */
  pending: Promise<NameAddresses> | undefined;
}

/** Resolves names, with one pending query for each. */
export class Resolver implements NameResolver {
  /** Answers from the cache. */
  hits = 0;
  /** Answers from the cache that had expired. */
  stale = 0;
  /** Names that the cache could not answer. */
  misses = 0;
  /** Resolutions that gave no address. */
  failures = 0;
  readonly #options: ResolverOptions;
  readonly #timeout: number;
  readonly #query: DnsQuery;
  readonly #lookup: DnsLookup | undefined;
  readonly #cancel: (() => void) | undefined;
  /** In the order of their last refresh, so that the first is the least used. */
  readonly #entries = new Map<string, Entry>();
  /** Functions that give up pending queries. */
  readonly #waiting = new Set<(reason: Error) => void>();
  #closed = false;

  /** @param options Time to live, clock and name servers */
  constructor(options: ResolverOptions) {
    this.#options = options;
    const { query, lookup, servers, timeout = TIMEOUT_MS } = options;
    this.#timeout = timeout;
    if (query !== undefined) {
      this.#query = query;
      this.#lookup = lookup;
    } else {
      const system = openDns(timeout, servers);
      this.#query = system.query;
      this.#lookup = lookup ?? system.lookup;
      this.#cancel = system.cancel;
    }
  }

  /** How many names it holds. */
  get size(): number {
    return this.#entries.size;
  }

  /**
   * Returns addresses from the cache. Addresses that have just expired, or could not be refreshed just now,
   * are returned while a query runs in the background. Older ones could belong to another host by now, so
   * {@linkcode resolve} queries first.
   *
   * @param name Host name, no IP literal
   * @returns The addresses, or `undefined` if {@linkcode resolve} has to query
   */
  cached(name: string): NameAddresses | undefined {
    const entry = this.#entries.get(name);
    const addresses = entry?.addresses;
    if (entry === undefined || addresses === undefined) return undefined;
    const now = this.#options.now();
    if (now < addresses.expires) {
      this.hits++;
      return addresses;
    }
    if (now >= addresses.expires + STALE_MS) {
      entry.addresses = undefined;
      return undefined;
    }
    if (now >= Math.max(addresses.expires, entry.retryAt) + GRACE_MS) return undefined;
    this.stale++;
    if (entry.pending === undefined && now >= entry.retryAt && !this.#closed) {
      this.#ask(name, entry);
    }
    return addresses;
  }

  /**
   * Returns the addresses of a name, without a promise if the cache has them. If no name server answers
   * within 1.8 s, it returns addresses that expired less than a day ago.
   *
   * @param name Host name, no IP literal
   * @returns The addresses, or a promise of them that rejects with a `ResolveError`
   * @throws {ResolveError} with code `dns_failed` while a recent failure is remembered, and after
   * {@linkcode close}
   */
  resolve(name: string): NameAddresses | Promise<NameAddresses> {
    const cached = this.cached(name);
    if (cached !== undefined) return cached;
    this.misses++;
    if (this.#closed) throw failure(name, new Error("the resolver is closed"));
    let entry = this.#entries.get(name);
    if (entry === undefined) {
      entry = { addresses: undefined, error: undefined, retryAt: -Infinity, pending: undefined };
      this.#store(name, entry);
    }
    if (entry.pending !== undefined) return entry.pending;
    if (entry.error !== undefined && this.#options.now() < entry.retryAt) throw entry.error;
    return this.#ask(name, entry);
  }

  /** Gives up all pending queries; their callers get an error. */
  close(): void {
    this.#closed = true;
    this.#cancel?.();
    for (const giveUp of this.#waiting) giveUp(new Error("the resolver is closed"));
    this.#entries.clear();
  }

  #store(name: string, entry: Entry): void {
    this.#entries.delete(name);
    this.#entries.set(name, entry);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= MAX_NAMES) break;
      this.#entries.delete(oldest);
    }
  }

  #ask(name: string, entry: Entry): Promise<NameAddresses> {
    const { promise, resolve, reject } = Promise.withResolvers<NameAddresses>();
    // A refresh in the background has no caller that would handle its error.
    promise.catch(() => {});
    entry.pending = promise;
    const records: DnsRecord[] = [];
    const failed = new Map<4 | 6, unknown>();
    let error: unknown;
    const old = entry.addresses;
    const slow = old && setTimeout(() => resolve(old), Math.min(STALE_WAIT_MS, this.#timeout / 2));
    let early: ReturnType<typeof setTimeout> | undefined;
    const ask = async (family: 4 | 6): Promise<void> => {
      try {
        records.push(...await this.#bounded(this.#query(name, family)));
      } catch (reason) {
        error = reason;
        failed.set(family, reason);
        return;
      }
      // Name servers that never answer for one family must not delay the other.
      if (records.length > 0) {
        early ??= setTimeout(() => resolve(this.#keep(name, entry, records)), RESOLUTION_DELAY_MS);
      }
    };
    const both = async (): Promise<void> => {
      await Promise.all([ask(4), ask(6)]);
      clearTimeout(early);
      if (records.length === 0 && this.#lookup !== undefined && !this.#closed) {
        try {
          const list = await this.#bounded(this.#lookup(name));
          for (const address of list) records.push({ address, ttl: 0 });
        } catch (reason) {
          error = reason;
        }
      }
      clearTimeout(slow);
      entry.pending = undefined;
      if (records.length > 0) {
        const { kept, inDoubt } = missing(old, failed);
        records.push(...kept);
        return resolve(this.#keep(name, entry, records, inDoubt ? FAILURE_MS : undefined));
      }
      this.#fail(name, entry, error);
      if (old !== undefined) resolve(old);
      else reject(entry.error);
    };
    void both();
    return promise;
  }

  #keep(name: string, entry: Entry, records: readonly DnsRecord[], most = Infinity): NameAddresses {
    const { minTtl, maxTtl, now } = this.#options;
    let ttl = most;
    for (const record of records) ttl = Math.min(ttl, record.ttl * 1000);
    const addresses = {
      list: arrange(records.map(({ address }) => address)),
      expires: now() + Math.max(minTtl, Math.min(maxTtl, ttl)),
    };
    entry.addresses = addresses;
    entry.error = undefined;
    if (!this.#closed) this.#store(name, entry);
    return addresses;
  }

  #fail(name: string, entry: Entry, cause: unknown): void {
    this.failures++;
    entry.error = failure(name, cause);
    entry.retryAt = this.#options.now() + FAILURE_MS;
  }

  /** Gives a query a timeout of its own, independent of its callers' timeouts. */
  #bounded<T>(answer: Promise<T>): Promise<T> {
    const ms = this.#timeout;
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(giveUp);
      };
      const giveUp = (reason: unknown): void => {
        stop();
        reject(reason);
      };
      const timer = setTimeout(() => giveUp(new Error(`no answer within ${ms} ms`)), ms);
      this.#waiting.add(giveUp);
      answer.then((value) => {
        stop();
        resolve(value);
      }, giveUp);
    });
  }
}

function failure(name: string, cause: unknown): ResolveError {
  const detail = cause instanceof Error ? cause.message : "it has no address";
  return new ResolveError(`Cannot resolve "${name}": ${detail}`, {
    code: "dns_failed",
    context: { name },
    cause,
  });
}

/**
 * Handles a family without an answer while the other one has addresses. If no server answered for it, its
 * old addresses are kept. If a server says that it has none, but it had some, that may be a failure of the
 * server, which looks the same. Both cases are in doubt, and queried again soon.
 */
function missing(
  old: NameAddresses | undefined,
  failed: ReadonlyMap<4 | 6, unknown>,
): { readonly kept: readonly DnsRecord[]; readonly inDoubt: boolean } {
  const kept: DnsRecord[] = [];
  let inDoubt = false;
  for (const [family, reason] of failed) {
    const had = old?.list.filter((address) => address.includes(":") === (family === 6)) ?? [];
    const unanswered = !isNotFound(reason);
    inDoubt ||= unanswered || had.length > 0;
    if (unanswered) { for (const address of had) kept.push({ address, ttl: Infinity }); }
  }
  return { kept, inDoubt };
}

function isNotFound(error: unknown): boolean {
  return error instanceof Error && "code" in error &&
    (error.code === "ENOTFOUND" || error.code === "ENODATA");
}
