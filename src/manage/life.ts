/**
 * What a session and a flow have in common: where it came in, what it turned out to be, where it goes,
 * and what is counted of it. Knows no socket and no step.
 *
 * @module
 */

import type { Detected } from "../detect/mod.ts";
import type { Endpoint } from "../io/mod.ts";
import type { CloseReason } from "../observe/metrics/counters.ts";
import type { LifeCounters } from "../observe/metrics/life_counters.ts";
import type { Route, Seen } from "../resolve/router.ts";
import type { LifeKind, Target, Upstream } from "../resolve/upstream.ts";
import type { ListenerState } from "./listener_state.ts";
import { closesUnreadable } from "./unreadable.ts";

/** Is called once for each life, at its end. */
export type LifeEnd = (life: Life, reason: CloseReason, error: unknown) => void;

/** A session, or what the steps of a flow's life leave behind. Each field is written by one step. */
export abstract class Life {
  /** Where it came in, as it was then. */
  readonly listener: ListenerState;
  /** When it began, in milliseconds since the process began; precise. */
  readonly started: number = performance.now();
  /** What it is; unset if no route asked. */
  detected: Detected | undefined;
  route: Route | undefined;
  upstream: Upstream | undefined;
  /** The target at which it has a place. */
  target: Target | undefined;
  detectMs: number | undefined;
  /** Milliseconds of {@linkcode connectMs} in which names were asked for; unset if none had to be. */
  resolveMs: number | undefined;
  connectMs: number | undefined;
  /** Whether the target has sent something. */
  answered = false;
  /** How much of {@linkcode up} and {@linkcode down} is in the counters. */
  countedUp = 0;
  countedDown = 0;

  abstract readonly kind: LifeKind;
  /** Unique and sortable. */
  abstract readonly id: string;
  /** The client: its address, IPv4-mapped prefix stripped, or what a trusted PROXY header says. */
  abstract readonly source: Endpoint;
  /** Bytes delivered to the target. */
  abstract readonly up: number;
  /** Bytes delivered to the client. */
  abstract readonly down: number;
  abstract readonly ended: boolean;
  /** Whether it holds a place of its listener's limits. */
  abstract readonly admitted: boolean;
  /** The source whose limits it counts against; unset while a PROXY header has yet to name it. */
  abstract readonly chargedTo: string | undefined;

  /** @param listener Where it came in */
  constructor(listener: ListenerState) {
    this.listener = listener;
  }

  /** Where lives of its kind are counted. */
  get counters(): LifeCounters {
    const { sessions, flows } = this.listener.counters;
    return this.kind === "session" ? sessions : flows;
  }

  /** What the router is asked about it. */
  get seen(): Seen {
    return seenOf(this.kind, this.source.host, this.detected);
  }

  /** Takes note that detection ends now. */
  endDetection(): void {
    this.detectMs = performance.now() - this.started;
    this.counters.detectSeconds.observe(this.detectMs / 1000);
  }

  /**
   * Counts what it turned out to be, and takes the first route that matches.
   *
   * @param seen What the router is asked about it
   * @returns Why it has to end here; `undefined` if it has a route
   */
  findRoute(seen: Seen): "unreadable" | "no_route" | undefined {
    const { listener, detected, counters } = this;
    counters.detect(detected?.protocol);
    if (detected?.end !== undefined) {
      counters.endDetection(detected.end);
      if (closesUnreadable(listener, detected, seen)) return "unreadable";
    }
    this.route = listener.router.match(seen);
    if (this.route === undefined) return "no_route";
    counters.match(this.route.index);
  }

  /** Takes note that its target is connected. */
  connected(): void {
    const { upstream, target, kind } = this;
    this.connectMs = performance.now() - this.started - (this.detectMs ?? 0);
    if (kind === "session") target?.totals.addSession();
    else target?.totals.addFlow();
    upstream?.times[kind === "session" ? "tcp" : "udp"].observe(this.connectMs / 1000);
  }

  /** Takes note that the target has sent something. */
  hear(): void {
    if (this.answered) return;
    this.answered = true;
    this.target?.standing.answered();
  }

  /** Counts what went through since the last time: a long download is no jump at its end. */
  count(): void {
    const [up, down] = [this.up - this.countedUp, this.down - this.countedDown];
    if (up === 0 && down === 0) return;
    this.counters.carry(up, down);
    this.target?.totals.carry(up, down);
    this.countedUp += up;
    this.countedDown += down;
  }

  /**
   * Gives back all places that it has, and counts its end. Called once, by the one path on which lives of
   * its kind end.
   *
   * @param reason Why it ends
   */
  finish(reason: CloseReason): void {
    const { target, kind, counters } = this;
    target?.placesOf(kind).add(-1);
    if (reason === "target_reset" && !this.answered) target?.failed(kind);
    if (this.admitted) {
      this.listener.limits.release(kind, this.chargedTo);
      counters.seconds.observe((performance.now() - this.started) / 1000);
    }
    this.count();
    counters.end(reason);
  }
}

/**
 * Makes what the router is asked.
 *
 * @param kind A session, or a flow
 * @param source The client's IP literal, IPv4-mapped prefix stripped
 * @param detected What it is; unset if no route needs to know
 * @returns What is known of it
 */
export function seenOf(kind: LifeKind, source: string, detected: Detected | undefined): Seen {
  return {
    transport: kind === "session" ? "tcp" : "udp",
    protocol: detected?.protocol ?? "",
    source,
    ...detected?.facts,
  };
}
