/**
 * Converts a `server` of nginx's stream module into listeners with routes. Knows which of its directives
 * shunt also has.
 *
 * @module
 */

import type { Transport } from "../config/schema.ts";
import { restrict } from "./nginx_access.ts";
import { type Listen, readListen } from "./nginx_listen.ts";
import type { Outcome } from "./nginx_entries.ts";
import { expand, Undecidable } from "./nginx_map.ts";
import { type Scope, settingOf, sizeOf, timeOf } from "./nginx_scope.ts";
import { type Directive, originOf } from "./nginx_syntax.ts";
import type { Upstreams } from "./nginx_upstream.ts";
import {
  type Item,
  type Names,
  type Note,
  type Origin,
  type Plan,
  type PlannedRoute,
  remark,
  type Setting,
  unconverted,
} from "./plan.ts";
import { LOOPBACK } from "./shared.ts";

/** Directives that shunt does not need if they have this value; `undefined` for any value. */
const ANYWAY: Readonly<Record<string, string | undefined>> = {
  tcp_nodelay: "on",
  proxy_ssl: "off",
  proxy_half_close: "on",
  ssl_preread: undefined,
  proxy_buffer_size: undefined,
  variables_hash_bucket_size: undefined,
  variables_hash_max_size: undefined,
  map_hash_bucket_size: undefined,
  map_hash_max_size: undefined,
};

const REASONS: Readonly<Record<string, string>> = {
  access_log: "log decides what is logged, for all listeners",
  log_format: "log.format is text or json",
  error_log: "the log goes to standard error",
  include: "put the file's text in its place and convert again",
  limit_conn: "see limits.per_source of a listener",
  limit_conn_zone: "see limits.per_source of a listener",
  proxy_bind: "send_proxy_protocol sends targets the client's address",
  proxy_ssl: "shunt encrypts nothing; a target that wants TLS will not understand clients",
  resolver: "shunt uses the resolver of the system",
  resolver_timeout: "shunt uses the resolver of the system",
  server_name: "shunt tells clients apart by routes",
};

/**
 * Notes why a directive of the stream module is not converted.
 *
 * @param directive The directive
 * @returns A note, or an empty list if shunt behaves the same anyway
 */
export function noteUnconverted(directive: Directive): Note[] {
  const { name, args } = directive;
  if (Object.hasOwn(ANYWAY, name)) {
    const value = ANYWAY[name];
    if (value === undefined || value === args[0]) return [];
  }
  const known = Object.hasOwn(REASONS, name) ? REASONS[name] : undefined;
  return [unconverted(originOf(directive), known ?? "shunt has no equivalent")];
}

/** The context that servers share. */
export interface Shared {
  readonly plan: Plan;
  readonly maps: ReadonlyMap<string, Directive>;
  readonly upstreams: Upstreams;
  /** The directives in force for the server. */
  readonly scope: Scope;
  /** Names of listeners. */
  readonly names: Names;
}

/**
 * Reads a server.
 *
 * @param server The block
 * @param shared The plan for its listeners, and its context
 */
export function readServer(
  server: Directive,
  { plan, maps, upstreams, scope, names }: Shared,
): void {
  const from = { ...originOf(server), directive: "server { … }" };
  const listen = scope.all("listen");
  const pass = scope.one("proxy_pass");
  if (listen.some(({ args }) => args.slice(1).includes("ssl"))) {
    plan.notes.push(unconverted(from, "it terminates TLS, and shunt decrypts nothing"));
    return;
  }
  if (pass === undefined) {
    plan.notes.push(unconverted(from, "it has no proxy_pass"));
    return;
  }
  let outcomes: Outcome[];
  try {
    outcomes = expand(pass.args[0] ?? "", { maps, from: originOf(pass) });
  } catch (error) {
    if (!(error instanceof Undecidable)) throw error;
    plan.notes.push(
      unconverted(from, "its proxy_pass cannot be decided"),
      unconverted(originOf(pass), error.message),
    );
    return;
  }
  const notes: Note[] = [];
  const preread = scope.on("ssl_preread");
  const access = scope.all("allow", "deny");
  const groups = readListen(listen, notes);
  if (groups.length === 0) plan.notes.push(...notes, unconverted(from, "it listens nowhere"));
  for (const [index, group] of groups.entries()) {
    const settings = upstreamSettings(scope, { transport: group.transport, from, notes });
    const decided = preread && group.transport === "tcp" ? outcomes : outcomes.filter(takesRest);
    if (decided.length < outcomes.length) {
      const what = group.transport === "udp" ? "nginx prereads TCP only" : "ssl_preread is off";
      notes.push(remark(originOf(pass), `${what}, so the rest of the map takes everything`));
    }
    const routes = routesOf(decided, { upstreams, settings, transport: group.transport });
    const builtin = group.transport === "tcp" ? "reset" : "discard";
    const restricted = restrict(routes, {
      directives: access,
      notes,
      reject: (from) => upstreams.reject(builtin, from),
    });
    const port = /[0-9]+$/.exec(group.bind[0]?.value ?? "")?.[0] ?? "";
    // Done before the notes are joined, since it adds some.
    const own = listenerSettings(scope, { group, detects: decided.some(detects) });
    plan.listeners.push({
      name: names.free(`${group.transport}-${port}`),
      notes: [...(index === 0 ? notes : []), ...group.notes],
      bind: [...group.bind],
      transports: [group.transport],
      settings: own,
      routes: restricted,
      last: [],
      from,
    });
  }
  const listener = plan.listeners.at(-1);
  for (const directive of scope.rest()) {
    (listener?.notes ?? plan.notes).push(...noteUnconverted(directive));
  }
}

function takesRest({ match }: Outcome): boolean {
  return Object.keys(match).length === 0;
}

function detects(outcome: Outcome): boolean {
  return !takesRest(outcome);
}

function routesOf(
  outcomes: readonly Outcome[],
  { upstreams, settings, transport }: {
    readonly upstreams: Upstreams;
    readonly settings: readonly Setting[];
    readonly transport: Transport;
  },
): PlannedRoute[] {
  const routes: PlannedRoute[] = [];
  // nginx closes if it finds no target. At the end the lack of a route does that, before the end a built-in
  // target.
  const end = outcomes.findLastIndex(({ value }) => value !== undefined);
  let pending: Note[] = [];
  for (const [index, { match, value, from, notes }] of outcomes.entries()) {
    pending.push(...notes);
    if (index > end) continue;
    const upstream = value === undefined
      ? upstreams.reject(transport === "tcp" ? "reset" : "discard", from)
      : upstreams.plan(value, { from, settings });
    const last = routes.at(-1);
    const own = Object.fromEntries(
      Object.entries(match).map(([key, items]) => [key, [...items]]),
    ) as PlannedRoute["match"];
    const joinable = last?.upstream === upstream && last.match.sni !== undefined &&
      own.sni !== undefined && last.match.alpn === undefined && own.alpn === undefined;
    if (joinable) {
      last.match.sni?.push(...own.sni as Item<string>[]);
      last.notes.push(...pending);
    } else routes.push({ notes: pending, match: own, upstream, from });
    pending = [];
  }
  routes.at(-1)?.notes.push(...pending);
  return routes;
}

function listenerSettings(
  scope: Scope,
  { group, detects }: { readonly group: Listen; readonly detects: boolean },
): Setting[] {
  const settings: Setting[] = [];
  const timeout = scope.one("preread_timeout");
  const size = scope.one("preread_buffer_size");
  if (detects) {
    const from = group.bind[0]?.from ?? { line: 0, directive: "listen" };
    // nginx closes clients that do not speak within 30 s.
    const timeouts = settingOf(timeout, { path: ["detect", "timeout"], read: timeOf });
    const otherwise = { path: ["detect", "timeout"], value: "30s", from };
    settings.push(...(timeouts.length > 0 ? timeouts : [otherwise]));
    settings.push({ path: ["detect", "on_timeout"], value: "close", from });
    settings.push(...settingOf(size, { path: ["detect", "max_bytes"], read: sizeOf }));
  }
  if (!group.proxied) return settings;
  const trusted = scope.all("set_real_ip_from");
  const [first] = group.bind;
  const from: Origin = trusted[0] === undefined
    ? first?.from ?? { line: 0, directive: "listen" }
    : originOf(trusted[0]);
  settings.push({ path: ["proxy_protocol", "accept"], value: "required", from });
  const networks = trusted.map(({ args }) => args[0] ?? "");
  settings.push({
    path: ["proxy_protocol", "trusted"],
    value: networks.length > 0 ? networks : LOOPBACK,
    from,
  });
  if (networks.length === 0) {
    const why = "nginx takes PROXY headers from anyone; list the senders in trusted";
    group.notes.push(unconverted(from, why));
  }
  return settings;
}

function upstreamSettings(
  scope: Scope,
  { transport, from, notes }: {
    readonly transport: Transport;
    readonly from: Origin;
    readonly notes: Note[];
  },
): Setting[] {
  const settings = [
    ...settingOf(scope.one("proxy_connect_timeout"), { path: ["connect_timeout"], read: timeOf }),
    ...settingOf(scope.one("proxy_timeout"), { path: ["idle_timeout"], read: timeOf }),
  ];
  if (transport === "udp" && !settings.some(({ path }) => path[0] === "idle_timeout")) {
    // nginx keeps a silent UDP client for 10 minutes, shunt for 30 s.
    settings.push({ path: ["idle_timeout"], value: "10m", from });
  }
  const header = scope.one("proxy_protocol");
  if (header?.args[0] === "on") {
    const from = originOf(header);
    if (transport === "tcp") settings.push({ path: ["send_proxy_protocol"], value: "v1", from });
    else notes.push(unconverted(from, "its header is version 1, which shunt sends by TCP only"));
  }
  const tries = scope.one("proxy_next_upstream_tries");
  const off = scope.one("proxy_next_upstream");
  if (off?.args[0] === "off") {
    settings.push({ path: ["retries"], value: 0, from: originOf(off) });
  } else if (tries !== undefined && /^[1-9][0-9]?$/.test(tries.args[0] ?? "")) {
    const value = Number(tries.args[0]) - 1;
    settings.push({ path: ["retries"], value, from: originOf(tries) });
  }
  return settings;
}
