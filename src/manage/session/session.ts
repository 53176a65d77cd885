/**
 * The record of one TCP session. Knows no step: serve.ts has the steps, sessions.ts the beginning and end.
 *
 * @module
 */

import type { Endpoint, Stream } from "../../io/mod.ts";
import { type Exchange, NO_OPENING } from "../../opening/mod.ts";
import type { LifeKind } from "../../resolve/upstream.ts";
import { Life } from "../life.ts";
import type { ListenerState } from "../listener_state.ts";
import { NO_BYTES } from "../../wire/bytes.ts";

/** One TCP session. The step that knows a field writes it. */
export class Session extends Life {
  readonly id: string;
  readonly client: Stream;
  source: Endpoint;
  /** The address that the client wrote to by a PROXY header; unset means the connection's local address. */
  destination: Endpoint | undefined;
  /** What each target that is tried has to hear and answer first, because of what was detected. */
  opening: readonly Exchange[] = NO_OPENING;
  /** What the target has to hear before that; what is left of it is sent with the client's first bytes. */
  unsaid: Uint8Array = NO_BYTES;
  /** The connection to the target. */
  server: Stream | undefined;
  up = 0;
  down = 0;
  /** Coarse time at which bytes moved last. */
  lastActive = 0;
  /** Bytes in the kernel's queues after half of the idle time, and {@linkcode lastActive} at that time. */
  queued = 0;
  queuedSince = -1;
  /** Milliseconds without bytes after which the session ends; `Infinity` before the relay. */
  idleMs = Infinity;
  /** When {@linkcode Session.onDeadline} is called, at the next tick; `Infinity` if no deadline is set. */
  deadline = Infinity;
  onDeadline: (() => void) | undefined;
  /** Gives up what the session waits for; called when it is ended from outside. */
  cancel: (() => void) | undefined;
  /** Directions that have ended. */
  endedDirections = 0;
  /** The close reason, if one direction has failed and the other continues. */
  failure: "target_reset" | undefined;
  ended = false;
  /** Whether the peer is a trusted proxy that may begin with a PROXY header. */
  proxied = false;
  admitted = false;
  chargedTo: string | undefined;

  /**
   * @param id Unique and sortable
   * @param listener The client's listener
   * @param client The accepted connection
   * @param source The client's address, without an IPv4-mapped prefix
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

/** The result of {@linkcode untilDeadline} if the deadline came first. */
export const DEADLINE: unique symbol = Symbol("deadline");

/**
 * Waits for a promise or for the session's deadline, whichever comes first. Sets no timer, and removes the
 * deadline afterwards.
 *
 * @param session The session
 * @param promise What to wait for; if it settles after the deadline, its result is ignored
 * @param at Time of the deadline, in milliseconds since the start of the process
 * @returns The result of the promise, or {@linkcode DEADLINE}
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
    // A promise that settles late must not remove the deadline of the next step.
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

/** Removes a session's deadline. */
export function clearDeadline(session: Session): void {
  session.deadline = Infinity;
  session.onDeadline = undefined;
}
