/**
 * Reads the TOML configuration of rpxy-l4. Knows the meaning of its keys and the order of its decisions;
 * knows nothing about YAML.
 *
 * @module
 */

import type { ProtocolInfo } from "../facts/mod.ts";
import type { Transport } from "../config/schema.ts";
import {
  emptyPlan,
  type Item,
  Names,
  type Plan,
  type PlannedListener,
  type PlannedMatch,
  type PlannedUpstream,
  remark,
  type Setting,
  unconverted,
} from "./plan.ts";
import { readListeners } from "./rpxy_listen.ts";
import { addBalance, addIdle, planUpstream, sendProxyProtocol } from "./rpxy_upstream.ts";
import { othersThan } from "./shared.ts";
import { readToml, TomlTable } from "./toml.ts";

/** Its protocols, which have the same names in shunt, and their transports. */
const TRANSPORTS: Readonly<Record<string, Transport>> = {
  tls: "tcp",
  ssh: "tcp",
  socks5: "tcp",
  http: "tcp",
  wireguard: "udp",
  quic: "udp",
};

/** An entry of `[protocols]`, with its place in the order of decisions. */
interface Entry {
  readonly protocol: string;
  readonly rank: number;
  readonly match: PlannedMatch;
  readonly upstream: PlannedUpstream;
  readonly listener: PlannedListener;
}

/**
 * Reads a configuration of rpxy-l4.
 *
 * @param text The TOML text
 * @param protocols The protocols that shunt detects
 * @returns Its plan
 * @throws {ConfigError} with code `unreadable` if it cannot be read
 */
export function readRpxy(text: string, protocols: readonly ProtocolInfo[]): Plan {
  const top = new TomlTable(readToml(text), { line: 1, directive: "" });
  const plan = emptyPlan();
  const listeners = readListeners(top, plan);
  const proxyProtocol = sendProxyProtocol(top, "tcp_send_proxy_protocol");
  const names = new Names();
  const entries: Entry[] = [];
  const section = top.table("protocols");
  for (const name of section?.names() ?? []) {
    const entry = section?.table(name);
    if (entry === undefined) continue;
    const read = readEntry(name, entry, { plan, names, listeners, proxyProtocol });
    if (read !== undefined) entries.push(read);
  }
  // Of several TLS or QUIC entries rpxy-l4 takes the most specific one: name and ALPN, then name, then
  // ALPN, then the rest.
  for (const { match, upstream, listener } of entries.toSorted((a, b) => a.rank - b.rank)) {
    listener.routes.push({ notes: [], match, upstream: upstream.name, from: upstream.from });
  }
  for (const transport of ["tcp", "udp"] as const) {
    addDefault(transport, { top, plan, names, listeners, entries, protocols, proxyProtocol });
  }
  for (const [key, path] of [["dns_cache_min_ttl", "min_ttl"], ["dns_cache_max_ttl", "max_ttl"]]) {
    const value = top.text(key!);
    if (value !== undefined) {
      plan.settings.push({ path: ["dns", path!], value: ttl(value), from: top.origin(key!) });
    }
  }
  for (const from of [...top.rest(), ...(section?.rest() ?? [])]) {
    plan.notes.push(unconverted(from, why(from.directive)));
  }
  plan.listeners.push(...Object.values(listeners).filter(({ routes }) => routes.length > 0));
  return plan;
}

function why(key: string): string {
  if (key === "tcp_backlog") return "shunt leaves the backlog to the system";
  return "shunt has no equivalent";
}

function readEntry(
  name: string,
  entry: TomlTable,
  { plan, names, listeners, proxyProtocol }: {
    readonly plan: Plan;
    readonly names: Names;
    readonly listeners: Readonly<Record<Transport, PlannedListener>>;
    readonly proxyProtocol: Setting | undefined;
  },
): Entry | undefined {
  const protocol = entry.text("protocol");
  const targets = entry.texts("target");
  const from = entry.own;
  if (protocol === undefined || targets === undefined || targets.length === 0) {
    plan.notes.push(unconverted(from, 'it needs "protocol" and "target"'));
    return undefined;
  }
  const transport = Object.hasOwn(TRANSPORTS, protocol) ? TRANSPORTS[protocol] : undefined;
  if (transport === undefined) {
    plan.notes.push(unconverted(entry.origin("protocol"), "shunt does not detect this protocol"));
    return undefined;
  }
  const upstream = planUpstream(name, { targets, names, from });
  addBalance(entry, { key: "load_balance", upstream });
  const own = sendProxyProtocol(entry, "send_proxy_protocol");
  if (transport === "tcp") {
    const setting = own ?? proxyProtocol;
    if (setting !== undefined) upstream.settings.push(setting);
  } else if (own !== undefined) {
    upstream.notes.push(unconverted(own.from, "rpxy-l4 sends no PROXY header by UDP either"));
  }
  const idle = entry.number("idle_lifetime");
  if (idle !== undefined) addIdle(entry, { key: "idle_lifetime", idle, upstream, transport });
  const sni = serverNames(entry, upstream);
  const alpn = entry.texts("alpn");
  const match: PlannedMatch = { protocol: [{ value: protocol, from: entry.origin("protocol") }] };
  if (sni !== undefined && sni.length > 0) match.sni = sni;
  if (alpn !== undefined && alpn.length > 0) match.alpn = [...alpn];
  for (const ech of entry.table("ech")?.rest() ?? []) {
    upstream.notes.push(unconverted(ech, "shunt decrypts nothing, ECH neither"));
  }
  for (const from of entry.rest()) {
    upstream.notes.push(unconverted(from, "rpxy-l4 does not know this key either"));
  }
  plan.upstreams.push(upstream);
  const rank = (match.sni === undefined ? 2 : 0) + (match.alpn === undefined ? 1 : 0);
  return { protocol, rank, match, upstream, listener: listeners[transport] };
}

/** rpxy-l4 compares names literally; a `*` is no wildcard. */
function serverNames(entry: TomlTable, upstream: PlannedUpstream): Item<string>[] | undefined {
  const all = entry.texts("server_names");
  if (all?.some(({ value }) => value.includes("*"))) {
    upstream.notes.push(
      remark(entry.origin("server_names"), 'rpxy-l4 has no wildcards, so "*" begins to work here'),
    );
  }
  return all === undefined ? undefined : [...all];
}

function addDefault(
  transport: Transport,
  { top, plan, names, listeners, entries, protocols, proxyProtocol }: {
    readonly top: TomlTable;
    readonly plan: Plan;
    readonly names: Names;
    readonly listeners: Readonly<Record<Transport, PlannedListener>>;
    readonly entries: readonly Entry[];
    readonly protocols: readonly ProtocolInfo[];
    readonly proxyProtocol: Setting | undefined;
  },
): void {
  const key = `${transport}_target`;
  const targets = top.texts(key);
  const listener = listeners[transport];
  const upstream = planUpstream(`default-${transport}`, {
    targets: targets ?? [],
    names,
    from: top.origin(key),
  });
  addBalance(top, { key: `${transport}_load_balance`, upstream });
  if (transport === "tcp" && proxyProtocol !== undefined) upstream.settings.push(proxyProtocol);
  const idle = transport === "udp" ? top.number("udp_idle_lifetime") : undefined;
  if (idle !== undefined) addIdle(top, { key: "udp_idle_lifetime", idle, upstream, transport });
  if (targets === undefined || targets.length === 0) {
    const why = `there is no ${key}`;
    for (const { from } of upstream.settings) {
      if (from !== proxyProtocol?.from) plan.notes.push(unconverted(from, why));
    }
    if (targets !== undefined) plan.notes.push(unconverted(upstream.from, "it names no target"));
    return;
  }
  plan.upstreams.push(upstream);
  const from = upstream.from;
  const match: PlannedMatch = {};
  const secured = transport === "tcp" ? "tls" : "quic";
  const ofSecured = entries.filter(({ protocol }) => protocol === secured);
  const notes = [];
  if (ofSecured.length > 0 && ofSecured.every(({ rank }) => rank < 3)) {
    // rpxy-l4 closes TLS that its entries do not take, instead of passing it to the default target.
    match.protocol = othersThan([secured, "silent"], { protocols, transport })
      .map((value) => ({ value, from }));
    notes.push(remark(from, `rpxy-l4 closes ${secured} that none of its entries takes`));
  }
  listener.routes.push({ notes, match, upstream: upstream.name, from });
}

/** Converts `5min` and the like as rpxy-l4 reads them. */
function ttl(text: string): string {
  const [, digits, unit = ""] = /^\s*([0-9]+)\s*([a-z]+)\s*$/i.exec(text) ?? [];
  const name = unit.toLowerCase();
  return digits !== undefined && /^(s|m|h|secs?|mins?|hrs?|seconds?|minutes?|hours?)$/.test(name)
    ? `${digits}${name.charAt(0)}`
    : text;
}
