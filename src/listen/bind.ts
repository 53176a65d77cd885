/**
 * Binds the addresses of a listener. Knows nothing of what comes in by them.
 *
 * @module
 */

import type { ListenerConfig } from "../config/schema.ts";
import { messageOf, ShuntError } from "../errors.ts";
import type { DatagramSocket, Io, IoFailure, StreamListener } from "../io/mod.ts";
import { formatAddress, parseSocketAddress } from "../wire/address.ts";

/** Tries to find a number that is free for TCP and UDP both, where port 0 asks for any. */
const PORT_ATTEMPTS = 32;

/** The bound addresses of a listener, as `host:port`. */
export interface BoundAddresses {
  readonly tcp: readonly string[];
  readonly udp: readonly string[];
}

/** The sockets of one listener. */
export interface Bound {
  readonly tcp: readonly StreamListener[];
  readonly udp: readonly DatagramSocket[];
}

/**
 * Binds all addresses of a listener.
 *
 * @param name The listener's name, for messages
 * @param config The listener's configuration
 * @param options The sockets to use, and whether other workers bind the same addresses
 * @returns The bound sockets; with port 0, TCP and UDP of one address share a number
 * @throws {ShuntError} with code `bind_failed`; nothing is left bound
 */
export function bindListener(
  name: string,
  config: ListenerConfig,
  options: { readonly io: Io; readonly shared: boolean },
): Bound {
  const { io, shared } = options;
  const tcp: StreamListener[] = [];
  const udp: DatagramSocket[] = [];
  try {
    for (const text of config.bind) {
      const at = parseSocketAddress(text);
      if (typeof at === "string") throw new TypeError(at);
      const both = config.transports.includes("tcp") && config.transports.includes("udp");
      const pair = both ? bindBoth(options, at) : undefined;
      if (pair !== undefined) {
        tcp.push(pair.tcp);
        udp.push(pair.udp);
        continue;
      }
      if (config.transports.includes("tcp")) tcp.push(io.listen(at, shared));
      if (config.transports.includes("udp")) udp.push(io.bind(at, shared));
    }
  } catch (error) {
    for (const socket of [...tcp, ...udp]) socket.close();
    const why = explain(io.classify(error), error);
    throw new ShuntError(`Cannot bind listener "${name}" to ${config.bind.join(", ")}: ${why}`, {
      code: "bind_failed",
      context: { listener: name },
      cause: error,
    });
  }
  return { tcp, udp };
}

function explain(failure: IoFailure, error: unknown): string {
  switch (failure) {
    case "in_use":
      return "the address is in use; stop who listens there, or choose another port";
    case "denied":
      return `not permitted (${
        messageOf(error)
      }); ports below 1024 need root or CAP_NET_BIND_SERVICE, ` +
        "and Deno needs --allow-net";
    case "unreachable":
      return "the address is none of this host's";
    default:
      return messageOf(error);
  }
}

function bindBoth(
  { io, shared }: { readonly io: Io; readonly shared: boolean },
  at: { readonly host: string; readonly port: number },
): { readonly tcp: StreamListener; readonly udp: DatagramSocket } {
  for (let attempt = 1;; attempt++) {
    const tcp = io.listen(at, shared);
    try {
      return { tcp, udp: io.bind({ host: at.host, port: tcp.local.port }, shared) };
    } catch (error) {
      tcp.close();
      if (at.port !== 0 || attempt >= PORT_ATTEMPTS) throw error;
    }
  }
}

/**
 * Writes the addresses of bound sockets.
 *
 * @param sockets The sockets
 * @returns `host:port` of each
 */
export function boundAddresses(
  sockets: readonly (StreamListener | DatagramSocket)[],
): string[] {
  return sockets.map(({ local }) => formatAddress(local.host, local.port));
}
