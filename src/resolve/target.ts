/**
 * One target as it runs: its address, how it stands and what is going on at it now. Knows no policy,
 * no health check and no socket.
 *
 * @module
 */

import type { TargetConfig } from "../config/schema.ts";
import { SharedCount } from "../shared_count.ts";
import { TargetCounters } from "../observe/metrics/target_counters.ts";
import { formatTarget, isIpLiteral, type TargetAddress } from "../wire/address.ts";
import { hashText } from "./hash.ts";
import { FULL_SHARE, Standing } from "./standing.ts";

/** What all threads know of a target together. */
export interface TargetCells {
  readonly sessions: SharedCount;
  readonly flows: SharedCount;
  readonly standing: Standing;
  readonly totals: TargetCounters;
}

/** The two kinds of lives. */
export type LifeKind = "session" | "flow";

/** One target of an upstream. */
export class Target {
  /** The address as the configuration spells it. */
  readonly name: string;
  /** Where it lives. */
  readonly address: TargetAddress;
  /** Whether it is reached by an IP literal, so that no name has to be resolved. */
  readonly isLiteral: boolean;
  /** Its share beside the other targets' weights. */
  readonly weight: number;
  /** Whether it is used only where no other target can be. */
  readonly backup: boolean;
  /** The hash of its name: what hashing policies know it by, so that order in the file is nothing. */
  readonly hash: number;
  /** Sessions that it has now, of all workers. */
  readonly sessions: SharedCount;
  /** Flows that it has now, of all workers. */
  readonly flows: SharedCount;
  /** Whether it is used, and how it fares. */
  readonly standing: Standing;
  /** What it was sent and has sent, since it is in the configuration. */
  readonly totals: TargetCounters;
  /** Counts the connections to it, so that each starts at another of its addresses. */
  turn = 0;

  /**
   * @param config The target's part of the configuration
   * @param cells What is known of it together with other threads; of its own unless given
   */
  constructor(config: TargetConfig, cells?: TargetCells) {
    this.sessions = cells?.sessions ?? new SharedCount();
    this.flows = cells?.flows ?? new SharedCount();
    this.standing = cells?.standing ?? new Standing();
    this.totals = cells?.totals ?? new TargetCounters();
    this.name = formatTarget(config.address);
    this.address = config.address;
    this.isLiteral = config.address.kind === "inet" && isIpLiteral(config.address.host);
    this.weight = config.weight;
    this.backup = config.backup;
    this.hash = hashText(this.name);
  }

  /**
   * Reports which places sessions or flows take.
   *
   * @param kind Which of them
   * @returns How many are taken, of all workers
   */
  placesOf(kind: LifeKind): SharedCount {
    return kind === "session" ? this.sessions : this.flows;
  }

  /**
   * Gives back a place that was taken with `Upstream.take`.
   *
   * @param kind What has left
   */
  leave(kind: LifeKind): void {
    this.placesOf(kind).add(-1);
  }

  /**
   * Reports that it could not be connected to, broke before its first byte, or refused a flow's first
   * datagram. A target that has had sessions is judged by those: that it serves no UDP says nothing against
   * them, and any client could have it ejected.
   *
   * @param kind What it failed
   */
  failed(kind: LifeKind): void {
    if (kind === "session" || this.totals.sessions === 0) this.standing.failed();
    this.totals.addFailure();
  }

  /** Its weight as it counts now: less while it starts slowly. */
  get weightNow(): number {
    const { share } = this.standing;
    return share === FULL_SHARE ? this.weight : this.weight * share / FULL_SHARE;
  }
}
