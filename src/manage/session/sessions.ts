/**
 * Begins and ends sessions: admission, the one closing path, idle times and deadlines. Knows nothing about
 * what happens in between.
 *
 * @module
 */

import { monotonicUlid } from "@std/ulid";
import { Lingering } from "../../io/linger.ts";
import type { Stream } from "../../io/mod.ts";
import type { CloseReason } from "../../observe/reasons.ts";
import { LingerCounters } from "../../observe/metrics/linger_counters.ts";
import { unmapHost } from "../../wire/address.ts";
import { TICK_MS } from "../clock.ts";
import { limitError } from "../limits/limits.ts";
import type { LifeEnd } from "../life.ts";
import type { ListenerState } from "../listener_state.ts";
import { Session } from "./session.ts";

/** Close reasons that drop undelivered bytes: a limit was reached, so nothing may outlast it. */
const DROPS_UNSENT: ReadonlySet<CloseReason> = new Set<CloseReason>([
  "idle_timeout",
  "fault",
  "shutdown",
  "internal_error",
]);

/** All TCP sessions of a process. */
export class Sessions {
  readonly #live = new Set<Session>();
  readonly #onEnd: LifeEnd;
  /** Connections of ended sessions whose last bytes are still being delivered. */
  readonly lingering: Lingering;
  #onIdle: (() => void) | undefined;
  /** Set while no new session is taken. */
  draining = false;

  /**
   * @param onEnd Called for each session at its end
   * @param lingering Takes connections whose last bytes are still being delivered; its own unless given
   */
  constructor(onEnd: LifeEnd, lingering: Lingering = new Lingering(new LingerCounters())) {
    this.#onEnd = onEnd;
    this.lingering = lingering;
  }

  /** The present sessions. */
  get live(): ReadonlySet<Session> {
    return this.#live;
  }

  /**
   * Begins a session. If a limit refuses it, it ends at once.
   *
   * @param listener The client's listener
   * @param client The accepted connection
   * @returns The session, or `undefined` if a limit refused it or shunt drains
   */
  open(listener: ListenerState, client: Stream): Session | undefined {
    if (this.draining) {
      // It was accepted in the instant in which the listener was closed.
      client.close();
      return undefined;
    }
    const { host, port } = client.remote;
    const source = { host: unmapHost(host), port };
    const session = new Session(monotonicUlid(), listener, client, source);
    this.#live.add(session);
    listener.counters.sessions.begin();
    // A trusted proxy's own address says nothing about its clients: the header has theirs.
    session.proxied = listener.trusts(source.host);
    const charged = session.proxied ? undefined : source.host;
    const refused = listener.limits.admit("session", charged);
    if (refused === undefined) {
      session.admitted = true;
      session.chargedTo = charged;
      return session;
    }
    this.end(session, refused, limitError(refused));
    return undefined;
  }

  /**
   * Ends a session, on every path. Later calls do nothing.
   *
   * @param session The session
   * @param reason Why it ends
   * @param error What caused it, for the log
   */
  end(session: Session, reason: CloseReason, error?: unknown): void {
    if (session.ended) return;
    session.ended = true;
    session.deadline = Infinity;
    session.onDeadline = undefined;
    session.cancel?.();
    const { client, target } = session;
    if (target?.address.kind === "builtin" && target.address.name === "reset") client.reset?.();
    this.#close(session, reason);
    this.#live.delete(session);
    if (session.down > 0) session.markAnswered();
    session.finish(reason);
    this.#onEnd(session, reason, error);
    if (this.#live.size === 0) this.#onIdle?.();
  }

  /** Closes both connections. Undelivered bytes still arrive, or are dropped if a limit ended the session. */
  #close({ client, server, up, down }: Session, reason: CloseReason): void {
    if (DROPS_UNSENT.has(reason)) {
      this.lingering.drop(client);
      if (server !== undefined) this.lingering.drop(server);
      return;
    }
    // Nothing can be delivered to the side that broke.
    const [toClient, toServer] = [reason !== "client_reset", reason !== "target_reset"];
    this.lingering.close(client, { sent: down > 0 && toClient, graceful: !toServer });
    if (server !== undefined) this.lingering.close(server, { sent: up > 0 && toServer });
  }

  /** Ends idle sessions, and calls deadlines that have passed; `now` is the coarse time in milliseconds. */
  sweep(now: number): void {
    for (const session of this.#live) {
      if (session.down > 0) session.markAnswered();
      session.count();
      if (now >= session.deadline) {
        session.deadline = Infinity;
        session.onDeadline?.();
      } else if (now - session.lastActive >= session.idleMs / 2) this.#idle(session, now);
    }
    this.lingering.sweep(now);
  }

  /** Ends a session in which nothing has moved for its idle time, not even in the kernel's queues. */
  #idle(session: Session, now: number): void {
    // The queues are read once after half of the idle time, and once at its end: each is a system call.
    if (session.queuedSince !== session.lastActive) {
      session.queuedSince = session.lastActive;
      session.queued = queuedBytes(session);
    }
    if (now - session.lastActive < session.idleMs + TICK_MS) return;
    if (session.queued > 0 && queuedBytes(session) < session.queued) session.lastActive = now;
    else this.end(session, "idle_timeout");
  }

  /** Waits until there is no session, and the last bytes of all that ended have arrived. */
  async drained(): Promise<void> {
    if (this.#live.size > 0) await new Promise<void>((resolve) => this.#onIdle = resolve);
    await this.lingering.delivered();
  }

  /** Ends all sessions. */
  endAll(reason: CloseReason): void {
    for (const session of this.#live) this.end(session, reason);
  }
}

/** Returns the bytes of a session that the kernel still has to deliver, as far as it reports them. */
function queuedBytes({ client, server }: Session): number {
  return (client.unsent?.() ?? 0) + (server?.unsent?.() ?? 0);
}
