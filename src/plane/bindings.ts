/**
 * The sockets that a data plane has bound, and the listener's state that serves each. A reload changes the
 * state and keeps the sockets. Knows nothing about how a connection or datagram is served.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import type { Config } from "../config/schema.ts";
import type { DatagramSocket, Io, StreamListener } from "../io/mod.ts";
import {
  bindKey,
  bindListeners,
  type Bound,
  type BoundAddresses,
  boundAddresses,
  type ListenerAddresses,
  type Look,
} from "../listen/bind.ts";
import { acceptLoop, acceptWarnings } from "../listen/tcp.ts";
import { type FlowParts, Flows } from "../manage/flow/flows.ts";
import { serve, type ServeParts } from "../manage/session/serve.ts";
import type { ListenerState } from "../manage/listener_state.ts";
import type { Prepared } from "../prepared.ts";
import type { Steps } from "../slices.ts";

const logger = getLogger(["shunt", "plane"]);

/** A listening TCP socket. */
export interface TcpBinding {
  readonly socket: StreamListener;
  /** The state that new sessions get. */
  state: ListenerState;
}

/** A bound UDP socket. */
export interface UdpBinding {
  readonly socket: DatagramSocket;
  readonly flows: Flows;
  /** Coarse time at which the remaining flows are closed, while it drains; `Infinity` before. */
  closeAt: number;
}

/** How sockets are bound and served. */
export interface BindingsOptions {
  readonly io: Io;
  /** Whether others bind the same addresses: workers, or a shunt that takes over. */
  readonly reusePort: boolean;
  readonly serve: ServeParts;
  readonly flows: FlowParts;
}

/** The sockets of a configuration that is not in use yet. New ones are already bound. */
export interface PreparedBindings extends Prepared<Steps<void>> {
  readonly addresses: ListenerAddresses;
}

/** The sockets of a data plane. */
export class Bindings {
  /** By {@linkcode bindKey}. */
  readonly tcp: Map<string, TcpBinding> = new Map();
  /** By {@linkcode bindKey}; includes sockets that drain. */
  readonly udp: Map<string, UdpBinding> = new Map();
  /** Whether the plane is ending, which closes all sockets. */
  ending = false;
  readonly #options: BindingsOptions;
  readonly #loops = new Set<Promise<void>>();

  constructor(options: BindingsOptions) {
    this.#options = options;
  }

  /** The flows of all sockets. */
  *flows(): Generator<Flows> {
    for (const { flows } of this.udp.values()) yield flows;
  }

  /**
   * Binds the addresses of a configuration that are not bound yet. Nothing that runs changes.
   *
   * @param look Whether other processes may have bound the new addresses
   * @param stateOf Returns a listener's state by its name; called at the commit
   * @returns The prepared sockets. The first step of their commit hands the new states to all sockets. The
   * next steps start new sockets, and close those that are no longer in the configuration
   * @throws {ShuntError} with code `bind_failed`; nothing new is left bound
   */
  *prepare(
    config: Config,
    look: Look,
    stateOf: (listener: string) => ListenerState,
  ): Steps<PreparedBindings> {
    const { io, reusePort } = this.#options;
    const known = {
      tcp: (key: string) => this.tcp.get(key)?.socket,
      udp: (key: string) => this.udp.get(key)?.socket,
    };
    const bound = yield* bindListeners(config.listeners, { io, shared: reusePort, known, ...look });
    const addresses: Record<string, BoundAddresses> = {};
    for (const [name, { tcp, udp }] of bound) {
      addresses[name] = { tcp: boundAddresses(tcp), udp: boundAddresses(udp) };
    }
    return {
      addresses,
      commit: () => this.#commit(bound, stateOf, config.drain_timeout),
      abort: () => {
        for (const { tcp, udp } of bound.values()) {
          for (const socket of [...tcp, ...udp]) if (!this.#has(socket)) socket.close();
        }
      },
    };
  }

  *#commit(
    bound: ReadonlyMap<string, Bound>,
    stateOf: (listener: string) => ListenerState,
    drainTimeout: number,
  ): Steps<void> {
    const kept = new Set<StreamListener | DatagramSocket>();
    const fresh: { readonly socket: { close(): void }; readonly take: () => void }[] = [];
    for (const [name, { tcp, udp }] of bound) {
      const state = stateOf(name);
      const takes = [
        ...tcp.map((socket) => ({ socket, take: () => this.#serve(socket, state) })),
        ...udp.map((socket) => ({ socket, take: () => this.#receive(socket, state) })),
      ];
      for (const one of takes) {
        kept.add(one.socket);
        if (this.#has(one.socket)) one.take();
        else fresh.push(one);
      }
    }
    const gone = [...this.tcp].filter(([, { socket }]) => !kept.has(socket));
    for (const { socket, take } of fresh) {
      yield;
      if (this.ending) socket.close();
      else take();
    }
    this.#updateOwn();
    for (const [key, { socket }] of gone) {
      yield;
      // The plane's end closes all sockets.
      if (this.ending) return;
      socket.close();
      this.tcp.delete(key);
    }
    for (const binding of this.udp.values()) {
      if (!kept.has(binding.socket)) this.#retire(binding, drainTimeout);
    }
  }

  /** Sweeps the flows of all sockets, and ends those of sockets whose time is over; `now` is the coarse time. */
  sweep(now: number): void {
    for (const { flows, closeAt } of this.udp.values()) {
      if (now >= closeAt) flows.endAll("shutdown");
      flows.sweep(now);
    }
  }

  /** Waits until all sockets are closed. */
  async closed(): Promise<void> {
    await Promise.all(this.#loops);
  }

  #has(socket: StreamListener | DatagramSocket): boolean {
    const key = bindKey(socket.local);
    return this.tcp.get(key)?.socket === socket || this.udp.get(key)?.socket === socket;
  }

  #serve(socket: StreamListener, state: ListenerState): void {
    const key = bindKey(socket.local);
    const known = this.tcp.get(key);
    if (known !== undefined) {
      known.state = state;
      return;
    }
    const { io, serve: parts } = this.#options;
    const binding: TcpBinding = { socket, state };
    this.tcp.set(key, binding);
    const warn = acceptWarnings(() => binding.state.name);
    this.#run(acceptLoop(socket, {
      io,
      onStream: (stream) => serve(stream, binding.state, parts),
      onError: (error, backoff) => {
        binding.state.counters.acceptErrors++;
        warn(error, backoff);
      },
    }));
  }

  #receive(socket: DatagramSocket, state: ListenerState): void {
    const key = bindKey(socket.local);
    const known = this.udp.get(key);
    if (known !== undefined) {
      known.flows.listener = state;
      known.flows.draining = false;
      known.closeAt = Infinity;
      return;
    }
    const flows = new Flows(socket, state, this.#options.flows);
    this.udp.set(key, { socket, flows, closeAt: Infinity });
    this.#run(socket.receive({
      onDatagram: (bytes, from) => flows.take(bytes, from),
      onUndeliverable: (to, error) => flows.undeliverable(to, error),
      onError: (error) =>
        logger.error("Cannot receive a datagram; trying again", {
          listener: flows.listener.name,
          error: String(error),
        }),
    }));
  }

  /** Keeps a loop until it ends, which happens when its socket is closed. */
  #run(loop: Promise<void>): void {
    this.#loops.add(loop);
    loop.then(() => this.#loops.delete(loop));
  }

  /** Lets the flows of a socket that is no longer in the configuration finish, and closes it. */
  #retire(binding: UdpBinding, drainTimeout: number): void {
    if (binding.closeAt !== Infinity) return;
    const { socket, flows } = binding;
    const { clock, crowd } = this.#options.flows;
    flows.draining = true;
    binding.closeAt = clock.now + drainTimeout;
    flows.drained().then(() => {
      // Another reload may use the socket again.
      if (!flows.draining || this.ending) return;
      socket.close();
      crowd.delete(flows);
      this.udp.delete(bindKey(socket.local));
      this.#updateOwn();
    });
  }

  /** Updates the addresses that flows know as this thread's own. */
  #updateOwn(): void {
    this.#options.flows.own.set([...this.udp.values()].map(({ socket }) => socket.local));
  }
}
