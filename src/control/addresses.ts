/**
 * The addresses of a process over a reload: ports that were 0 keep their numbers, and what removed
 * listeners have bound is still its own. Knows texts, no socket.
 *
 * @module
 */

import type { Config, ListenerConfig } from "../config/schema.ts";
import type { BoundAddresses, ListenerAddresses } from "../listen/bind.ts";
import type { Steps } from "../slices.ts";

/** Milliseconds by which a thread may close its sockets later than it should. */
const LATE_MS = 1000;

/**
 * Puts the numbers that are bound in place of zeros.
 *
 * @param config A new configuration
 * @param running What runs, as its file has it, with its zeros; and what it is bound to
 * @returns The configuration; an address with port 0 that its listener had before gets its number
 */
export function* keepPorts(
  config: Config,
  running: { readonly config: Config; readonly addresses: ListenerAddresses },
): Steps<Config> {
  const listeners: Record<string, ListenerConfig> = {};
  for (const [name, listener] of Object.entries(config.listeners)) {
    yield;
    const before = running.config.listeners[name]?.bind ?? [];
    const { tcp = [], udp = [] } = running.addresses[name] ?? {};
    const bound = tcp.length > 0 ? tcp : udp;
    const free = before.map((text, i) => ({ text, address: bound[i] }));
    const bind = listener.bind.map((text) => {
      if (!text.endsWith(":0")) return text;
      const at = free.findIndex((one) => one.text === text);
      return at < 0 ? text : free.splice(at, 1)[0]?.address ?? text;
    });
    listeners[name] = { ...listener, bind };
  }
  return { ...config, listeners };
}

/** Which addresses this process has bound, in any of its threads. */
export class OwnAddresses {
  /** Until when the sockets of removed listeners may be bound, by address: their flows may finish. */
  readonly #left = { tcp: new Map<string, number>(), udp: new Map<string, number>() };

  /**
   * Remembers what was bound before a reload.
   *
   * @param before What each listener was bound to
   * @param until When the last of it is closed, as `performance.now()` gives times
   */
  leave(before: ListenerAddresses, until: number): void {
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
  list(listeners: ListenerAddresses): BoundAddresses {
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
