/**
 * The receive loops of a UDP socket. Knows nothing of what is done with a datagram.
 *
 * @module
 */

import { giveBuffer, takeBuffer } from "../io/buffers.ts";
import type { DatagramAddress, DatagramSocket, Io } from "../io/mod.ts";

const BACKOFF_MS = 10;

/** What a receive loop tells of. */
export interface ReceiveOptions {
  readonly io: Io;
  /**
   * Takes a datagram; must not throw or reject.
   *
   * @param bytes The datagram, borrowed until the promise settles or, without one, until it returns
   * @param from Who sent it
   * @returns A promise where the bytes are still needed
   */
  readonly onDatagram: (bytes: Uint8Array, from: DatagramAddress) => Promise<unknown> | undefined;
  /** Is told of an error of receiving. */
  readonly onError: (error: unknown) => void;
}

/**
 * Receives datagrams until the socket is closed. Several loops may share one socket: the others go
 * on while one waits for a send.
 *
 * @param socket A bound socket
 * @param options What to do with datagrams and errors
 */
export async function receiveLoop(socket: DatagramSocket, options: ReceiveOptions): Promise<void> {
  const buffer = takeBuffer(0);
  for (;;) {
    try {
      const [bytes, from] = await socket.receive(buffer);
      const sent = options.onDatagram(bytes, from);
      if (sent !== undefined) await sent;
    } catch (error) {
      const failure = options.io.classify(error);
      if (failure === "closed") break;
      // ICMP errors of earlier sends surface here on some systems; they are not this socket's end.
      if (failure === "refused" || failure === "reset") continue;
      options.onError(error);
      await new Promise((resolve) => setTimeout(resolve, BACKOFF_MS));
    }
  }
  giveBuffer(0, buffer);
}
