/**
 * Counts what each source has: its sessions and flows, and its token bucket. There are two ledgers with the
 * same rules: one for a single worker here, and one for several in shared_sources.ts.
 *
 * @module
 */

import { refilled } from "../../bucket.ts";
import type { ListenerLimits } from "../../config/per_source.ts";
import { readIp } from "../../wire/ip.ts";

/** Which of a source's limits refused a session or flow. */
export type SourceReason = "limit_source" | "limit_rate";

/** Counts by source. */
export interface SourceLedger {
  /** Sources that are remembered now. */
  readonly size: number;
  /** Counts a session or flow of an IP literal. Returns which limit refuses it, with nothing taken, if one does. */
  charge(source: string): SourceReason | undefined;
  /** Reports whether {@linkcode charge} would refuse a source now; counts nothing. */
  refuses(source: string): boolean;
  /** Gives the place of a session or flow back. */
  release(source: string): void;
  /** Forgets what need not be remembered; may be called at every tick. */
  sweep(): void;
}

const words = new Uint16Array(8);

/** The key of a source in a ledger. */
export type SourceKey = string | number;

/**
 * Returns the key of a source, an IP literal. IPv6 addresses are counted by their /64, because a host may
 * choose any address in it (RFC 4291 §2.5.4).
 */
export function sourceKey(source: string): SourceKey {
  switch (readIp(source, words)) {
    case 4:
      return words[6]! * 0x10000 + words[7]!;
    case 6:
      return `${words[0]}:${words[1]}:${words[2]}:${words[3]}`;
    case 0:
      return source;
  }
}

/**
 * Sources without a session or flow that are remembered, for their buckets: about 10 MiB. With more, those
 * that came first are forgotten. When they come again they have a full bucket, as any new source has.
 */
const MAX_QUIET = 65_536;
/** Milliseconds between two sweeps: one over all quiet sources takes milliseconds. */
const SWEEP_MS = 10_000;

/** One source address, or the /64 of one. */
interface Source {
  active: number;
  tokens: number;
  /** When `tokens` was right. */
  at: number;
}

/** The ledger of a single worker. */
export class LocalSources implements SourceLedger {
  #config: ListenerLimits;
  readonly #now: () => number;
  /** Tokens that a bucket holds: one second's worth, and one at least. */
  #burst: number;
  /**
   * Entries are deleted in batches: a `Map` keeps a deleted one in its hash chain until it rehashes. With
   * deleting at once, a client that came and went beside 10,000 others cost 49 µs a session.
   */
  readonly #sources = new Map<SourceKey, Source>();
  /** How many sources have no session or flow. */
  #quiet = 0;
  #sweptAt: number;

  /** @param now The time in milliseconds; need not be exact */
  constructor(config: ListenerLimits, now: () => number) {
    this.#config = config;
    this.#now = now;
    this.#burst = Math.max(1, config.new_per_source);
    this.#sweptAt = now();
  }

  get size(): number {
    return this.#sources.size;
  }

  /** Changes the limits; the counts of sources stay. */
  limit(config: ListenerLimits): void {
    this.#config = config;
    this.#burst = Math.max(1, config.new_per_source);
  }

  charge(source: string): SourceReason | undefined {
    const { per_source: most, new_per_source: rate } = this.#config;
    const key = sourceKey(source);
    const known = this.#sources.get(key);
    if (most > 0 && known !== undefined && known.active >= most) return "limit_source";
    const entry = known ?? this.#remember(key);
    if (rate > 0) {
      this.#refill(entry);
      if (entry.tokens < 1) return "limit_rate";
      entry.tokens--;
    }
    if (entry.active++ === 0) this.#quiet--;
    return undefined;
  }

  refuses(source: string): boolean {
    const { per_source: most, new_per_source: rate } = this.#config;
    const known = this.#sources.get(sourceKey(source));
    if (known === undefined) return false;
    if (most > 0 && known.active >= most) return true;
    if (rate > 0) this.#refill(known);
    return rate > 0 && known.tokens < 1;
  }

  release(source: string): void {
    const entry = this.#sources.get(sourceKey(source));
    if (entry === undefined || --entry.active > 0) return;
    if (++this.#quiet > MAX_QUIET) this.#forget();
  }

  sweep(): void {
    const now = this.#now();
    if (now - this.#sweptAt < SWEEP_MS) return;
    this.#sweptAt = now;
    this.#forget();
  }

  #remember(key: SourceKey): Source {
    const entry = { active: 0, tokens: this.#burst, at: this.#now() };
    this.#sources.set(key, entry);
    this.#quiet++;
    return entry;
  }

  /** Drops quiet sources whose buckets are full, and half of the others if they are too many. */
  #forget(): void {
    let surplus = 0;
    for (const [key, entry] of this.#sources) {
      if (entry.active > 0) continue;
      this.#refill(entry);
      if (entry.tokens >= this.#burst) this.#drop(key);
      else surplus++;
    }
    // Well below the limit, or each release would lead here again.
    if (surplus <= MAX_QUIET * 0.75) return;
    for (const [key, entry] of this.#sources) {
      if (surplus <= MAX_QUIET / 2) return;
      if (entry.active > 0) continue;
      this.#drop(key);
      surplus--;
    }
  }

  #drop(key: SourceKey): void {
    this.#sources.delete(key);
    this.#quiet--;
  }

  #refill(entry: Source): void {
    const now = this.#now();
    const { new_per_source: rate } = this.#config;
    entry.tokens = refilled(entry.tokens, now - entry.at, rate, this.#burst);
    entry.at = now;
  }
}
