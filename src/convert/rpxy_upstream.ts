/**
 * Converts upstreams of rpxy-l4: targets, balancing, PROXY headers and idle times. Knows no route.
 *
 * @module
 */

import type { Transport } from "../config/schema.ts";
import {
  inSeconds,
  type Item,
  type Names,
  type PlannedUpstream,
  type Setting,
  unconverted,
} from "./plan.ts";
import type { TomlTable } from "./toml.ts";

const BALANCES: Readonly<Record<string, string>> = {
  source_ip: "source_ip",
  source_socket: "source_socket",
  random: "random",
  none: "first",
};

/**
 * Makes an upstream.
 *
 * @param name The wanted name
 * @param options Its targets, the directive, and the names in use
 * @returns The upstream, not yet in a plan
 */
export function planUpstream(
  name: string,
  { targets, names, from }: {
    readonly targets: readonly Item<string>[];
    readonly names: Names;
    readonly from: PlannedUpstream["from"];
  },
): PlannedUpstream {
  return {
    name: names.free(name),
    notes: [],
    targets: targets.map(({ value, from }) => ({ value: { address: value }, from })),
    settings: [],
    from,
  };
}

/**
 * Adds the balancing policy.
 *
 * @param table The table that may set it
 * @param options The key, and the upstream
 */
export function addBalance(
  table: TomlTable,
  { key, upstream }: { readonly key: string; readonly upstream: PlannedUpstream },
): void {
  const value = table.text(key) ?? "none";
  const balance = Object.hasOwn(BALANCES, value) ? BALANCES[value] : undefined;
  if (balance === undefined) {
    upstream.notes.push(unconverted(table.origin(key), "rpxy-l4 does not know this value either"));
  } else if (balance !== "first" || upstream.targets.length > 1) {
    upstream.settings.push({ path: ["balance"], value: balance, from: table.origin(key) });
  }
}

/**
 * Adds the time that a flow may be silent.
 *
 * @param table The table that sets it
 * @param options The key, its value, the upstream and its transport
 */
export function addIdle(
  table: TomlTable,
  { key, idle, upstream, transport }: {
    readonly key: string;
    readonly idle: number;
    readonly upstream: PlannedUpstream;
    readonly transport: Transport;
  },
): void {
  const from = table.origin(key);
  if (transport === "udp") {
    upstream.settings.push({ path: ["idle_timeout"], value: inSeconds(idle), from });
  } else upstream.notes.push(unconverted(from, "rpxy-l4 uses it for UDP only"));
}

/**
 * Reads the version of the PROXY header that is sent.
 *
 * @param table The table that may set it
 * @param key The key
 * @returns The setting, or `undefined` if it is not set
 * @throws {ConfigError} if the value is no text
 */
export function sendProxyProtocol(table: TomlTable, key: string): Setting | undefined {
  const value = table.text(key)?.toLowerCase();
  if (value === undefined) return undefined;
  const known: Readonly<Record<string, string>> = { none: "off", "1": "v1", "2": "v2" };
  const version = Object.hasOwn(known, value) ? known[value] ?? value : value;
  return { path: ["send_proxy_protocol"], value: version, from: table.origin(key) };
}
