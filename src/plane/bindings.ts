/**
 * The sockets that a data plane has bound, and who serves what comes by each. A reload changes who,
 * and leaves the sockets alone. Knows nothing of how a connection or datagram is served.
 *
 * @module
 */

import type { DatagramSocket, StreamListener } from "../io/mod.ts";
import { bindKey, type Known } from "../listen/bind.ts";
import type { Flows } from "../manage/flow/flows.ts";
import type { ListenerState } from "../manage/listener_state.ts";

/** A listening TCP socket. */
export interface TcpBinding {
  readonly socket: StreamListener;
  /** Who serves it. */
  state: ListenerState;
}

/** A bound UDP socket. */
export interface UdpBinding {
  readonly socket: DatagramSocket;
  readonly flows: Flows;
  /** Coarse time at which the rest is closed, while it drains; `Infinity` before. */
  closeAt: number;
}

/** The sockets of a data plane. */
export class Bindings {
  /** By {@linkcode bindKey}. */
  readonly tcp: Map<string, TcpBinding> = new Map();
  /** By {@linkcode bindKey}; those that drain too. */
  readonly udp: Map<string, UdpBinding> = new Map();

  /** What is bound already, for who binds more. */
  readonly known: Known = {
    tcp: (key) => this.tcp.get(key)?.socket,
    udp: (key) => this.udp.get(key)?.socket,
  };

  /**
   * Finds what is bound.
   *
   * @param socket A listening socket
   * @returns Its binding, if it has one
   */
  tcpOf(socket: StreamListener): TcpBinding | undefined {
    return this.tcp.get(bindKey(socket.local));
  }

  /**
   * Finds what is bound.
   *
   * @param socket A bound socket
   * @returns Its binding, if it has one
   */
  udpOf(socket: DatagramSocket): UdpBinding | undefined {
    return this.udp.get(bindKey(socket.local));
  }

  /** The flows of all sockets. */
  *flows(): Generator<Flows> {
    for (const { flows } of this.udp.values()) yield flows;
  }
}
