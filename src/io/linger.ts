/**
 * Connections of sessions that have ended, while the kernel still has bytes of theirs to deliver. They are
 * counted, limited, and reset if they stall. Knows no session.
 *
 * @module
 */

import { type BufferClass, giveBuffer, takeSmallBuffer } from "./buffers.ts";
import type { LingerCounters, ResetCause } from "../observe/metrics/linger_counters.ts";
import type { Stream } from "./mod.ts";

const SMALL: BufferClass = 0;

/** How much may linger in one thread. */
export interface LingerLimits {
  /** Connections at once. One more displaces the one that has stalled for longest. */
  readonly connections: number;
  /** Unsent bytes of all connections together; more displace in the same way. */
  readonly bytes: number;
  /** Milliseconds without an acknowledged byte after which a connection is reset. */
  readonly stallMs: number;
  /**
   * Milliseconds for which a client is still read from after all bytes have arrived. Unread bytes are
   * answered by a reset, and on some systems the reset overtakes the bytes that they have received (RFC
   * 9112 §9.6).
   */
  readonly graceMs: number;
}

/** How a thread's connections linger. */
export interface LingerOptions {
  /** Default: {@linkcode LINGER_LIMITS}. */
  readonly limits?: LingerLimits;
  /** Counts descriptors of sessions and flows; lingering connections are included. */
  readonly sockets?: { add(change: number): void };
}

/** The limits documented in docs/limits.md. */
export const LINGER_LIMITS: LingerLimits = {
  connections: 1024,
  bytes: 268_435_456,
  stallMs: 30_000,
  graceMs: 1000,
};

/** Milliseconds between two checks of one connection: at first, and at most. */
const LOOK_MS = { least: 100, most: 1000 } as const;

/** Bytes still unsent if all data has arrived, but not the FIN. */
const ONLY_END = 1;

interface Entry {
  readonly stream: Stream;
  readonly graceful: boolean;
  readonly since: number;
  /** Unsent bytes at the last check; `undefined` if the sockets cannot report them. */
  unsent: number | undefined;
  /** When bytes arrived last. */
  moved: number;
  nextLook: number;
  /** Whether the other side has ended. */
  ended: boolean;
  /** Set if it is to be reset, but the sockets could not do so yet. */
  doomed: boolean;
}

/** How a connection is closed in order. */
export interface CloseOptions {
  /** Whether anything was written to it. If not, the kernel has nothing to deliver. */
  readonly sent: boolean;
  /** Whether to read from it for a while, since the other side may still send. */
  readonly graceful?: boolean;
}

/** The lingering connections of one thread. */
export class Lingering {
  /** In order of arrival. */
  readonly #entries = new Set<Entry>();
  /** Connections that close by themselves: the functions that end them early. */
  readonly #held = new Set<() => void>();
  readonly #counters: LingerCounters;
  readonly #limits: LingerLimits;
  readonly #sockets: LingerOptions["sockets"];
  readonly #onDelivered: (() => void)[] = [];
  /** How many are to be reset. */
  #doomed = 0;

  /**
   * @param counters Where to count
   * @param options Limits, and where descriptors are counted
   */
  constructor(counters: LingerCounters, { limits = LINGER_LIMITS, sockets }: LingerOptions = {}) {
    this.#counters = counters;
    this.#limits = limits;
    this.#sockets = sockets;
  }

  /**
   * Closes a connection so that everything written to it arrives. It lingers until the kernel has delivered
   * all bytes.
   *
   * @param stream The connection
   * @param options Whether there is anything to deliver, and whether the other side may still send
   */
  close(stream: Stream, { sent, graceful = false }: CloseOptions): void {
    if (!graceful && (!sent || stream.unsent === undefined || stream.unsent() === 0)) {
      return stream.close();
    }
    stream.closeWrite().catch(() => {});
    // A peer on this host has usually acknowledged everything by now.
    const unsent = stream.unsent?.();
    if (!graceful && (unsent === undefined || unsent <= ONLY_END)) return stream.close();
    this.#add(stream, unsent, graceful);
  }

  /**
   * Closes a connection that a limit has ended. Undelivered bytes are dropped, and the other side sees a
   * reset; a side that has received everything sees a normal end.
   *
   * @param stream The connection
   * @param cause How to count the reset
   */
  drop(stream: Stream, cause: ResetCause = "limit"): void {
    const unsent = stream.unsent?.() ?? 0;
    if (unsent === 0 || stream.abandon === undefined) return stream.close();
    this.#counters.reset(cause);
    if (stream.abandon()) return;
    if (this.#doomed >= this.#limits.connections) return stream.close();
    this.#mark(this.#entry(stream, unsent, false));
  }

  /**
   * Counts a connection that delivers and closes by itself.
   *
   * @param cut Ends it at once
   * @returns Ends the counting
   */
  hold(cut: () => void): () => void {
    this.#makeRoom(0);
    this.#held.add(cut);
    this.#count();
    return () => {
      if (this.#held.delete(cut)) this.#count();
    };
  }

  /**
   * Checks all lingering connections; called at every tick.
   *
   * @param now The time in milliseconds since the process began
   */
  sweep(now: number): void {
    for (const entry of this.#entries) if (now >= entry.nextLook) this.#look(entry, now);
    this.#notifyDelivered();
  }

  /** Waits until no lingering connection has bytes to deliver. */
  delivered(): Promise<void> {
    return new Promise((resolve) => {
      this.#onDelivered.push(resolve);
      this.#notifyDelivered();
    });
  }

  /** Ends all lingering connections. Undelivered bytes are dropped. */
  cutAll(): void {
    for (const cut of this.#held) {
      this.#held.delete(cut);
      cut();
    }
    this.#count();
    for (const entry of this.#entries) this.#cut(entry, "shutdown");
    // The process is about to end; connections that could not be reset end with it.
    for (const entry of this.#entries) this.#close(entry);
  }

  #notifyDelivered(): void {
    if (this.#onDelivered.length === 0) return;
    for (const { unsent = 0 } of this.#entries) if (unsent > ONLY_END) return;
    for (const resolve of this.#onDelivered.splice(0)) resolve();
  }

  #add(stream: Stream, unsent: number | undefined, graceful: boolean): void {
    // A connection that exceeds the limit alone displaces no other.
    if ((unsent ?? 0) > this.#limits.bytes) return this.drop(stream, "displaced");
    this.#makeRoom(unsent ?? 0);
    const entry = this.#entry(stream, unsent, graceful);
    this.#readToEnd(entry);
  }

  #entry(stream: Stream, unsent: number | undefined, graceful: boolean): Entry {
    const since = performance.now();
    const entry: Entry = {
      stream,
      graceful,
      since,
      unsent,
      moved: since,
      nextLook: since + LOOK_MS.least,
      ended: false,
      doomed: false,
    };
    this.#entries.add(entry);
    this.#counters.bytes += unsent ?? 0;
    this.#count();
    return entry;
  }

  /** Ends the connections that have stalled for longest. */
  #makeRoom(bytes: number): void {
    const { connections, bytes: most } = this.#limits;
    for (const cut of this.#held) {
      if (this.#size < connections) break;
      this.#held.delete(cut);
      cut();
    }
    while (this.#size >= connections || this.#counters.bytes + bytes > most) {
      const stillest = this.#stillest();
      if (stillest === undefined) break;
      this.#cut(stillest, "displaced");
    }
  }

  #stillest(): Entry | undefined {
    let stillest: Entry | undefined;
    for (const entry of this.#entries) {
      if (!entry.doomed && entry.moved < (stillest?.moved ?? Infinity)) stillest = entry;
    }
    return stillest;
  }

  /** Connections that are to be reset do not count. */
  get #size(): number {
    return this.#entries.size + this.#held.size - this.#doomed;
  }

  #count(): void {
    const all = this.#entries.size + this.#held.size;
    this.#sockets?.add(all - this.#counters.connections);
    this.#counters.connections = all;
  }

  #look(entry: Entry, now: number): void {
    const { stream, graceful, since } = entry;
    if (entry.doomed) return this.#reset(entry);
    entry.nextLook = now + Math.min(LOOK_MS.most, Math.max(LOOK_MS.least, (now - since) / 4));
    const unsent = stream.unsent?.();
    if (unsent === undefined) {
      // If the sockets cannot report, it is kept as long as a stalled one.
      if (entry.ended || now - since >= this.#limits.stallMs) this.#close(entry);
      return;
    }
    const before = entry.unsent ?? unsent;
    this.#counters.bytes += unsent - (entry.unsent ?? 0);
    entry.unsent = unsent;
    if (unsent < before) entry.moved = now;
    if (unsent > ONLY_END) {
      if (now - entry.moved >= this.#limits.stallMs) this.#cut(entry, "stalled");
    } else if (!graceful || entry.ended || now - since >= this.#limits.graceMs) {
      this.#close(entry);
    }
  }

  /** Ends a connection early. */
  #cut(entry: Entry, cause: ResetCause): void {
    const { stream } = entry;
    const unsent = stream.unsent?.() ?? 0;
    if (unsent <= ONLY_END || stream.abandon === undefined) return this.#close(entry);
    if (!entry.doomed) {
      this.#counters.reset(cause);
      this.#mark(entry);
    }
    this.#reset(entry);
  }

  #mark(entry: Entry): void {
    entry.doomed = true;
    this.#doomed++;
    this.#counters.bytes -= entry.unsent ?? 0;
    entry.unsent = 0;
  }

  /** Resets a connection as soon as the sockets can. */
  #reset(entry: Entry): void {
    if (entry.stream.abandon?.() !== false) this.#close(entry);
  }

  #close(entry: Entry): void {
    if (!this.#entries.delete(entry)) return;
    if (entry.doomed) this.#doomed--;
    this.#counters.bytes -= entry.unsent ?? 0;
    this.#count();
    entry.stream.close();
  }

  async #readToEnd(entry: Entry): Promise<void> {
    const buffer = takeSmallBuffer();
    try {
      while (await entry.stream.read(buffer) !== null);
      entry.ended = true;
      // Closes now if all bytes have arrived, or if that is unknown, instead of at the next tick.
      if (entry.graceful && (entry.unsent ?? 0) <= ONLY_END) this.#look(entry, performance.now());
    } catch {
      // The connection broke, or was closed in the meantime: nothing more can arrive.
      this.#close(entry);
    } finally {
      giveBuffer(SMALL, buffer);
    }
  }
}
