/**
 * Reads the routes of an sslh configuration. Knows the order in which sslh decides; sslh_match.ts converts
 * a probe.
 *
 * @module
 */

import type { Transport } from "../config/schema.ts";
import {
  inSeconds,
  Names,
  type Note,
  type Plan,
  type PlannedMatch,
  type PlannedRoute,
  type PlannedUpstream,
  type Setting,
  unconverted,
} from "./plan.ts";
import { hostAndPort, portNumber, unbracket } from "./shared.ts";
import { leftOver, type SslhGroup } from "./sslh_group.ts";
import { type Probe, readProbe } from "./sslh_match.ts";

/** The routes of one transport. */
export interface Routing {
  readonly routes: readonly PlannedRoute[];
  /** Notes after the last route. */
  readonly last: readonly Note[];
}

/** An entry of `protocols`. */
interface Entry {
  readonly name: string;
  readonly transport: Transport;
  readonly probe: Probe;
  readonly upstream: PlannedUpstream;
}

/**
 * Reads the routes.
 *
 * @param groups The entries of `protocols`
 * @param options The plan for the upstreams, and the name in `on-timeout`
 * @returns The routes by transport
 */
export function readRoutes(
  groups: readonly SslhGroup[],
  { plan, onTimeout }: { readonly plan: Plan; readonly onTimeout: string },
): Readonly<Record<Transport, Routing>> {
  const taken: PlannedUpstream[] = [];
  const names = new Names();
  const entries = groups.map((group): Entry => {
    const name = group.text("name") ?? "";
    const transport = group.flag("is_udp") ? "udp" : "tcp";
    const probe = readProbe(name, { group, transport });
    const upstream = planUpstream(name, { group, names });
    taken.push(upstream);
    return { name, transport, probe, upstream };
  });
  const silent = entries.find(({ name }) => name === onTimeout) ?? entries[0];
  const routing = {
    tcp: routeTransport(entries.filter(({ transport }) => transport === "tcp"), silent),
    udp: routeTransport(entries.filter(({ transport }) => transport === "udp")),
  };
  const used = new Set(
    [routing.tcp, routing.udp].flatMap(({ routes }) => routes.map(({ upstream }) => upstream)),
  );
  plan.upstreams.push(...taken.filter(({ name }) => used.has(name)));
  return routing;
}

/**
 * sslh asks its probes in order, and passes what none of them recognises to the last entry. A silent client
 * goes to the entry that `on-timeout` names, else to the first.
 */
function routeTransport(entries: readonly Entry[], silent?: Entry): Routing {
  const routes: PlannedRoute[] = [];
  const notes: Note[] = [];
  const add = ({ upstream }: Entry, match: PlannedMatch): void => {
    routes.push({ notes: notes.splice(0), match, upstream: upstream.name, from: upstream.from });
  };
  const found = entries.findIndex(({ probe }) => probe.kind === "all");
  const end = found < 0 ? entries.length - 1 : found;
  for (const [index, entry] of entries.entries()) {
    const { probe, upstream } = entry;
    notes.push(...probe.notes);
    if (index > end) {
      if (entry !== silent) {
        notes.push(unconverted(upstream.from, "an entry before it takes everything"));
      }
      continue;
    }
    if (probe.kind === "some") add(entry, probe.match);
    else if (probe.kind === "unknown") {
      const rest = index === end ? "; as the last entry it takes the rest" : "";
      notes.push(unconverted(upstream.from, `${probe.why}${rest}`));
      if (index < end) notes.push(...upstream.notes);
    }
    if (index < end) continue;
    if (silent !== undefined && silent !== entry) {
      add(silent, { protocol: [{ value: "silent", from: silent.upstream.from }] });
    }
    add(entry, {});
  }
  return { routes, last: notes };
}

function planUpstream(
  name: string,
  { group, names }: { readonly group: SslhGroup; readonly names: Names },
): PlannedUpstream {
  const host = group.text("host") ?? "";
  const port = portNumber(group.text("port") ?? "");
  const address = group.flag("is_unix") ? `unix:${host}` : hostAndPort(unbracket(host), port);
  const settings: Setting[] = [];
  const add = (key: string, { path, value }: Omit<Setting, "from">): void => {
    settings.push({ path, value, from: group.origin(key) });
  };
  const version = group.number("proxyprotocol");
  if (version !== undefined) {
    add("proxyprotocol", { path: ["send_proxy_protocol"], value: `v${version}` });
  }
  const idle = group.number("udp_timeout");
  if (group.flag("is_udp")) {
    // By default sslh forgets UDP clients after 60 s, shunt after 30 s.
    add("udp_timeout", { path: ["idle_timeout"], value: inSeconds(idle ?? 60) });
  }
  const sessions = group.number("max_connections");
  if (sessions !== undefined) {
    add("max_connections", { path: ["limits", "sessions_per_target"], value: sessions });
  }
  const from = { line: group.own.line, directive: `name: ${name}` };
  return {
    name: names.free(name),
    notes: leftOver(group),
    targets: [{ value: { address }, from }],
    settings,
    from,
  };
}
