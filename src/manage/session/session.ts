/**
 * The record of one TCP session and the listener it belongs to. Knows no step of its life: those
 * are in serve.ts, its beginning and end in sessions.ts.
 *
 * @module
 */

import type { ListenerConfig } from "../../config/schema.ts";
import type { Detected } from "../../detect/mod.ts";
import type { Endpoint, Stream } from "../../io/mod.ts";
import { type Exchange, NO_OPENING } from "../../opening/mod.ts";
import type { Counters } from "../../observe/metrics/counters.ts";
import type { Route, Router } from "../../resolve/router.ts";
import type { Target, Upstream } from "../../resolve/upstream.ts";
import type { Limits } from "../limits/limits.ts";

const NOTHING = new Uint8Array();

/**
 * What the sessions and flows of one listener share. A reload makes a new one; whoever began before
 * keeps the old.
 */
export interface ListenerState {
  readonly name: string;
  readonly config: ListenerConfig;
  readonly router: Router;
  /** The upstreams that its routes lead to. */
  readonly upstreams: ReadonlyMap<string, Upstream>;
  readonly limits: Limits;
  readonly counters: Counters;
  /** Reports whether a peer may send a PROXY header. */
  readonly trusts: (host: string) => boolean;
}

/** One TCP session. Its fields are written by the step that knows them. */
export class Session {
  readonly id: string;
  readonly listener: ListenerState;
  readonly client: Stream;
  /** Who the client is: its peer address, or what a trusted PROXY header says. */
  source: Endpoint;
  /** What a PROXY header says that the client wrote to; else the connection's own end counts. */
  destination: Endpoint | undefined;
  detected: Detected | undefined;
  route: Route | undefined;
  upstream: Upstream | undefined;
  target: Target | undefined;
  /** What each target that is tried has to hear and answer before anything of the client's. */
  opening: readonly Exchange[] = NO_OPENING;
  /** What the target still has to hear of it; leaves with the client's first bytes. */
  unsaid: Uint8Array = NOTHING;
  /** The connection to the target. */
  server: Stream | undefined;
  /** Bytes delivered to the target. */
  up = 0;
  /** Bytes delivered to the client. */
  down = 0;
  /** How much of {@linkcode up} and {@linkcode down} is in the counters. */
  countedUp = 0;
  countedDown = 0;
  /** Milliseconds, precise. */
  readonly started: number = performance.now();
  detectMs: number | undefined;
  /** Milliseconds of {@linkcode connectMs} in which names were asked for; unset if none had to be. */
  resolveMs: number | undefined;
  connectMs: number | undefined;
  /** Coarse time at which bytes moved last. */
  lastActive = 0;
  /** Bytes that the kernel had to deliver at half of the idle time, and {@linkcode lastActive} then. */
  queued = 0;
  queuedSince = -1;
  /** Milliseconds without bytes after which the session ends; `Infinity` before the relay. */
  idleMs = Infinity;
  /** When {@linkcode Session.onDeadline} is called, at the next tick; `Infinity` = none is set. */
  deadline = Infinity;
  onDeadline: (() => void) | undefined;
  /** Gives up what the session waits for; called when it is ended from outside. */
  cancel: (() => void) | undefined;
  /** Whether the target has sent something. */
  answered = false;
  /** Directions that have ended. */
  endedDirections = 0;
  /** A failure that lets the other direction go on: the reason to give when that ends. */
  failure: "target_reset" | undefined;
  ended = false;
  /** Whether the peer is a trusted proxy that may begin with a PROXY header. */
  proxied = false;
  /** Whether it holds a place of its listener's limits. */
  admitted = false;
  /** The source whose limits it counts against; unset while a PROXY header has to tell. */
  chargedTo: string | undefined;

  /**
   * @param id Unique and sortable
   * @param listener Whose client it is
   * @param client The accepted connection
   * @param source The client's address, IPv4-mapped prefix stripped
   */
  constructor(id: string, listener: ListenerState, client: Stream, source: Endpoint) {
    this.id = id;
    this.listener = listener;
    this.client = client;
    this.source = source;
  }
}

/** What {@linkcode untilDeadline} gives when the deadline came first. */
export const DEADLINE: unique symbol = Symbol("deadline");

/**
 * Waits for a promise or for the session's deadline, whichever comes first; no timer is set. The
 * deadline is gone afterwards.
 *
 * @param session Whose deadline it is
 * @param promise What to wait for; may settle after the deadline, unnoticed
 * @param at Time of the deadline, in milliseconds since the process began
 * @returns What the promise gave, or {@linkcode DEADLINE}
 */
export function untilDeadline<T>(
  session: Session,
  promise: Promise<T>,
  at: number,
): Promise<T | typeof DEADLINE> {
  return new Promise<T | typeof DEADLINE>((resolve, reject) => {
    const onDeadline = () => {
      clearDeadline(session);
      resolve(DEADLINE);
    };
    // What settles late must not take away the deadline of the step that follows.
    const settle = () => {
      if (session.onDeadline === onDeadline) clearDeadline(session);
    };
    session.deadline = at;
    session.onDeadline = onDeadline;
    promise.then((value) => {
      settle();
      resolve(value);
    }, (error: unknown) => {
      settle();
      reject(error);
    });
  });
}

/**
 * Takes a session's deadline away.
 *
 * @param session The session
 */
export function clearDeadline(session: Session): void {
  session.deadline = Infinity;
  session.onDeadline = undefined;
}
