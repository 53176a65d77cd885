/**
 * Reads where an sslh configuration listens. Knows nothing about protocols.
 *
 * @module
 */

import type { Transport } from "../config/schema.ts";
import {
  type Item,
  Names,
  type Note,
  type PlannedListener,
  type Setting,
  unconverted,
} from "./plan.ts";
import {
  bindableHost,
  hostAndPort,
  joinWildcards,
  LOOPBACK,
  portNumber,
  unbracket,
} from "./shared.ts";
import { leftOver, type SslhGroup } from "./sslh_group.ts";

/**
 * Reads where sslh listens. Addresses with the same settings become one listener.
 *
 * @param groups The entries of `listen`
 * @param notes List for notes on entries without a listener
 * @returns Listeners without routes
 */
export function readListeners(groups: readonly SslhGroup[], notes: Note[]): PlannedListener[] {
  const alike = new Map<string, { readonly listener: PlannedListener; all: Item<string>[] }>();
  const listeners: PlannedListener[] = [];
  const names = new Names();
  for (const group of groups) {
    const transport: Transport = group.flag("is_udp") ? "udp" : "tcp";
    const host = group.text("host") ?? "";
    const port = portNumber(group.text("port") ?? "");
    const from = { line: group.own.line, directive: `listen ${host}:${port}` };
    if (group.flag("is_unix")) {
      notes.push(
        unconverted({ ...from, directive: `listen ${host}` }, "shunt binds no Unix sockets"),
      );
      continue;
    }
    const { settings, notes: more } = listenerSettings(group, transport);
    const key = JSON.stringify([transport, settings.map(({ path, value }) => [path, value])]);
    let known = alike.get(key);
    if (known === undefined) {
      const name = names.free(transport);
      const transports = [transport];
      known = {
        listener: { name, notes: more, bind: [], transports, settings, routes: [], last: [], from },
        all: [],
      };
      alike.set(key, known);
      listeners.push(known.listener);
    }
    const bindable = bindableHost(unbracket(host));
    if (bindable.why !== undefined) known.listener.notes.push(unconverted(from, bindable.why));
    known.all.push({ value: hostAndPort(bindable.host, port), from });
    known.listener.notes.push(...leftOver(group));
  }
  for (const { listener, all } of alike.values()) {
    const joined = joinWildcards(all);
    listener.bind.push(...joined.bind);
    listener.notes.push(...joined.notes);
  }
  return listeners;
}

function listenerSettings(
  group: SslhGroup,
  transport: Transport,
): { readonly settings: Setting[]; readonly notes: Note[] } {
  const settings: Setting[] = [];
  const notes: Note[] = [];
  const from = group.origin("proxyprotocol");
  if (group.flag("proxyprotocol") && transport === "udp") {
    notes.push(unconverted(from, "shunt takes PROXY headers by TCP only"));
  } else if (group.flag("proxyprotocol")) {
    settings.push(
      { path: ["proxy_protocol", "accept"], value: "required", from },
      { path: ["proxy_protocol", "trusted"], value: LOOPBACK, from },
    );
    const why = "sslh takes PROXY headers from anyone; list the senders in trusted";
    notes.push(unconverted(from, why));
  }
  const sessions = group.number("max_connections");
  if (sessions !== undefined) {
    const path = ["limits", transport === "tcp" ? "sessions" : "flows"];
    settings.push({ path, value: sessions, from: group.origin("max_connections") });
  }
  return { settings, notes };
}
