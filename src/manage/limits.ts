/**
 * What one listener takes at most: sessions, flows, and both of one source, at once and per second.
 * Knows counts and sources, never a socket; every call takes constant time.
 *
 * @module
 */

import type { ListenerConfig } from "../config/schema.ts";
import { SharedCount } from "../observe/shared_count.ts";
import { readIp } from "../resolve/ip.ts";

/** Which limit of a source's refused a session or flow. */
export type SourceReason = "limit_source" | "limit_rate";
/** Which limit refused a session or flow. */
export type LimitReason = "limit_sessions" | "limit_flows" | SourceReason;

/** What is limited. */
export type LimitKind = "session" | "flow";

/** What limits are measured by. */
export interface LimitsOptions {
  /** The time in milliseconds; need not be exact. */
  readonly now: () => number;
  /** Where sessions and flows are counted, of all workers; of its own unless given. */
  readonly counts?: { readonly sessions: SharedCount; readonly flows: SharedCount };
}

/**
 * Sources without a session or flow that are remembered, for their buckets: about 10 MiB. Beyond
 * that the ones that came first are forgotten, and have a full bucket when they come again, which is
 * what a new source has anyway.
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

type Key = string | number;

const words = new Uint16Array(8);

/** IPv6 by its /64: a host has all of it to choose addresses from (RFC 4291 §2.5.4). */
function keyOf(source: string): Key {
  switch (readIp(source, words)) {
    case 4:
      return words[6]! * 0x10000 + words[7]!;
    case 6:
      return `${words[0]}:${words[1]}:${words[2]}:${words[3]}`;
    case 0:
      return source;
  }
}

/** Admission to one listener. */
export class Limits {
  readonly #config: ListenerConfig["limits"];
  readonly #now: () => number;
  /** Tokens that a bucket holds: one second's worth, and one at least. */
  readonly #burst: number;
  readonly #bySource: boolean;
  readonly #sessions: SharedCount;
  readonly #flows: SharedCount;
  /**
   * Entries go in batches: a `Map` keeps a deleted one in its hash chain until it rehashes, so that
   * deleting at once, a client that comes and goes beside 10,000 others cost 49 µs a session.
   */
  readonly #sources = new Map<Key, Source>();
  /** How many of them have no session or flow. */
  #quiet = 0;
  #sweptAt: number;

  /**
   * @param config The listener's limits
   * @param options The clock
   */
  constructor(config: ListenerConfig["limits"], options: LimitsOptions) {
    this.#config = config;
    this.#now = options.now;
    this.#sessions = options.counts?.sessions ?? new SharedCount();
    this.#flows = options.counts?.flows ?? new SharedCount();
    this.#burst = Math.max(1, config.new_per_source);
    this.#bySource = config.per_source > 0 || config.new_per_source > 0;
    this.#sweptAt = options.now();
  }

  /** Sessions now. */
  get sessions(): number {
    return this.#sessions.total;
  }

  /** Flows now. */
  get flows(): number {
    return this.#flows.total;
  }

  /** Sources that are remembered now. */
  get sources(): number {
    return this.#sources.size;
  }

  /**
   * Takes a place for a session or flow. Each one that is admitted has to be released once.
   *
   * @param kind What asks
   * @param source The client's IP literal; left out where a PROXY header has yet to tell it, see
   * {@linkcode charge}
   * @returns Which limit refuses it, with nothing taken, or `undefined` where it is admitted
   */
  admit(kind: "session", source?: string): Exclude<LimitReason, "limit_flows"> | undefined;
  admit(kind: "flow", source?: string): Exclude<LimitReason, "limit_sessions"> | undefined;
  admit(kind: LimitKind, source?: string): LimitReason | undefined {
    const { sessions, flows } = this.#config;
    if (kind === "session" && !this.#sessions.take(sessions)) return "limit_sessions";
    if (kind === "flow" && !this.#flows.take(flows)) return "limit_flows";
    const refused = source === undefined ? undefined : this.charge(source);
    if (refused !== undefined) (kind === "session" ? this.#sessions : this.#flows).add(-1);
    return refused;
  }

  /**
   * Counts a session that was admitted without a source against its source.
   *
   * @param source The client's IP literal
   * @returns Which limit of the source's refuses it, with nothing taken, or `undefined`
   */
  charge(source: string): SourceReason | undefined {
    if (!this.#bySource) return undefined;
    const { per_source: most, new_per_source: rate } = this.#config;
    const key = keyOf(source);
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

  /**
   * Gives the place of a session or flow back.
   *
   * @param kind What ended
   * @param source The source that it was charged to, if any
   */
  release(kind: LimitKind, source?: string): void {
    (kind === "session" ? this.#sessions : this.#flows).add(-1);
    if (source === undefined || !this.#bySource) return;
    const entry = this.#sources.get(keyOf(source));
    if (entry === undefined || --entry.active > 0) return;
    if (++this.#quiet > MAX_QUIET) this.#forget();
  }

  /** Forgets the sources that are quiet and whose buckets are full; may be called at every tick. */
  sweep(): void {
    const now = this.#now();
    if (now - this.#sweptAt < SWEEP_MS) return;
    this.#sweptAt = now;
    this.#forget();
  }

  #remember(key: Key): Source {
    const entry = { active: 0, tokens: this.#burst, at: this.#now() };
    this.#sources.set(key, entry);
    this.#quiet++;
    return entry;
  }

  /** Drops quiet sources whose buckets are full, and half of the rest where they are too many. */
  #forget(): void {
    let surplus = 0;
    for (const [key, entry] of this.#sources) {
      if (entry.active > 0) continue;
      this.#refill(entry);
      if (entry.tokens >= this.#burst) this.#drop(key);
      else surplus++;
    }
    // Well below the limit, or each release would come here again.
    if (surplus <= MAX_QUIET * 0.75) return;
    for (const [key, entry] of this.#sources) {
      if (surplus <= MAX_QUIET / 2) return;
      if (entry.active > 0) continue;
      this.#drop(key);
      surplus--;
    }
  }

  #drop(key: Key): void {
    this.#sources.delete(key);
    this.#quiet--;
  }

  #refill(entry: Source): void {
    const now = this.#now();
    const gained = (now - entry.at) / 1000 * this.#config.new_per_source;
    entry.tokens = Math.min(this.#burst, entry.tokens + gained);
    entry.at = now;
  }
}
