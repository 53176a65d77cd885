/**
 * Binds the addresses of a listener. Knows nothing about the connections and datagrams that arrive there.
 *
 * @module
 */

import type { ListenerConfig, Transport } from "../config/schema.ts";
import { messageOf, ShuntError } from "../errors.ts";
import type { DatagramSocket, Endpoint, Io, IoFailure, StreamListener } from "../io/mod.ts";
import { GivenUp, type Steps } from "../slices.ts";
import { boundHost, formatAddress, parseSocketAddress } from "../wire/address.ts";

/** Attempts to find a port number that is free for both TCP and UDP, if port 0 asks for any. */
const PORT_ATTEMPTS = 32;

/** The bound addresses of a listener, as `host:port`. */
export interface BoundAddresses {
  readonly tcp: readonly string[];
  readonly udp: readonly string[];
}

/** The bound addresses of all listeners, by name. */
export type ListenerAddresses = Readonly<Record<string, BoundAddresses>>;

/** The sockets of one listener. */
export interface Bound {
  readonly tcp: readonly StreamListener[];
  readonly udp: readonly DatagramSocket[];
}

/** Whether addresses that another process has bound are refused, although workers will share them. */
export interface Look {
  /** Whether to refuse addresses that another process has bound, although they are bound to be shared. */
  readonly exclusive?: boolean;
  /** Addresses that threads of this process have bound. They are never refused. */
  readonly own?: BoundAddresses | undefined;
}

/** How addresses are bound. */
export interface BindOptions extends Look {
  readonly io: Io;
  /** Whether others bind the same addresses: workers, or another shunt that takes over. */
  readonly shared: boolean;
  /** The sockets that are already bound. */
  readonly known: Known;
}

/** Sockets that are already bound, by {@linkcode bindKey}. */
export interface Known {
  tcp(key: string): StreamListener | undefined;
  udp(key: string): DatagramSocket | undefined;
}

/** Returns the key of an address: the same text for the same address, however it is written. */
export function bindKey({ host, port }: Endpoint): string {
  return formatAddress(boundHost(host), port);
}

/**
 * Binds all addresses of listeners. All new addresses are checked before the first is bound: a shared
 * socket gets clients as soon as it is bound, and a later failure would cut them off.
 *
 * @param listeners Their configurations, by name
 * @param options The sockets to use, and those that are already bound
 * @returns The bound sockets by listener; with port 0, TCP and UDP of one address share a number
 * @throws {ShuntError} with code `bind_failed`; then nothing new stays bound
 */
export function* bindListeners(
  listeners: Readonly<Record<string, ListenerConfig>>,
  options: BindOptions,
): Steps<Map<string, Bound>> {
  const fresh: { close(): void }[] = [];
  let done = false;
  try {
    const bound = yield* bindAll(listeners, { ...options, fresh });
    done = true;
    return bound;
  } finally {
    if (!done) { for (const socket of fresh) socket.close(); }
  }
}

function* bindAll(
  listeners: Readonly<Record<string, ListenerConfig>>,
  options: BindOptions & { readonly fresh: { close(): void }[] },
): Steps<Map<string, Bound>> {
  const bound = new Map<string, Bound>();
  const own = { tcp: new BoundPorts(options.own?.tcp), udp: new BoundPorts(options.own?.udp) };
  const attempt = function* (
    name: string,
    config: ListenerConfig,
    work: (ends: Endpoint[]) => Steps<void>,
  ): Steps<void> {
    try {
      yield* work(config.bind.map(endpointOf));
    } catch (error) {
      if (error instanceof GivenUp) throw error;
      const why = explain(options.io.classify(error), error);
      throw new ShuntError(`Cannot bind listener "${name}" to ${config.bind.join(", ")}: ${why}`, {
        code: "bind_failed",
        context: { listener: name },
        cause: error,
      });
    }
  };
  for (const [name, config] of Object.entries(listeners)) {
    yield* attempt(name, config, function* (ends) {
      for (const at of ends) {
        for (const transport of config.transports) look(at, transport, { ...options, own });
        yield;
      }
    });
  }
  for (const [name, config] of Object.entries(listeners)) {
    yield* attempt(name, config, function* (ends) {
      bound.set(name, yield* bindListener(ends, config, { ...options, own }));
    });
  }
  return bound;
}

/** Bound addresses by port. A wildcard takes its port on all addresses. */
class BoundPorts {
  readonly #hosts = new Map<number, Set<string>>();

  /** @param addresses `IP:PORT` of each */
  constructor(addresses: readonly string[] = []) {
    for (const text of addresses) {
      const at = parseSocketAddress(text);
      if (typeof at === "string") continue;
      const hosts = this.#hosts.get(at.port);
      if (hosts === undefined) this.#hosts.set(at.port, new Set([boundHost(at.host)]));
      else hosts.add(boundHost(at.host));
    }
  }

  /** Reports whether an address clashes with one of them. */
  overlap({ host, port }: Endpoint): boolean {
    const hosts = this.#hosts.get(port);
    if (hosts === undefined) return false;
    return host === "0.0.0.0" || host === "::" || hosts.has(host) || hosts.has("0.0.0.0") ||
      hosts.has("::");
  }
}

/** How addresses are bound, with the addresses that this process has bound, by port. */
interface LookOptions extends Omit<BindOptions, "own"> {
  readonly own: Readonly<Record<Transport, BoundPorts>>;
}

function endpointOf(text: string): Endpoint {
  const at = parseSocketAddress(text);
  if (typeof at === "string") throw new TypeError(at);
  return { host: boundHost(at.host), port: at.port };
}

/** Throws if another process has bound the address. Shared, both would be bound and get clients. */
function look(
  at: Endpoint,
  transport: Transport,
  { io, shared, exclusive, own, known }: LookOptions,
): void {
  if (!shared || exclusive !== true || at.port === 0) return;
  if (own[transport].overlap(at)) return;
  if (known[transport](bindKey(at)) !== undefined) return;
  if (transport === "tcp") io.listen(at, false).close();
  else io.bind(at, false).close();
}

function* bindListener(
  ends: readonly Endpoint[],
  { transports }: ListenerConfig,
  options: LookOptions & { readonly fresh: { close(): void }[] },
): Steps<Bound> {
  const { io, shared, known, fresh } = options;
  const tcp: StreamListener[] = [];
  const udp: DatagramSocket[] = [];
  const open = <T extends { close(): void }>(
    at: Endpoint,
    transport: Transport,
    bind: () => T,
  ) => {
    // Checked again, since another process may have bound it in the meantime.
    look(at, transport, options);
    const socket = bind();
    fresh.push(socket);
    return socket;
  };
  const listen = (at: Endpoint) =>
    known.tcp(bindKey(at)) ?? open(at, "tcp", () => io.listen(at, shared));
  const bind = (at: Endpoint) =>
    known.udp(bindKey(at)) ?? open(at, "udp", () => io.bind(at, shared));
  for (const at of ends) {
    yield;
    if (transports.includes("tcp") && transports.includes("udp") && at.port === 0) {
      const pair = bindBoth({ listen, bind }, at);
      tcp.push(pair.tcp);
      udp.push(pair.udp);
      continue;
    }
    if (transports.includes("tcp")) tcp.push(listen(at));
    if (transports.includes("udp")) udp.push(bind(at));
  }
  return { tcp, udp };
}

function explain(failure: IoFailure, error: unknown): string {
  switch (failure) {
    case "in_use":
      return "the address is in use; stop what listens there, or choose another port";
    case "denied":
      return `not permitted (${
        messageOf(error)
      }); ports below 1024 need root or CAP_NET_BIND_SERVICE, ` +
        "and Deno needs --allow-net";
    case "unreachable":
      return "the address does not belong to this host";
    default:
      return messageOf(error);
  }
}

/** Finds a port number that is free for both, if port 0 asks for any. */
function bindBoth(
  { listen, bind }: {
    readonly listen: (at: Endpoint) => StreamListener;
    readonly bind: (at: Endpoint) => DatagramSocket;
  },
  at: Endpoint,
): { readonly tcp: StreamListener; readonly udp: DatagramSocket } {
  for (let attempt = 1;; attempt++) {
    const tcp = listen(at);
    try {
      return { tcp, udp: bind({ host: at.host, port: tcp.local.port }) };
    } catch (error) {
      tcp.close();
      if (attempt >= PORT_ATTEMPTS) throw error;
    }
  }
}

/** Returns the addresses of bound sockets, as `host:port`. */
export function boundAddresses(
  sockets: readonly (StreamListener | DatagramSocket)[],
): string[] {
  return sockets.map(({ local }) => formatAddress(local.host, local.port));
}
