/**
 * The target's end of a flow: a socket of its own, or an in-process target. Knows neither flows nor
 * routes.
 *
 * @module
 */

import { isIPv6 } from "node:net";
import { giveBuffer, takeBuffer } from "../io/buffers.ts";
import type { DatagramAddress, Io } from "../io/mod.ts";

/** Takes datagrams for a target. */
export interface Outlet {
  /**
   * Sends a datagram to the target.
   *
   * @param bytes The datagram, borrowed until the promise settles
   * @throws {Error} when the socket broke or was closed
   */
  send(bytes: Uint8Array): Promise<unknown>;
  /** Closes the outlet; may be called again, never throws. */
  close(): void;
}

/** What an outlet tells of. */
export interface OutletOptions {
  readonly io: Io;
  /** Takes a datagram of the target's, borrowed until the promise settles; must not reject. */
  readonly onReply: (bytes: Uint8Array) => Promise<unknown>;
  /** Is told of a datagram that someone else sent. */
  readonly onStranger: () => void;
  /** Is told that the socket broke. */
  readonly onError: (error: unknown) => void;
}

/**
 * Opens a socket for one flow and relays what its target answers.
 *
 * @param host The target's IP literal, as sockets spell it
 * @param port The target's port
 * @param options What to do with answers
 * @returns The outlet
 * @throws {Error} when no socket can be bound
 */
export function openOutlet(host: string, port: number, options: OutletOptions): Outlet {
  const { io } = options;
  const socket = io.bind({ host: isIPv6(host) ? "::" : "0.0.0.0", port: 0 });
  const target: DatagramAddress = { transport: "udp", hostname: host, port };
  const relayReplies = async () => {
    const buffer = takeBuffer(0);
    for (;;) {
      try {
        const [bytes, from] = await socket.receive(buffer);
        // An unconnected socket hears everyone: only the target's word counts.
        if (from.port !== port || from.hostname !== host) options.onStranger();
        else await options.onReply(bytes);
      } catch (error) {
        if (io.classify(error) !== "closed") options.onError(error);
        break;
      }
    }
    giveBuffer(0, buffer);
  };
  relayReplies();
  return {
    send: (bytes) => socket.send(bytes, target),
    close: () => socket.close(),
  };
}
