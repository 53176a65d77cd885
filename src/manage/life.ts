/**
 * What a session and a flow have in common: its listener, what was detected, its route and target, and its
 * counts. Knows no socket and no step.
 *
 * @module
 */

import type { Detected } from "../detect/mod.ts";
import type { Endpoint } from "../io/mod.ts";
import type { CloseReason } from "../observe/reasons.ts";
import type { LifeCounters } from "../observe/metrics/life_counters.ts";
import type { Route, Seen } from "../resolve/router.ts";
import type { LifeKind, Target, Upstream } from "../resolve/upstream.ts";
import type { ListenerState } from "./listener_state.ts";
import { closesUnreadable } from "./unreadable.ts";

/** Called once for each life, at its end. */
export type LifeEnd = (life: Life, reason: CloseReason, error: unknown) => void;

/** A session, or the data of a flow. One step writes each field. */
export abstract class Life {
  /** Its listener, in the state in which it began. */
  readonly listener: ListenerState;
  /** When it began, in milliseconds since the start of the process; precise. */
  readonly started: number = performance.now();
  /** What was detected; unset if no route asks. */
  detected: Detected | undefined;
  route: Route | undefined;
  upstream: Upstream | undefined;
  /** The target at which it has a place. */
  target: Target | undefined;
  detectMs: number | undefined;
  /** Milliseconds of {@linkcode connectMs} that resolving names took; unset if no name had to be resolved. */
  resolveMs: number | undefined;
  connectMs: number | undefined;
  /** Whether the target has sent something. */
  answered = false;
  /** How much of {@linkcode up} and {@linkcode down} the counters have. */
  countedUp = 0;
  countedDown = 0;

  abstract readonly kind: LifeKind;
  /** Unique and sortable. */
  abstract readonly id: string;
  /** The client's address, without an IPv4-mapped prefix, or the one in a trusted PROXY header. */
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

  constructor(listener: ListenerState) {
    this.listener = listener;
  }

  /** The counters for lives of its kind. */
  get counters(): LifeCounters {
    const { sessions, flows } = this.listener.counters;
    return this.kind === "session" ? sessions : flows;
  }

  /** What the router needs to know about it. */
  get seen(): Seen {
    return seenOf(this.kind, this.source.host, this.detected);
  }

  /** Notes that detection ends now. */
  endDetection(): void {
    this.detectMs = performance.now() - this.started;
    this.counters.detectSeconds.observe(this.detectMs / 1000);
  }

  /**
   * Counts what was detected, and takes the first route that matches.
   *
   * @returns The route, or why it has to end here
   */
  findRoute(seen: Seen): Route | "unreadable" | "no_route" {
    const { listener, detected, counters } = this;
    counters.detect(detected?.protocol);
    if (detected?.end !== undefined) {
      counters.endDetection(detected.end);
      if (closesUnreadable(listener, detected, seen)) return "unreadable";
    }
    this.route = listener.router.match(seen);
    if (this.route === undefined) return "no_route";
    counters.match(this.route.index);
    return this.route;
  }

  /** Notes that its target is connected. */
  connected(): void {
    const { upstream, target, kind } = this;
    this.connectMs = performance.now() - this.started - (this.detectMs ?? 0);
    if (kind === "session") target?.totals.addSession();
    else target?.totals.addFlow();
    upstream?.times[kind === "session" ? "tcp" : "udp"].observe(this.connectMs / 1000);
  }

  /** Notes that the target has sent something. */
  markAnswered(): void {
    if (this.answered) return;
    this.answered = true;
    this.target?.standing.answered();
  }

  /** Counts the bytes since the last call, so that a long download is not one jump at its end. */
  count(): void {
    const up = this.up - this.countedUp;
    const down = this.down - this.countedDown;
    if (up === 0 && down === 0) return;
    this.counters.carry(up, down);
    this.target?.totals.carry(up, down);
    this.countedUp += up;
    this.countedDown += down;
  }

  /**
   * Gives back all its places, and counts its end. Called once, by the one path on which lives of its kind
   * end.
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
 * Makes what the router needs to know about a life.
 *
 * @param source The client's IP literal, without an IPv4-mapped prefix
 * @param detected What was detected; unset if no route needs to know
 */
export function seenOf(kind: LifeKind, source: string, detected: Detected | undefined): Seen {
  return {
    transport: kind === "session" ? "tcp" : "udp",
    protocol: detected?.protocol ?? "",
    source,
    ...detected?.facts,
  };
}
