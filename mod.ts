/**
 * shunt in a program of your own: a proxy for tests, in this process, on ports that are free.
 *
 * @example
 * ```ts
 * import { startProxy } from "./mod.ts";
 *
 * await using proxy = await startProxy({
 *   listeners: { edge: { bind: "127.0.0.1:0", routes: [{ upstream: "app" }] } },
 *   upstreams: { app: { targets: ["builtin:echo"], faults: { latency: "20ms", seed: 7 } } },
 * });
 * const [address] = proxy.addresses.edge!.tcp;
 * console.log(address, proxy.stats().edge?.sessions.total);
 * ```
 *
 * @module
 */

import { stringify } from "yaml";
import { parseConfig } from "./src/config/load.ts";
import type { Config } from "./src/config/schema.ts";
import { PROTOCOLS } from "./src/detect/mod.ts";
import type { BoundAddresses } from "./src/listen/bind.ts";
import type { AccessRecord, LiveRecord } from "./src/observe/access/record.ts";
import type { Counters } from "./src/observe/metrics/counters.ts";
import type { LiveKind } from "./src/observe/access/live.ts";
import * as inner from "./src/control/proxy.ts";

export { ConfigError, ShuntError } from "./src/errors.ts";
export type { AccessRecord, BoundAddresses, Counters, LiveRecord };

/**
 * A configuration: YAML text, or an object with the same keys and values as the file, which
 * docs/config.md explains.
 */
export type ConfigInput = string | Readonly<Record<string, unknown>>;

/** Options of {@linkcode startProxy}. */
export interface ProxyOptions {
  /** Gets a record of each session and flow at its end: why, how long, how many bytes. */
  readonly onEnd?: (record: AccessRecord) => void;
}

/** A running proxy. */
export interface Proxy extends AsyncDisposable {
  /** What each listener is bound to, as `host:port`: the real numbers of ports that were 0. */
  readonly addresses: Readonly<Record<string, BoundAddresses>>;
  /** The counters of each listener, as of now. */
  stats(): Readonly<Record<string, Counters>>;
  /** The TCP sessions that live now, 10,000 at the most. */
  sessions(): Promise<readonly LiveRecord[]>;
  /** The UDP flows that live now, 10,000 at the most. */
  flows(): Promise<readonly LiveRecord[]>;
  /**
   * Goes on with another configuration, whole or not at all; what runs lives on.
   *
   * @param config The new configuration
   * @returns One line per difference; empty if there is none
   * @throws {ConfigError} if it has errors; each is named
   * @throws {ShuntError} if an address cannot be bound
   */
  reload(config: ConfigInput): Promise<readonly string[]>;
  /**
   * Takes a target out of use, or back.
   *
   * @param upstream The upstream's name
   * @param target The target's address as the configuration spells it
   * @param state `drain` gives it nothing new
   * @returns Whether there is such a target
   */
  setTarget(upstream: string, target: string, state: "ready" | "drain"): boolean;
  /**
   * Takes nothing new, lets what runs finish within `drain_timeout`, and ends.
   *
   * @returns How many sessions and flows had to be closed
   */
  drain(): Promise<number>;
  /** Closes everything at once. */
  close(): Promise<void>;
}

/** Records of one list at the most. */
const MOST = 10_000;

function parse(config: ConfigInput): Config {
  const text = typeof config === "string" ? config : stringify(config);
  const parsed = parseConfig(text, { file: "config", protocols: PROTOCOLS });
  // In a test, one thread less and no library by FFI are worth more than speed.
  return parsed.io === "auto" ? { ...parsed, io: "deno" } : parsed;
}

/**
 * Starts a proxy in this process. `admin` and `log` of the configuration are the program's own affair
 * and do nothing here; `io: auto` means Deno's sockets.
 *
 * @param config The configuration
 * @param options What takes records of ended sessions
 * @returns The proxy, with all its listeners bound
 * @throws {ConfigError} if the configuration has errors; each is named
 * @throws {ShuntError} if an address cannot be bound, or libc sockets cannot be had
 */
export async function startProxy(config: ConfigInput, options: ProxyOptions = {}): Promise<Proxy> {
  const proxy = await inner.startProxy(parse(config), options);
  const list = (kind: LiveKind) => proxy.live({ kind, limit: MOST, filters: {} });
  return {
    get addresses() {
      return proxy.addresses;
    },
    stats: () => proxy.stats(),
    sessions: () => list("sessions"),
    flows: () => list("flows"),
    // deno-lint-ignore require-await -- what is wrong with the configuration has to reject
    reload: async (config) => proxy.reload(parse(config)),
    setTarget: (upstream, target, state) => proxy.setTarget(upstream, target, state),
    drain: () => proxy.drain(),
    close: () => proxy.close(),
    [Symbol.asyncDispose]: () => proxy.close(),
  };
}
