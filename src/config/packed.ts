/**
 * A configuration on its way to another thread, as texts: a text is copied quickly, whatever it holds,
 * and can be read piece by piece. Knows the long lists of a configuration.
 *
 * @module
 */

import type { Steps } from "../slices.ts";
import type { Config, ListenerConfig, UpstreamConfig } from "./schema.ts";

/** A configuration as texts. */
export interface PackedConfig {
  /** Everything but listeners and upstreams. */
  readonly top: string;
  /** Listeners and upstreams, several per text. */
  readonly parts: readonly string[];
}

/** One listener or upstream, or further routes or targets of one. */
type Entry =
  | readonly [kind: "listener", name: string, value: ListenerConfig]
  | readonly [kind: "routes", name: string, value: ListenerConfig["routes"]]
  | readonly [kind: "upstream", name: string, value: UpstreamConfig]
  | readonly [kind: "targets", name: string, value: UpstreamConfig["targets"]];

/** Routes or targets of one entry, and entries of one text: each is read in about 0.3 ms. */
const MAX_LIST = 128;
const MAX_ENTRIES = 32;

/** Packs a configuration for {@linkcode unpackConfig}. */
export function* packConfig({ listeners, upstreams, ...top }: Config): Steps<PackedConfig> {
  const parts: string[] = [];
  let entries: Entry[] = [];
  for (const entry of listEntries({ listeners, upstreams })) {
    const long = entry[0] === "routes" || entry[0] === "targets";
    entries.push(entry);
    if (!long && entries.length < MAX_ENTRIES) continue;
    parts.push(JSON.stringify(entries));
    entries = [];
    yield;
  }
  if (entries.length > 0) parts.push(JSON.stringify(entries));
  return { top: JSON.stringify(top), parts };
}

function* listEntries(
  { listeners, upstreams }: Pick<Config, "listeners" | "upstreams">,
): Generator<Entry> {
  for (const [name, { routes, ...listener }] of Object.entries(listeners)) {
    yield ["listener", name, { ...listener, routes: routes.slice(0, MAX_LIST) }];
    for (let at = MAX_LIST; at < routes.length; at += MAX_LIST) {
      yield ["routes", name, routes.slice(at, at + MAX_LIST)];
    }
  }
  for (const [name, { targets, ...upstream }] of Object.entries(upstreams)) {
    yield ["upstream", name, { ...upstream, targets: targets.slice(0, MAX_LIST) }];
    for (let at = MAX_LIST; at < targets.length; at += MAX_LIST) {
      yield ["targets", name, targets.slice(at, at + MAX_LIST)];
    }
  }
}

/** Reads what {@linkcode packConfig} returned. */
export function* unpackConfig({ top, parts }: PackedConfig): Steps<Config> {
  const listeners: Record<string, ListenerConfig> = {};
  const upstreams: Record<string, UpstreamConfig> = {};
  for (const part of parts) {
    for (const [kind, name, value] of JSON.parse(part) as Entry[]) {
      // Nothing else refers to the parsed values yet, so the long lists may grow in place.
      if (kind === "listener") listeners[name] = value;
      else if (kind === "upstream") upstreams[name] = value;
      else if (kind === "routes") (listeners[name]!.routes as unknown[]).push(...value);
      else (upstreams[name]!.targets as unknown[]).push(...value);
    }
    yield;
  }
  return { ...JSON.parse(top), listeners, upstreams };
}
