/**
 * The data plane of one thread: listeners, sessions and flows, composed. Knows nothing of other
 * threads; what they share is handed in.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { answerDatagram, connectBuiltin } from "../builtin/mod.ts";
import type { Config, ListenerConfig } from "../config/schema.ts";
import { PROTOCOLS } from "../detect/mod.ts";
import { limitLargeBuffers } from "../io/buffers.ts";
import { limitRests } from "../io/libc/relay.ts";
import type { DatagramSocket, Io, StreamListener } from "../io/mod.ts";
import { bindListener, type Bound, type BoundAddresses, boundAddresses } from "../listen/bind.ts";
import { acceptLoop } from "../listen/tcp.ts";
import { Clock } from "../manage/clock.ts";
import { flowInfo, flowRecord, sessionInfo, sessionRecord } from "../manage/describe.ts";
import { type FlowParts, Flows } from "../manage/flows.ts";
import { Limits } from "../manage/limits.ts";
import { serve, type ServeParts } from "../manage/serve.ts";
import type { ListenerState } from "../manage/session.ts";
import { Sessions } from "../manage/sessions.ts";
import type { AccessRecord } from "../observe/access.ts";
import { AddressSet } from "../resolve/cidr.ts";
import type { NameResolver } from "../resolve/dns.ts";
import { Router } from "../resolve/router.ts";
import { Upstream } from "../resolve/upstream.ts";
import type { SharedView } from "./shared.ts";

const logger = getLogger(["shunt", "plane"]);

/** What a data plane is given. */
export interface PlaneOptions {
  readonly io: Io;
  readonly resolver: NameResolver;
  readonly shared: SharedView;
  /** How many data planes there are; with several, each binds the same addresses. */
  readonly workers: number;
  /** Gets a record of each session and flow at its end. */
  readonly onEnd: ((record: AccessRecord) => void) | undefined;
}

/** A running data plane. */
export class Plane {
  /** What each listener is bound to. */
  readonly addresses: Readonly<Record<string, BoundAddresses>>;
  readonly clock: Clock = new Clock();
  readonly #config: Config;
  readonly #options: PlaneOptions;
  readonly #upstreams = new Map<string, Upstream>();
  readonly #sessions: Sessions;
  readonly #flows: Flows[] = [];
  readonly #accepting: StreamListener[] = [];
  readonly #receiving: DatagramSocket[] = [];
  readonly #loops: Promise<void>[] = [];
  #ending: Promise<number> | undefined;
  /** Sessions and flows that had to be closed. */
  #cut = 0;

  /**
   * Binds all listeners and starts to serve.
   *
   * @param config A checked configuration
   * @param options Sockets, resolver and what is shared
   * @throws {ShuntError} with code `bind_failed`; nothing is left bound
   */
  constructor(config: Config, options: PlaneOptions) {
    this.#config = config;
    this.#options = options;
    limitLargeBuffers(config.limits.relay_memory / options.workers);
    limitRests(config.limits.relay_memory / options.workers);
    for (const [name, upstream] of Object.entries(config.upstreams)) {
      const counts = options.shared.targetCounts(name);
      this.#upstreams.set(name, new Upstream(name, upstream, { counts }));
    }
    this.#sessions = new Sessions((session, reason, error) =>
      this.#tell(sessionRecord(session, reason, error))
    );
    const bound = this.#bind();
    const addresses: Record<string, BoundAddresses> = {};
    for (const [state, { tcp, udp }] of bound) {
      addresses[state.name] = { tcp: boundAddresses(tcp), udp: boundAddresses(udp) };
      for (const listener of tcp) this.#accept(listener, state);
      if (udp.length > 0) this.#receive(udp, state);
    }
    this.addresses = addresses;
    this.clock.onTick((time) => {
      this.#sessions.sweep(time);
      for (const flows of this.#flows) flows.sweep(time);
      for (const { limits } of bound.keys()) limits.sweep();
    });
  }

  /**
   * Takes nothing new, lets what runs finish, and ends.
   *
   * @param timeoutMs Milliseconds after which the rest is closed
   * @returns How many sessions and flows had to be closed
   */
  drain(timeoutMs: number): Promise<number> {
    return this.#ending ??= this.#end(timeoutMs);
  }

  /** Closes everything at once, also while draining. */
  async close(): Promise<void> {
    const draining = this.#ending;
    this.#ending ??= this.#end(0);
    if (draining !== undefined) this.#endAll();
    await this.#ending;
  }

  #tell(record: AccessRecord): void {
    try {
      this.#options.onEnd?.(record);
    } catch (error) {
      // Whoever listens must not keep a session from ending.
      logger.error("A listener for ended sessions failed", { error: String(error) });
    }
  }

  #bind(): Map<ListenerState, Bound> {
    const { io, workers } = this.#options;
    const shared = workers > 1;
    const bound = new Map<ListenerState, Bound>();
    try {
      Object.entries(this.#config.listeners).forEach(([name, config], index) => {
        bound.set(this.#state(name, config, index), bindListener(name, config, { io, shared }));
      });
    } catch (error) {
      for (const { tcp, udp } of bound.values()) closeAll([...tcp, ...udp]);
      this.clock[Symbol.dispose]();
      throw error;
    }
    return bound;
  }

  #state(name: string, config: ListenerConfig, index: number): ListenerState {
    const { accept, trusted } = config.proxy_protocol;
    const proxies = new AddressSet(accept === "off" ? [] : trusted);
    const { shared } = this.#options;
    const now = () => this.clock.now;
    const counts = shared.listenerCounts(index);
    const sources = shared.sources(index, now);
    return {
      name,
      config,
      router: new Router(config, { protocols: PROTOCOLS }),
      limits: new Limits(config.limits, { now, counts, sources }),
      counters: shared.counters(index),
      trusts: (host) => accept !== "off" && proxies.has(host),
    };
  }

  #accept(listener: StreamListener, state: ListenerState): void {
    this.#accepting.push(listener);
    const { io, resolver, shared } = this.#options;
    const sessions = this.#sessions;
    const parts: ServeParts = {
      io,
      clock: this.clock,
      resolver,
      upstreams: this.#upstreams,
      budget: shared.budget,
      sessions,
      end: (session, reason, error) => sessions.end(session, reason, error),
      builtin: (session, name) => connectBuiltin(name, sessionInfo(session)),
    };
    this.#loops.push(acceptLoop(listener, {
      io,
      onStream: (stream) => serve(stream, state, parts),
      onError: (error, backoff) => {
        state.counters.acceptErrors++;
        logger.error("Cannot accept a connection; trying again", {
          listener: state.name,
          backoff_ms: backoff,
          error: String(error),
        });
      },
    }));
  }

  #receive(sockets: readonly DatagramSocket[], state: ListenerState): void {
    const { io, resolver, shared } = this.#options;
    const parts: FlowParts = {
      io,
      clock: this.clock,
      resolver,
      upstreams: this.#upstreams,
      budget: shared.budget,
      onEnd: (flow, listener, reason, error) =>
        this.#tell(flowRecord(flow, listener, reason, error)),
      builtin: (flow, listener, name, options) => ({
        send(bytes) {
          const answer = answerDatagram(name, bytes, flowInfo(flow, listener));
          if (answer === "reset") options.onError(new Error("The built-in target reset the flow"));
          else if (answer !== undefined) return options.onReply(answer);
        },
        close() {},
      }),
    };
    const flows = new Flows(state, parts);
    this.#flows.push(flows);
    for (const socket of sockets) {
      this.#receiving.push(socket);
      const slot = flows.addSocket(socket);
      this.#loops.push(socket.receive({
        onDatagram: (bytes, from) => flows.take(slot, bytes, from),
        onUndeliverable: (to, error) => flows.undeliverable(slot, to, error),
        onError: (error) =>
          logger.error("Cannot receive a datagram; trying again", {
            listener: state.name,
            error: String(error),
          }),
      }));
    }
  }

  async #end(timeoutMs: number): Promise<number> {
    closeAll(this.#accepting);
    this.#sessions.draining = true;
    for (const flows of this.#flows) flows.draining = true;
    if (timeoutMs > 0) {
      const done = Promise.all([
        this.#sessions.drained(),
        ...this.#flows.map((flows) => flows.drained()),
      ]);
      let timer: ReturnType<typeof setTimeout> | undefined;
      await Promise.race([done, new Promise((resolve) => timer = setTimeout(resolve, timeoutMs))]);
      clearTimeout(timer);
    }
    this.#endAll();
    closeAll(this.#receiving);
    this.clock[Symbol.dispose]();
    await Promise.all(this.#loops);
    return this.#cut;
  }

  #endAll(): void {
    this.#cut += this.#sessions.live.size +
      this.#flows.reduce((sum, flows) => sum + flows.size, 0);
    this.#sessions.endAll("shutdown");
    for (const flows of this.#flows) flows.endAll("shutdown");
  }
}

function closeAll(sockets: readonly { close(): void }[]): void {
  for (const socket of sockets) socket.close();
}
