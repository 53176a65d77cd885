/**
 * Keeps the numbers of ports that were 0 over a reload. Knows texts, no socket.
 *
 * @module
 */

import type { Config, ListenerConfig } from "../config/schema.ts";
import type { BoundAddresses } from "../listen/bind.ts";
import type { Steps } from "../slices.ts";

/** What runs. */
export interface BoundConfig {
  /** As the file has it, with its zeros. */
  readonly config: Config;
  readonly addresses: Readonly<Record<string, BoundAddresses>>;
}

/**
 * Puts the numbers that are bound in place of zeros.
 *
 * @param config A new configuration
 * @param running What runs
 * @returns The configuration; an address with port 0 that its listener had before gets its number
 */
export function* keepPorts(config: Config, running: BoundConfig): Steps<Config> {
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
