/**
 * Chooses which access lines are written if there are more than `log.access_rate`. Each kind of line has
 * its share of the rate, so that the lines of a flood do not displace the others. Knows reasons, not lines.
 *
 * @module
 */

import { refilled } from "../../bucket.ts";
import { CLOSE_REASONS, type CloseReason } from "../reasons.ts";

/** The kind of a session or flow, by its end. */
type Kind = "served" | "failed" | "refused";

/** The part of the rate reserved for each kind. */
const PARTS: Readonly<Record<Kind, number>> = { served: 0.8, failed: 0.1, refused: 0.1 };

/** Seconds without lines that a burst may use up. */
const BURST_SECONDS = 5;

const KINDS: Readonly<Record<CloseReason, Kind>> = {
  done: "served",
  idle_timeout: "served",
  client_closed: "refused",
  client_reset: "served",
  target_reset: "served",
  detect_timeout: "refused",
  detect_memory: "refused",
  unreadable: "refused",
  proxy_header: "refused",
  proxy_untrusted: "refused",
  opening_refused: "failed",
  // Mostly clients, of whom there may be many.
  opening_timeout: "refused",
  opening_violation: "refused",
  no_route: "refused",
  no_target: "failed",
  dns_failed: "failed",
  connect_refused: "failed",
  connect_timeout: "failed",
  connect_failed: "failed",
  limit_sessions: "refused",
  limit_source: "refused",
  limit_rate: "refused",
  no_descriptors: "refused",
  displaced: "refused",
  joined: "served",
  no_memory: "refused",
  target_gone: "served",
  fault: "served",
  drained: "served",
  shutdown: "served",
  worker_died: "failed",
  internal_error: "failed",
};

/** How many lines were left out, by their reason. */
export type LeftOut = Readonly<Partial<Record<CloseReason, number>>>;

/** A token bucket. */
interface Bucket {
  rate: number;
  tokens: number;
}

/** Decides line by line. */
export class AccessSampler {
  readonly #buckets: Readonly<Record<Kind, Bucket>> = {
    served: { rate: 0, tokens: 0 },
    failed: { rate: 0, tokens: 0 },
    refused: { rate: 0, tokens: 0 },
  };
  #leftOut = new Map<CloseReason, number>();
  #limited = false;
  #now: number;

  /**
   * @param rate Lines per second; 0 = no limit
   * @param now The time in milliseconds
   */
  constructor(rate: number, now: number) {
    this.#now = now;
    this.change(rate);
  }

  /**
   * Applies another rate.
   *
   * @param rate Lines per second; 0 = no limit
   */
  change(rate: number): void {
    const before = this.#limited;
    this.#limited = rate > 0;
    for (const kind of Object.keys(PARTS) as Kind[]) {
      const bucket = this.#buckets[kind];
      bucket.rate = rate * PARTS[kind];
      bucket.tokens = before ? Math.min(bucket.tokens, depth(bucket.rate)) : depth(bucket.rate);
    }
  }

  /**
   * Decides whether a line is written, and counts it if not.
   *
   * @param reason Why the session or flow ended
   */
  takes(reason: CloseReason): boolean {
    if (!this.#limited) return true;
    const bucket = this.#buckets[KINDS[reason]];
    if (bucket.tokens >= 1) {
      bucket.tokens--;
      return true;
    }
    this.#leftOut.set(reason, (this.#leftOut.get(reason) ?? 0) + 1);
    return false;
  }

  /** Called regularly with the time in milliseconds. */
  tick(now: number): void {
    for (const bucket of Object.values(this.#buckets)) {
      const { rate, tokens } = bucket;
      bucket.tokens = refilled(tokens, now - this.#now, rate, depth(rate));
    }
    this.#now = now;
  }

  /**
   * Returns how many lines were left out since the last call, in the order of {@linkcode CLOSE_REASONS};
   * `undefined` if none were.
   */
  leftOut(): LeftOut | undefined {
    if (this.#leftOut.size === 0) return undefined;
    const found = this.#leftOut;
    this.#leftOut = new Map();
    return Object.fromEntries(
      CLOSE_REASONS.filter((reason) => found.has(reason)).map((
        reason,
      ) => [reason, found.get(reason)]),
    );
  }
}

/** Returns at least one line, since a worker's share may be less than one in five seconds. */
function depth(rate: number): number {
  return Math.max(1, rate * BURST_SECONDS);
}
