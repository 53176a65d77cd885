/**
 * What a configuration becomes in a data plane: upstreams with their targets, and the state of each
 * listener. Knows no socket.
 *
 * @module
 */

import type { Config, ListenerConfig, UpstreamConfig } from "../config/schema.ts";
import { listenerLimits } from "../config/per_source.ts";
import { PROTOCOLS } from "../detect/mod.ts";
import { Limits } from "../manage/limits.ts";
import type { ListenerState } from "../manage/session.ts";
import { AddressSet } from "../resolve/cidr.ts";
import { Router } from "../resolve/router.ts";
import { Upstream } from "../resolve/upstream.ts";
import type { SharedView } from "./shared.ts";

/** A configuration as a data plane runs it. */
export interface States {
  readonly upstreams: ReadonlyMap<string, Upstream>;
  /** By listener, in the configuration's order. */
  readonly listeners: ReadonlyMap<string, ListenerState>;
}

/** What states are made with. */
export interface StatesOptions {
  readonly shared: SharedView;
  /** The coarse time in milliseconds. */
  readonly now: () => number;
  /** What ran before: upstreams that did not change go on, sources are remembered. */
  readonly previous?: States | undefined;
}

/**
 * Makes the states of a configuration.
 *
 * @param config A checked configuration
 * @param options Shared memory, clock and what ran before
 * @returns The states
 */
export function makeStates(config: Config, options: StatesOptions): States {
  const upstreams = makeUpstreams(config, options.shared, options.previous?.upstreams);
  const listeners = Object.entries(config.listeners).map(([name, listener]) =>
    [name, listenerState(name, listener, { ...options, upstreams })] as const
  );
  return { upstreams, listeners: new Map(listeners) };
}

/**
 * Makes the upstreams of a configuration.
 *
 * @param config A checked configuration
 * @param shared The memory of its targets
 * @param previous The upstreams before: those that did not change are the same objects
 * @returns The upstreams by name
 */
export function makeUpstreams(
  config: Config,
  shared: SharedView,
  previous?: ReadonlyMap<string, Upstream>,
): ReadonlyMap<string, Upstream> {
  return new Map(
    Object.entries(config.upstreams).map(([name, upstream]) => {
      const known = previous?.get(name);
      if (known !== undefined && isSame(known.config, upstream)) return [name, known];
      const cells = shared.targetCells(name, upstream);
      return [name, new Upstream(name, upstream, { cells, times: shared.connectTimes(name) })];
    }),
  );
}

function isSame(a: UpstreamConfig, b: UpstreamConfig): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function listenerState(
  name: string,
  config: ListenerConfig,
  options: StatesOptions & { readonly upstreams: ReadonlyMap<string, Upstream> },
): ListenerState {
  const { shared, now, previous, upstreams } = options;
  const { accept, trusted } = config.proxy_protocol;
  const limits = listenerLimits(config);
  const proxies = new AddressSet(accept === "off" ? [] : trusted);
  return {
    name,
    config,
    upstreams,
    router: new Router(config, { protocols: PROTOCOLS }),
    limits: new Limits(limits, {
      now,
      counts: shared.listenerCounts(name),
      sources: shared.sources(name, limits, now),
      sockets: shared.sockets(),
      pressure: shared.pressure,
      previous: previous?.listeners.get(name)?.limits,
    }),
    counters: shared.counters(name),
    trusts: (host) => accept !== "off" && proxies.has(host),
  };
}
