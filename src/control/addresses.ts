/**
 * The addresses of a process across reloads: ports that were 0 keep their numbers, and the addresses of removed
 * listeners still belong to the process. Knows texts, no socket.
 *
 * @module
 */

import type { Config, ListenerConfig } from "../config/schema.ts";
import type { BoundAddresses, ListenerAddresses } from "../listen/bind.ts";
import type { Steps } from "../slices.ts";

/** Milliseconds by which a thread may close its sockets later than it should. */
const LATE_MS = 1000;

/**
 * Replaces port 0 with the bound port in addresses that a listener had before.
 *
 * @param config A new configuration
 * @param running The running configuration, with its zeros, and its bound addresses
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

/** The addresses that this process has bound, in any of its threads. */
export class OwnAddresses {
  /** Until when the addresses of removed listeners may stay bound, because their flows may finish. */
  readonly #removed = { tcp: new Map<string, number>(), udp: new Map<string, number>() };

  /**
   * Remembers the addresses of the configuration before a reload.
   *
   * @param before The addresses of its listeners
   * @param until When the last of their sockets is closed, as `performance.now()` gives times
   */
  keep(before: ListenerAddresses, until: number): void {
    for (const { tcp, udp } of Object.values(before)) {
      for (const address of tcp) this.#removed.tcp.set(address, until + LATE_MS);
      for (const address of udp) this.#removed.udp.set(address, until + LATE_MS);
    }
  }

  /** Lists all addresses that are or may still be bound, with those of the given listeners. */
  list(listeners: ListenerAddresses): BoundAddresses {
    const now = performance.now();
    const all = (transport: keyof BoundAddresses) => {
      const removed = this.#removed[transport];
      for (const [address, until] of removed) if (until < now) removed.delete(address);
      const bound = Object.values(listeners).flatMap((addresses) => addresses[transport]);
      return [...new Set([...bound, ...removed.keys()])];
    };
    return { tcp: all("tcp"), udp: all("udp") };
  }
}
