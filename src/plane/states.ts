/**
 * Makes what a data plane runs from a configuration: upstreams with their targets, and the state of each
 * listener. Knows no socket.
 *
 * @module
 */

import { isSame } from "../config/same.ts";
import { listenerLimits } from "../config/per_source.ts";
import type { Config, ListenerConfig } from "../config/schema.ts";
import { PROTOCOLS } from "../detect/mod.ts";
import { Limits } from "../manage/limits/limits.ts";
import type { ListenerState } from "../manage/listener_state.ts";
import { AddressSet } from "../facts/networks.ts";
import { Router } from "../resolve/router.ts";
import { Target, Upstream } from "../resolve/upstream.ts";
import type { Steps } from "../slices.ts";
import type { SharedView } from "./shared.ts";

/** A configuration as a data plane runs it. */
export interface States {
  readonly upstreams: ReadonlyMap<string, Upstream>;
  /** By listener, in the configuration's order. */
  readonly listeners: ReadonlyMap<string, ListenerState>;
}

/** Targets that are made in one step: 3 µs each. */
const MAX_TARGETS = 128;

/** What making states needs. */
export interface StatesOptions {
  readonly shared: SharedView;
  /** The coarse time in milliseconds. */
  readonly now: () => number;
  /** The running states: unchanged upstreams and the counts of sources are kept. */
  readonly previous?: States | undefined;
}

/**
 * Prepares the states of a configuration. Nothing that runs changes.
 *
 * @returns A function that completes them, in little time, with what the running states have by then
 */
export function* prepareStates(config: Config, options: StatesOptions): Steps<() => States> {
  const upstreams = yield* makeUpstreams(config, options.shared, options.previous?.upstreams);
  const listeners: [string, () => ListenerState][] = [];
  for (const [name, listener] of Object.entries(config.listeners)) {
    const router = yield* Router.inSteps(listener, { protocols: PROTOCOLS });
    listeners.push([name, prepareListener(name, listener, { ...options, upstreams, router })]);
    yield;
  }
  return () => ({
    upstreams,
    listeners: new Map(listeners.map(([name, make]) => [name, make()])),
  });
}

/** Makes the upstreams of a configuration, by name. Those that did not change are the same objects as before. */
export function* makeUpstreams(
  config: Config,
  shared: SharedView,
  previous?: ReadonlyMap<string, Upstream>,
): Steps<ReadonlyMap<string, Upstream>> {
  const upstreams = new Map<string, Upstream>();
  for (const [name, upstream] of Object.entries(config.upstreams)) {
    yield;
    const known = previous?.get(name);
    if (known !== undefined && isSame(known.config, upstream)) {
      upstreams.set(name, known);
      continue;
    }
    const targets: Target[] = [];
    for (let at = 0; at < upstream.targets.length; at += MAX_TARGETS) {
      const some = upstream.targets.slice(at, at + MAX_TARGETS);
      const cells = shared.targetCells(name, some);
      for (const [i, target] of some.entries()) targets.push(new Target(target, cells[i]));
      yield;
    }
    const times = shared.connectTimes(name);
    upstreams.set(name, new Upstream(name, upstream, { targets, times }));
  }
  return upstreams;
}

function prepareListener(
  name: string,
  config: ListenerConfig,
  options: StatesOptions & {
    readonly upstreams: ReadonlyMap<string, Upstream>;
    readonly router: Router;
  },
): () => ListenerState {
  const { shared, now, previous, upstreams, router } = options;
  const { accept, trusted } = config.proxy_protocol;
  const limits = listenerLimits(config);
  const proxies = new AddressSet(accept === "off" ? [] : trusted);
  const measured = {
    now,
    counts: shared.listenerCounts(name),
    sources: shared.sources(name, limits, now),
    sockets: shared.sockets(),
    pressure: shared.pressure,
    previous: previous?.listeners.get(name)?.limits,
  };
  const ready = {
    name,
    config,
    upstreams,
    router,
    counters: shared.counters(name),
    trusts: (host: string) => accept !== "off" && proxies.has(host),
  };
  return () => ({ ...ready, limits: new Limits(limits, measured) });
}
