/**
 * Keeps the health of one target. Takes results of checks, reports of traffic and the time, and decides the
 * target's state. Knows no socket, timer or log, and no other target.
 *
 * @module
 */

import type { UpstreamConfig } from "../../config/schema.ts";
import { FULL_SHARE } from "../../resolve/standing.ts";
import type { Target } from "../../resolve/target.ts";

/** The `health` part of an upstream's configuration. */
export type HealthConfig = UpstreamConfig["health"];

/** The health of a target; `unchecked` while no check has ended and traffic has not ejected it. */
export type HealthState = "up" | "down" | "ejected" | "unchecked";

/** What is known about a target's health. */
export interface HealthReport {
  readonly health: HealthState;
  /** Since when, in milliseconds of the clock. */
  readonly since: number;
  /** Why it is out, or why its last check failed. */
  readonly lastError?: string;
  /** How many checks succeeded and failed. */
  readonly checks: { readonly ok: number; readonly failed: number };
  /** How often traffic has ejected it. */
  readonly ejections: number;
}

/** What has changed about a target, for the log. */
export type HealthChange =
  | { readonly kind: "down"; readonly target: Target; readonly why: string }
  | {
    readonly kind: "ejected";
    readonly target: Target;
    readonly why: string;
    /** Milliseconds that it stays out. */
    readonly forMs: number;
  }
  | {
    readonly kind: "back";
    readonly target: Target;
    readonly why: string;
    /** Milliseconds that it was out. */
    readonly outMs: number;
  };

/** An ejection is at most this many times as long as the first, and forgotten after that time. */
const LONGEST = 16;
/** Thousandths of its weight that a target comes back with. */
const FIRST_SHARE = 100;

/** The health of one target. */
export class HealthBook {
  #target: Target;
  #config: HealthConfig;
  #down = false;
  /** When its ejection ends; unset if it is not ejected. */
  #ejectedUntil: number | undefined;
  /** Ejections without a long healthy time between them. */
  #repeats = 0;
  #outSince = 0;
  #backSince = -Infinity;
  #growing = false;
  /** Consecutive checks: successes above 0, failures below. */
  #row = 0;
  #checked = false;
  #since: number;
  #lastError: string | undefined;
  #ok = 0;
  #failed = 0;
  #ejections = 0;

  /** @param now The time in milliseconds */
  constructor(target: Target, config: HealthConfig, now: number) {
    this.#target = target;
    this.#config = config;
    this.#since = now;
    // Its memory may hold the state of another target.
    this.#write(now);
  }

  /** The target of the present configuration. */
  get target(): Target {
    return this.#target;
  }

  /** Its upstream's `health`. */
  get config(): HealthConfig {
    return this.#config;
  }

  /** Whether it gets active checks. */
  get isChecked(): boolean {
    return this.#config.interval > 0 && this.#target.address.kind !== "builtin";
  }

  /** Whether only failures of traffic have taken it out, so that it could be used if need be. */
  get onlyEjected(): boolean {
    return this.#ejectedUntil !== undefined && !this.#down && !this.#target.standing.is("drain");
  }

  /** Whether its traffic has failed often enough to eject it. */
  get isFailing(): boolean {
    const { eject_after } = this.#config;
    const { standing } = this.#target;
    return eject_after > 0 && standing.usable && standing.failures >= eject_after;
  }

  /**
   * Continues with the target of the same name in a new configuration.
   *
   * @returns What has changed: a target that is no longer watched is back
   */
  adopt(target: Target, config: HealthConfig, now: number): HealthChange | undefined {
    this.#target = target;
    this.#config = config;
    const was = this.#state();
    if (!this.isChecked) {
      this.#down = false;
      this.#checked = false;
      this.#row = 0;
    }
    if (this.#ejectedUntil !== undefined) {
      // A target that was ejected for a day need not wait that long once the operator wants seconds.
      const until = Math.min(this.#ejectedUntil, now + this.#ejectionMs());
      this.#ejectedUntil = config.eject_after === 0 ? undefined : until;
    }
    return this.#update(was, now, "its health is not watched any more");
  }

  /** Takes the result of a check that succeeded. Returns what has changed. */
  passed(now: number): HealthChange | undefined {
    const was = this.#state();
    this.#ok++;
    this.#row = Math.min(Math.max(this.#row, 0) + 1, this.#config.rise);
    this.#checked = true;
    if (this.#row >= this.#config.rise) {
      this.#down = false;
      // If traffic has ejected it again, checks do not see what is wrong, so it waits.
      if (this.#repeats === 1) this.#ejectedUntil = undefined;
    }
    if (!isOut(this.#state())) this.#lastError = undefined;
    const { rise } = this.#config;
    return this.#update(was, now, rise === 1 ? "a check succeeded" : `${rise} checks succeeded`);
  }

  /** Takes the result of a check that failed. Returns what has changed. */
  failed(why: string, now: number): HealthChange | undefined {
    const was = this.#state();
    this.#failed++;
    // The first result counts at once: the target has never been seen alive.
    const fall = this.#checked ? this.#config.fall : 1;
    this.#row = Math.max(Math.min(this.#row, 0) - 1, -fall);
    this.#checked = true;
    this.#lastError = why;
    if (this.#row <= -fall) this.#down = true;
    return this.#update(was, now, why);
  }

  /** Ejects the target. The caller has made sure that another one is usable. Returns what has changed. */
  eject(now: number): HealthChange {
    const { standing } = this.#target;
    const why = `its traffic failed ${times(standing.failures)}`;
    const was = this.#state();
    this.#ejections++;
    this.#repeats = Math.min(this.#repeats + 1, LONGEST);
    // Earlier successes of checks say nothing about what traffic has seen since.
    this.#row = Math.min(this.#row, 0);
    const forMs = this.#ejectionMs();
    this.#ejectedUntil = now + forMs;
    this.#lastError = why;
    standing.answered();
    this.#update(was, now, why);
    return { kind: "ejected", target: this.#target, why, forMs };
  }

  /** Ends an ejection. Returns what has changed. */
  recall(why: string, now: number): HealthChange | undefined {
    const was = this.#state();
    this.#ejectedUntil = undefined;
    return this.#update(was, now, why);
  }

  /** Lets time pass: ejections end, shares grow, old ejections are forgotten. Returns what has changed. */
  tick(now: number): HealthChange | undefined {
    if (this.#ejectedUntil !== undefined) {
      return now < this.#ejectedUntil ? undefined : this.recall("its time is over", now);
    }
    const forgetAfter = LONGEST * this.#config.eject_for;
    if (this.#repeats > 0 && !this.#down && now - this.#backSince >= forgetAfter) this.#repeats = 0;
    if (this.#growing) this.#grow(now);
    return undefined;
  }

  /** Returns a copy of what is known. */
  report(): HealthReport {
    return {
      health: this.#state(),
      since: this.#since,
      ...(this.#lastError === undefined ? {} : { lastError: this.#lastError }),
      checks: { ok: this.#ok, failed: this.#failed },
      ejections: this.#ejections,
    };
  }

  #state(): HealthState {
    if (this.#down) return "down";
    if (this.#ejectedUntil !== undefined) return "ejected";
    return this.#checked ? "up" : "unchecked";
  }

  #ejectionMs(): number {
    return this.#config.eject_for * Math.min(2 ** (this.#repeats - 1), LONGEST);
  }

  /** Writes the new state to shared memory, and returns the change if it should be logged. */
  #update(was: HealthState, now: number, why: string): HealthChange | undefined {
    const is = this.#state();
    const target = this.#target;
    if (is !== was) this.#since = now;
    const wasOut = isOut(was);
    if (!wasOut && isOut(is)) {
      this.#outSince = now;
      this.#growing = false;
    }
    const isBack = wasOut && !isOut(is);
    if (isBack) {
      this.#backSince = now;
      this.#lastError = undefined;
      this.#growing = this.#config.slow_start > 0;
      target.standing.answered();
    }
    this.#write(now);
    if (isBack) return { kind: "back", target, why, outMs: now - this.#outSince };
    return is === "down" && was !== "down" ? { kind: "down", target, why } : undefined;
  }

  #write(now: number): void {
    this.#grow(now);
    this.#target.standing.set("down", this.#down);
    this.#target.standing.set("ejected", this.#ejectedUntil !== undefined);
  }

  #grow(now: number): void {
    const part = this.#growing ? (now - this.#backSince) / this.#config.slow_start : 1;
    // A reload may have set slow_start to 0 meanwhile, which divides to infinity or, at once, to NaN.
    this.#growing = part < 1;
    this.#target.standing.share = this.#growing
      ? Math.floor(FIRST_SHARE + part * (FULL_SHARE - FIRST_SHARE))
      : FULL_SHARE;
  }
}

function times(count: number): string {
  return count === 1 ? "once" : `${count} times in a row`;
}

function isOut(state: HealthState): boolean {
  return state === "down" || state === "ejected";
}
