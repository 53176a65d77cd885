/**
 * Checks what one value alone does not show: whether names exist, addresses collide, and keys have the other
 * keys that they need. Knows the meaning of keys; check_routes.ts compares routes with each other.
 *
 * @module
 */

import { boundHost, formatTarget, parseSocketAddress } from "../wire/address.ts";
import { checkHealth } from "./check_health.ts";
import { checkLoops } from "./check_loops.ts";
import { checkRoutes } from "./check_routes.ts";
import type { Draft, DraftListener, DraftUpstream } from "./draft.ts";
import { nameFault } from "./fields.ts";
import type { ProtocolInfo } from "../facts/mod.ts";
import type { Path } from "./problem.ts";
import type { Report } from "./report.ts";
import type { Config, Transport } from "./schema.ts";
import { formatDuration } from "./scalars.ts";
import { quote, thereAre } from "../wording.ts";

/** The transports by which routes lead to each upstream; an absent one is not used. */
type Reached = ReadonlyMap<string, ReadonlySet<Transport>>;

/** Checks listeners and upstreams against each other; `protocols` are those that shunt detects. */
export function checkDraft(
  draft: Draft,
  { report, protocols }: {
    readonly report: Report;
    readonly protocols: readonly ProtocolInfo[];
  },
): void {
  for (const { name, path } of [...draft.listeners, ...draft.upstreams]) {
    const wrong = nameFault(name);
    if (wrong === undefined) continue;
    report.error("bad_value", path, { message: wrong.fault, hint: wrong.hint, at: "key" });
  }
  checkBinds(draft.listeners, report);
  checkLoops(draft, report);
  const names = draft.upstreams.map(({ name }) => name);
  const known = new Set(names);
  const reached = new Map<string, Set<Transport>>();
  for (const listener of draft.listeners) {
    checkProxyProtocol(listener, report);
    const reachedBy = checkRoutes(listener, { report, protocols });
    listener.routes.forEach(({ path, upstream }, index) => {
      if (upstream === undefined) return;
      const meant = known.has(upstream)
        ? upstream
        : reportUnknownUpstream(upstream, { names, path, report });
      if (meant === undefined) return;
      const transports = reached.get(meant) ?? new Set();
      reachedBy[index]?.forEach((transport) => transports.add(transport));
      reached.set(meant, transports);
    });
  }
  const certain = draft.listeners.length > 0 &&
    draft.listeners.every(({ routes }) =>
      routes.length > 0 && routes.every(({ upstream }) => upstream !== undefined)
    );
  for (const upstream of draft.upstreams) {
    if (certain && !reached.has(upstream.name)) {
      const message = "No route uses this upstream";
      report.warning("unused", upstream.path, { message, at: "key" });
    }
    checkUpstream(upstream, { report, reached });
    checkHealth(upstream, { report, reachedBy: reached.get(upstream.name) });
  }
}

/** Checks `dns`. */
export function checkDns({ min_ttl, max_ttl }: Config["dns"], report: Report): void {
  if (min_ttl <= max_ttl) return;
  report.error("conflict", ["dns", "min_ttl"], {
    message: `Expected at most "max_ttl", which is ${formatDuration(max_ttl)}`,
    hint: "lower it or raise max_ttl",
  });
}

function reportUnknownUpstream(
  upstream: string,
  { names, path, report }: {
    readonly names: readonly string[];
    readonly path: Path;
    readonly report: Report;
  },
): string | undefined {
  const near = report.nearest(upstream, names);
  const others = names.length > 8 ? undefined : thereAre(names);
  const hint = near !== undefined ? `did you mean ${quote(near)}?` : others;
  const message = `Unknown upstream ${quote(upstream)}`;
  report.error("unknown_name", [...path, "upstream"], { message, hint });
  return near;
}

function checkProxyProtocol(
  { path, proxy_protocol, transports }: DraftListener,
  report: Report,
): void {
  if (proxy_protocol === undefined || proxy_protocol.accept === "off") return;
  const accept = [...path, "proxy_protocol", "accept"];
  if (proxy_protocol.trusted.length === 0) {
    report.error("missing", accept, {
      message: `${quote(proxy_protocol.accept)} needs "trusted"`,
      hint: 'list the networks that may send PROXY headers, or set "accept: off"',
    });
  }
  if (transports !== undefined && !transports.includes("tcp")) {
    report.warning("no_effect", accept, {
      message: "PROXY headers are accepted on TCP only, which the listener does not have",
      hint: 'remove it or add "tcp" to "transports"',
    });
  }
}

function checkUpstream(
  { name, path, targets = [], send_proxy_protocol }: DraftUpstream,
  { report, reached }: { readonly report: Report; readonly reached: Reached },
): void {
  const by = reached.get(name);
  const first = new Map<string, Path>();
  targets.forEach(({ address }, index) => {
    const text = formatTarget(address);
    // Paths differ by case, names do not.
    const target = address.kind === "inet" ? text.toLowerCase() : text;
    const here = [...path, "targets", index];
    const earlier = first.get(target);
    if (earlier === undefined) first.set(target, here);
    else {
      report.error("duplicate", here, {
        message: `Target ${quote(text)} appears twice; ` +
          `the first is ${report.refer(earlier)}`,
        hint: "remove one; a weight gives a target a greater share",
      });
    }
    if (address.kind !== "unix" || by === undefined || !by.has("udp")) return;
    if (by.has("tcp")) {
      report.warning("no_effect", here, {
        message: "Unix targets take TCP sessions only; UDP flows get the other targets or none",
        hint: "give UDP an upstream of its own",
      });
    } else {
      report.error("conflict", here, {
        message: "Unix targets take TCP sessions only, and only UDP flows reach this upstream",
        hint: "use a host and port",
      });
    }
  });
  if (send_proxy_protocol === "v1" && by?.has("udp")) {
    report.warning("no_effect", [...path, "send_proxy_protocol"], {
      message: '"v1" is for TCP sessions only; UDP flows get no header',
      hint: 'use "v2", or give UDP an upstream of its own',
    });
  }
}

/** One bound address. */
interface Bound {
  readonly text: string;
  readonly path: Path;
}

/** What is bound on one port. */
interface BoundPort {
  readonly hosts: Map<string, Bound>;
  /** The first of all, and the first on an IPv4 address: a wildcard collides with these. */
  first?: Bound;
  firstV4?: Bound;
}

/** Finds addresses that collide: a wildcard takes the port on every address, `::` on IPv4 too, as in the kernel. */
function checkBinds(listeners: readonly DraftListener[], report: Report): void {
  const ports = new Map<string, BoundPort>();
  for (const { bind = [], transports = [], path } of listeners) {
    bind.forEach((text, index) => {
      const address = parseSocketAddress(text);
      if (typeof address === "string" || address.port === 0) return;
      const host = boundHost(address.host);
      const bound = { text, path: [...path, "bind", index] };
      const taken: Transport[] = [];
      let earlier: Bound | undefined;
      for (const transport of transports) {
        const key = `${transport}:${address.port}`;
        const port = ports.get(key) ?? { hosts: new Map<string, Bound>() };
        ports.set(key, port);
        const found = findBound(port, host);
        if (found !== undefined) taken.push(transport);
        else addBound(port, host, bound);
        earlier ??= found;
      }
      if (earlier === undefined) return;
      report.error("conflict", bound.path, {
        message: `Address ${quote(text)} is taken (${taken.join(", ")}) by ${
          quote(earlier.text)
        } of ${report.refer(earlier.path)}`,
        hint: "bind each address and port once",
      });
    });
  }
}

function addBound(port: BoundPort, host: string, bound: Bound): void {
  port.hosts.set(host, bound);
  port.first ??= bound;
  if (!host.includes(":")) port.firstV4 ??= bound;
}

function findBound({ hosts, first, firstV4 }: BoundPort, host: string): Bound | undefined {
  if (host === "::") return hosts.get("::") ?? first;
  if (host === "0.0.0.0") return hosts.get(host) ?? hosts.get("::") ?? firstV4;
  const isV4 = !host.includes(":");
  return hosts.get(host) ?? hosts.get("::") ?? (isV4 ? hosts.get("0.0.0.0") : undefined);
}
