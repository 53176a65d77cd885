/**
 * A running target: its address, its standing, and its sessions and flows. Knows no policy, no health
 * check and no socket.
 *
 * @module
 */

import type { TargetConfig } from "../config/schema.ts";
import { SharedCount } from "../shared_count.ts";
import { TargetCounters } from "../observe/metrics/target_counters.ts";
import { formatTarget, isIpLiteral, type TargetAddress } from "../wire/address.ts";
import { hashText } from "./hash.ts";
import { FULL_SHARE, Standing } from "./standing.ts";

/** What all threads share about a target. */
export interface TargetCells {
  readonly sessions: SharedCount;
  readonly flows: SharedCount;
  readonly standing: Standing;
  readonly totals: TargetCounters;
}

/** The kinds of lives. */
export type LifeKind = "session" | "flow";

/** One target of an upstream. */
export class Target {
  /** The address as the configuration spells it. */
  readonly name: string;
  readonly address: TargetAddress;
  /** Whether the address is an IP literal, so that no name has to be resolved. */
  readonly isLiteral: boolean;
  /** Its share, relative to the other targets' weights. */
  readonly weight: number;
  /** Whether it is used only if no other target can be. */
  readonly backup: boolean;
  /** The hash of its name. Hashing policies use it, so the order in the file does not matter. */
  readonly hash: number;
  /** Sessions that it has now, of all workers. */
  readonly sessions: SharedCount;
  /** Flows that it has now, of all workers. */
  readonly flows: SharedCount;
  /** Whether it may be used, and whether it is up. */
  readonly standing: Standing;
  /** Counts since it came into the configuration. */
  readonly totals: TargetCounters;
  /** Counts the connections to it: each starts at its next address. */
  turn = 0;

  /** @param cells What all threads share about it; it uses memory of its own unless given */
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

  /** Returns the count of sessions or flows. `Upstream.take` takes a place; it is given back here. */
  placesOf(kind: LifeKind): SharedCount {
    return kind === "session" ? this.sessions : this.flows;
  }

  /**
   * Notes that it could not be connected to, broke before its first byte, or refused a flow's first
   * datagram. A target that has had sessions is judged by sessions alone: it may serve no UDP, and then
   * any client could have it ejected.
   */
  failed(kind: LifeKind): void {
    if (kind === "session" || this.totals.sessions === 0) this.standing.failed();
    this.totals.addFailure();
  }

  /** Its present weight, which is less while it starts slowly. */
  get weightNow(): number {
    const { share } = this.standing;
    return share === FULL_SHARE ? this.weight : this.weight * share / FULL_SHARE;
  }
}
