/**
 * One target as it runs: its address and what is going on at it now. Knows no policy, no health
 * check and no socket.
 *
 * @module
 */

import type { TargetConfig } from "../config/schema.ts";
import { SharedCount } from "../observe/shared_count.ts";
import { formatTarget, isIpLiteral, type TargetAddress } from "../wire/address.ts";
import { hashText } from "./hash.ts";

/** `ready` takes new sessions and flows, `drain` only keeps those that it has. */
export type TargetState = "ready" | "drain";

/** Where a target's sessions and flows are counted. */
export interface TargetCounts {
  readonly sessions: SharedCount;
  readonly flows: SharedCount;
}

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
  /** Sessions that it has now, of all workers; kept by who opens and closes them. */
  readonly sessions: SharedCount;
  /** Flows that it has now, of all workers; kept by who opens and closes them. */
  readonly flows: SharedCount;
  /** Whether it takes new sessions and flows. */
  state: TargetState = "ready";
  /** Counts the connections to it, so that each starts at another of its addresses. */
  turn = 0;

  /**
   * @param config The target's part of the configuration
   * @param counts Where its sessions and flows are counted; of its own unless given
   */
  constructor(config: TargetConfig, counts?: TargetCounts) {
    this.sessions = counts?.sessions ?? new SharedCount();
    this.flows = counts?.flows ?? new SharedCount();
    this.name = formatTarget(config.address);
    this.address = config.address;
    this.isLiteral = config.address.kind === "inet" && isIpLiteral(config.address.host);
    this.weight = config.weight;
    this.backup = config.backup;
    this.hash = hashText(this.name);
  }
}
