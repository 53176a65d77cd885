/**
 * The record of one TCP session. Knows no step of its life: those are in serve.ts, its beginning and end
 * in sessions.ts.
 *
 * @module
 */

import type { Endpoint, Stream } from "../../io/mod.ts";
import { type Exchange, NO_OPENING } from "../../opening/mod.ts";
import type { LifeKind } from "../../resolve/upstream.ts";
import { Life } from "../life.ts";
import type { ListenerState } from "../listener_state.ts";
import { NO_BYTES } from "../../wire/bytes.ts";

/** One TCP session. Its fields are written by the step that knows them. */
export class Session extends Life {
  readonly id: string;
  readonly client: Stream;
  source: Endpoint;
  /** What a PROXY header says that the client wrote to; else the connection's own end counts. */
  destination: Endpoint | undefined;
  /** What each target that is tried has to hear and answer first, by what was detected. */
  opening: readonly Exchange[] = NO_OPENING;
  /** What the target has to hear before that, and what is left of it: leaves with the client's first bytes. */
  unsaid: Uint8Array = NO_BYTES;
  /** The connection to the target. */
  server: Stream | undefined;
  up = 0;
  down = 0;
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
  /** Directions that have ended. */
  endedDirections = 0;
  /** A failure that lets the other direction go on: the reason to give when that ends. */
  failure: "target_reset" | undefined;
  ended = false;
  /** Whether the peer is a trusted proxy that may begin with a PROXY header. */
  proxied = false;
  admitted = false;
  chargedTo: string | undefined;

  /**
   * @param id Unique and sortable
   * @param listener Whose client it is
   * @param client The accepted connection
   * @param source The client's address, IPv4-mapped prefix stripped
   */
  constructor(id: string, listener: ListenerState, client: Stream, source: Endpoint) {
    super(listener);
    this.id = id;
    this.client = client;
    this.source = source;
  }

  get kind(): LifeKind {
    return "session";
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
