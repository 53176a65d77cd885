/**
 * Addresses of target names, kept as long as their records allow and longer while the name servers
 * fail. Knows names and time; who connects, and in which order, is decided elsewhere.
 *
 * @module
 */

import { ResolveError } from "../errors.ts";
import { arrange } from "./addresses.ts";
import { type DnsLookup, type DnsQuery, type DnsRecord, openDns } from "./dns_query.ts";

export type { DnsLookup, DnsQuery, DnsRecord } from "./dns_query.ts";

/** The addresses of a name. */
export interface Addresses {
  /** IP literals, families alternating, IPv6 first; at least one. */
  readonly list: readonly string[];
  /** When they are asked for anew, by the resolver's clock. */
  readonly expires: number;
}

/** Tells the addresses of names. */
export interface NameResolver {
  /**
   * Resolves a name.
   *
   * @param name A host name, not an IP literal
   * @returns Its addresses, at once where they are known
   * @throws {ResolveError} with code `dns_failed`; the promise may reject likewise
   */
  resolve(name: string): Addresses | Promise<Addresses>;
}

/** What the resolver needs. */
export interface ResolverOptions {
  /** Milliseconds that addresses are kept at least. */
  readonly minTtl: number;
  /** Milliseconds that addresses are kept at most. */
  readonly maxTtl: number;
  /** The time in milliseconds; need not be exact. */
  readonly now: () => number;
  /** Asks for records; the system unless given. */
  readonly query?: DnsQuery;
  /** Asked where `query` finds nothing; the system unless `query` or `servers` is given. */
  readonly lookup?: DnsLookup;
  /** `IP` or `IP:PORT` of name servers to ask instead of the system's. */
  readonly servers?: readonly string[];
  /** Milliseconds that one question may take; 5 s unless given. */
  readonly timeout?: number;
}

/** Milliseconds that one question may take. */
const TIMEOUT_MS = 5_000;
/** Milliseconds for which a failure is remembered. */
const FAILURE_MS = 5_000;
/** Milliseconds for which expired addresses are better than none: a day (RFC 8767 §5: 1 to 3). */
const STALE_MS = 86_400_000;
/** Milliseconds for which they are given unasked: a name in use is asked for anew within them. */
const GRACE_MS = 10_000;
/**
 * Milliseconds that older ones wait for an answer (RFC 8767 §5, client response timer); half of a
 * question's time where that is less.
 */
const STALE_WAIT_MS = 1_800;
/** Milliseconds that the first family to answer waits for the other (RFC 8305 §3). */
const RESOLUTION_DELAY_MS = 50;
/** Names in the cache: they come from the configuration, of which reloads may bring many. */
const MAX_NAMES = 4_096;

interface Entry {
  addresses: Addresses | undefined;
  error: ResolveError | undefined;
  /** When to ask again after a failure. */
  retryAt: number;
  /** What waits for the question under way. */
  pending: Promise<Addresses> | undefined;
}

/** Resolves names, one question at a time for each. */
export class Resolver implements NameResolver {
  /** Answers from the cache. */
  hits = 0;
  /** Answers from the cache that had expired. */
  stale = 0;
  /** Questions that the cache had no answer to. */
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
  /** Gives up a question under way. */
  readonly #waiting = new Set<(reason: Error) => void>();
  #closed = false;

  /**
   * @param options Time to live, clock and whom to ask
   */
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
   * Gives what the cache has, at once. Addresses that have just expired, or that could not be
   * refreshed just now, are given while the question is asked anew in the background; older ones
   * could by now be someone else's, so {@linkcode resolve} asks first.
   *
   * @param name Host name, no IP literal
   * @returns The addresses, or `undefined` where {@linkcode resolve} has to ask
   */
  cached(name: string): Addresses | undefined {
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
   * Gives the addresses of a name, at once where the cache has them. Where nobody answers, or not
   * within 1.8 s, it gives those that expired less than a day ago.
   *
   * @param name Host name, no IP literal
   * @returns The addresses, or a promise of them that rejects with a `ResolveError`
   * @throws {ResolveError} with code `dns_failed` while a recent failure is remembered, and after
   * {@linkcode close}
   */
  resolve(name: string): Addresses | Promise<Addresses> {
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

  /** Ends the questions under way; whoever waits gets an error. */
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

  #ask(name: string, entry: Entry): Promise<Addresses> {
    const { promise, resolve, reject } = Promise.withResolvers<Addresses>();
    // A refresh in the background has nobody who would take its error.
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
      // Name servers that never answer one of the families must not hold up the other.
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

  #keep(name: string, entry: Entry, records: readonly DnsRecord[], most = Infinity): Addresses {
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

  /** Gives a question a time of its own, whatever the time of who asks. */
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
 * Judges what one family did not give though the other answered. Where nobody answered for it, what it had
 * is kept. Where it is said to have none and had some, that may have been a failure of the name server's,
 * which looks the same. Either is in doubt, and asked for again soon.
 */
function missing(
  old: Addresses | undefined,
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
