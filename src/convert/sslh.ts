/**
 * Reads a configuration of sslh. Knows the meaning of its settings and the order of its decisions; knows
 * nothing about YAML.
 *
 * @module
 */

import type { Transport } from "../config/schema.ts";
import { readLibconfig } from "./libconfig.ts";
import { SslhGroup } from "./sslh_group.ts";
import { readListeners } from "./sslh_listen.ts";
import { readRoutes, type Routing } from "./sslh_routes.ts";
import { emptyPlan, type Note, type Plan, unconverted, unreadable } from "./plan.ts";

/** Why settings of the whole file are not converted. */
const REASONS: Readonly<Record<string, string>> = {
  chroot: "use the sandbox of your service manager",
  pidfile: "run it with --ready-file, which has the process id",
  user: "let your service manager set the user",
  logfile: "the log goes to standard error",
  syslog_facility: "the log goes to standard error",
  transparent: "send_proxy_protocol sends targets the client's address",
  "@include": "put the file's text in its place and convert again",
};

/** Settings that shunt does not need if they have this value. */
const ANYWAY: Readonly<Record<string, boolean>> = {
  foreground: true,
  numeric: true,
  inetd: false,
  transparent: false,
};

/**
 * Reads a configuration of sslh.
 *
 * @param text The text of `sslh.cfg`
 * @returns Its plan
 * @throws {ConfigError} with code `unreadable` if it cannot be read
 */
export function readSslh(text: string): Plan {
  const top = new SslhGroup(readLibconfig(text), { line: 1, directive: "" });
  const plan = emptyPlan();
  const listen = top.groups("listen");
  const protocols = top.groups("protocols");
  if (listen === undefined || protocols === undefined || protocols.length === 0) {
    const missing = listen === undefined ? "listen" : "protocols";
    throw unreadable(0, `Setting "${missing}" is missing or empty; add it`);
  }
  const notes: Note[] = [];
  const listeners = readListeners(listen, notes);
  // sslh calls it "on-timeout", but files with "on_timeout" exist.
  const onTimeout = top.text("on-timeout") ?? top.text("on_timeout") ?? "ssh";
  const routing = readRoutes(protocols, { plan, onTimeout });
  const seconds = top.number("timeout") ?? 5;
  const flows = top.number("udp_max_connections");
  for (const listener of listeners) {
    const [transport = "tcp"] = listener.transports;
    if (transport === "tcp") {
      listener.settings.unshift({
        path: ["detect", "timeout"],
        value: `${seconds}s`,
        from: top.origin("timeout"),
      });
    } else if (flows !== undefined) {
      const from = top.origin("udp_max_connections");
      listener.settings.push({ path: ["limits", "flows"], value: flows, from });
    }
    const { routes, last } = routing[transport];
    const first = !plan.listeners.some(({ transports }) => transports.includes(transport));
    // Notes on routes appear once, even if several listeners share the routes.
    listener.routes.push(...routes.map((route) => ({
      ...route,
      match: Object.fromEntries(
        Object.entries(route.match).map(([key, items]) => [key, [...items]]),
      ),
      notes: first ? [...route.notes] : [],
    })));
    if (first) listener.last.push(...last);
    plan.listeners.push(listener);
  }
  reportUnheard(routing, plan);
  if (flows !== undefined && !plan.listeners.some(({ transports }) => transports.includes("udp"))) {
    plan.notes.push(unconverted(top.origin("udp_max_connections"), "nothing listens for UDP"));
  }
  plan.notes.push(...notes);
  for (const from of top.rest((name, value) => ANYWAY[name] === value)) {
    const name = from.directive.split(":")[0] ?? "";
    const why = name.startsWith("verbose")
      ? "log.level and log.access decide what is logged"
      : REASONS[name];
    plan.notes.push(unconverted(from, why ?? "shunt has no equivalent"));
  }
  return plan;
}

/** Adds the notes of a transport's entries if no listener has that transport. */
function reportUnheard(routing: Readonly<Record<Transport, Routing>>, plan: Plan): void {
  for (const transport of ["tcp", "udp"] as readonly Transport[]) {
    if (plan.listeners.some(({ transports }) => transports.includes(transport))) continue;
    const { routes, last } = routing[transport];
    plan.notes.push(...routes.flatMap(({ notes }) => notes), ...last);
  }
}
