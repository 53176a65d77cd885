/**
 * A running upstream: its targets, and which of them gets the next session or flow. Knows no name server
 * and no socket.
 *
 * @module
 */

import type { UpstreamConfig } from "../config/schema.ts";
import { ConnectTimes } from "../observe/metrics/target_counters.ts";
import type { SocketAddress } from "../wire/address.ts";
import { POLICIES, type Policy } from "./balancer.ts";
import { type LifeKind, Target, type TargetCells } from "./target.ts";

export { orderAddresses } from "./addresses.ts";
export { type LifeKind, Target, type TargetCells } from "./target.ts";

/** What an upstream may get from outside. */
export interface UpstreamOptions {
  /** Returns numbers from 0 up to, but not including, 1. */
  readonly random?: () => number;
  /** What threads share about each target, in the configuration's order. */
  readonly cells?: readonly TargetCells[];
  /** Its targets in the configuration's order, if they are made already. */
  readonly targets?: readonly Target[];
  /** Counts connect times; uses memory of its own unless given. */
  readonly times?: ConnectTimes;
}

const NONE: readonly Target[] = [];

/** A named group of targets. */
export class Upstream {
  /** Its key in the configuration. */
  readonly name: string;
  /** Its part of the configuration. */
  readonly config: UpstreamConfig;
  /** All targets, backups too, in the configuration's order. */
  readonly targets: readonly Target[];
  /** How long connecting took. */
  readonly times: ConnectTimes;
  /** Sessions that a target may have. With 0, which is no limit, they need not be summed. */
  readonly #mostSessions: number;
  readonly #primary: Policy | undefined;
  readonly #backup: Policy | undefined;

  constructor(name: string, config: UpstreamConfig, options: UpstreamOptions = {}) {
    this.name = name;
    this.config = config;
    this.#mostSessions = config.limits.sessions_per_target;
    this.targets = options.targets ??
      config.targets.map((target, i) => new Target(target, options.cells?.[i]));
    this.times = options.times ?? new ConnectTimes();
    this.#primary = this.#policy(false, options.random ?? Math.random);
    this.#backup = this.#policy(true, options.random ?? Math.random);
  }

  #policy(backup: boolean, random: () => number): Policy | undefined {
    const targets = this.targets.filter((target) => target.backup === backup);
    if (targets.length === 0) return undefined;
    const free = (target: Target, tried: readonly Target[], kind: LifeKind): boolean =>
      this.#usable(target, kind) && !tried.includes(target);
    return POLICIES[this.config.balance]({ targets, free, random });
  }

  /** Reports whether a target is neither drained, down nor ejected, and may have one more. */
  #usable(target: Target, kind: LifeKind): boolean {
    return target.standing.usable &&
      (kind === "flow" || this.#mostSessions === 0 || target.sessions.total < this.#mostSessions);
  }

  /**
   * Takes a place at a target of this upstream. It has to be given back once.
   *
   * @returns Whether there was one; `limits.sessions_per_target` bounds those of sessions
   */
  take(target: Target, kind: LifeKind): boolean {
    if (kind === "session" && this.#mostSessions > 0) {
      return target.sessions.take(this.#mostSessions);
    }
    target.placesOf(kind).add(1);
    return true;
  }

  /**
   * Chooses the target to try next. Backups come only if no other target is usable and untried.
   *
   * @param client The client's address
   * @param tried The targets that this session or flow has tried already
   * @param kind What the target is for: `limits.sessions_per_target` does not apply to flows
   * @returns The target, or `undefined` if none is left
   */
  pick(
    client: SocketAddress,
    tried: readonly Target[] = NONE,
    kind: LifeKind = "session",
  ): Target | undefined {
    return this.#primary?.(client, tried, kind) ?? this.#backup?.(client, tried, kind);
  }
}
