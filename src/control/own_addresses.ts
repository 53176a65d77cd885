/**
 * Which addresses this process has bound, in any of its threads: those of its listeners, and those that
 * reloads have removed and whose flows may still finish. Knows texts, no socket.
 *
 * @module
 */

import type { BoundAddresses } from "../listen/bind.ts";

type Addresses = Readonly<Record<string, BoundAddresses>>;

/** Milliseconds by which a thread may close its sockets later than it should. */
const LATE_MS = 1000;

/** The addresses of a process. */
export class OwnAddresses {
  /** Until when the sockets of removed listeners may be bound, by address. */
  readonly #left = { tcp: new Map<string, number>(), udp: new Map<string, number>() };

  /**
   * Remembers what was bound before a reload.
   *
   * @param before What each listener was bound to
   * @param until When the last of it is closed, as `performance.now()` gives times
   */
  leave(before: Addresses, until: number): void {
    for (const { tcp, udp } of Object.values(before)) {
      for (const address of tcp) this.#left.tcp.set(address, until + LATE_MS);
      for (const address of udp) this.#left.udp.set(address, until + LATE_MS);
    }
  }

  /**
   * Lists what is bound.
   *
   * @param listeners What each listener is bound to
   * @returns All addresses that are, or may still be, this process's
   */
  list(listeners: Addresses): BoundAddresses {
    const now = performance.now();
    const all = (transport: keyof BoundAddresses) => {
      const left = this.#left[transport];
      for (const [address, until] of left) if (until < now) left.delete(address);
      const bound = Object.values(listeners).flatMap((addresses) => addresses[transport]);
      return [...new Set([...bound, ...left.keys()])];
    };
    return { tcp: all("tcp"), udp: all("udp") };
  }
}
