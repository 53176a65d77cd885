/**
 * Reads where rpxy-l4 listens: one port on some addresses, TCP and UDP. Knows nothing about protocols.
 *
 * @module
 */

import type { Transport } from "../config/schema.ts";
import { formatAddress } from "../wire/address.ts";
import { type Item, type Plan, type PlannedListener, unconverted, unreadable } from "./plan.ts";
import { joinWildcards, unbracket } from "./shared.ts";
import type { TomlTable } from "./toml.ts";

/**
 * Reads where rpxy-l4 listens.
 *
 * @param top The whole configuration
 * @param plan The plan for notes
 * @returns Listeners without routes
 * @throws {ConfigError} with code `unreadable` if something is missing
 */
export function readListeners(
  top: TomlTable,
  plan: Plan,
): Readonly<Record<Transport, PlannedListener>> {
  const port = top.number("listen_port");
  if (port === undefined) throw unreadable(0, 'Key "listen_port" is missing; add it');
  const from = top.origin("listen_port");
  const v4 = top.texts("listen_address_v4") ?? [{ value: "0.0.0.0", from }];
  const ipv6 = top.flag("listen_ipv6");
  const v6 = top.texts("listen_address_v6") ??
    (ipv6 === true ? [{ value: "::", from: top.origin("listen_ipv6") }] : []);
  const hosts = new Map<string, Item<string>>();
  for (const { value, from } of [...v4, ...v6]) {
    const host = unbracket(value);
    if (!hosts.has(host)) hosts.set(host, { value: formatAddress(host, port), from });
  }
  const { bind, notes } = joinWildcards([...hosts.values()]);
  const listener = (transport: Transport): PlannedListener => ({
    name: transport,
    // Both have the same addresses, so only one of them carries the notes.
    notes: transport === "tcp" ? notes : [],
    bind: [...bind],
    transports: [transport],
    settings: [],
    routes: [],
    last: [],
    from,
  });
  const [tcp, udp] = [listener("tcp"), listener("udp")];
  const detect = { ...from, directive: "tcp_target" };
  tcp.settings.push({ path: ["detect", "on_timeout"], value: "close", from: detect });
  tcp.notes.push({
    text: "rpxy-l4 closes what does not speak first; remove on_timeout to let it in",
  });
  limit(top, { key: "tcp_max_connections", listener: tcp, name: "sessions" });
  limit(top, { key: "udp_max_connections", listener: udp, name: "flows" });
  const trusted = top.texts("tcp_trusted_proxies");
  if (top.flag("tcp_recv_proxy_protocol") === true) {
    const from = top.origin("tcp_recv_proxy_protocol");
    if (trusted === undefined || trusted.length === 0) {
      throw unreadable(from.line, 'Key "tcp_trusted_proxies" is missing; name the proxies');
    }
    tcp.settings.push(
      { path: ["proxy_protocol", "accept"], value: "required", from },
      {
        path: ["proxy_protocol", "trusted"],
        value: trusted.map(({ value }) => value),
        from: top.origin("tcp_trusted_proxies"),
      },
    );
  } else if (trusted !== undefined) {
    plan.notes.push(
      unconverted(top.origin("tcp_trusted_proxies"), "tcp_recv_proxy_protocol is off"),
    );
  }
  return { tcp, udp };
}

function limit(
  top: TomlTable,
  { key, listener, name }: {
    readonly key: string;
    readonly listener: PlannedListener;
    readonly name: string;
  },
): void {
  const value = top.number(key);
  if (value === undefined) return;
  listener.settings.push({ path: ["limits", name], value, from: top.origin(key) });
}
