/**
 * The cost of choosing a route and a target, once per session and flow, in addition to about 70 µs for a
 * new connection.
 *
 * @module
 */

import { type Balance, type RouteConfig, UpstreamSchema } from "../src/config/schema.ts";
import { Limits } from "../src/manage/limits/limits.ts";
import { AddressSet } from "../src/facts/networks.ts";
import { hashClient } from "../src/resolve/hash.ts";
import { maglevTable } from "../src/resolve/maglev.ts";
import { NameSet } from "../src/facts/host_names.ts";
import { Router } from "../src/resolve/router.ts";
import { Upstream } from "../src/resolve/upstream.ts";

const PROTOCOLS = [
  { name: "tls", transports: ["tcp"] },
  { name: "ssh", transports: ["tcp"] },
  { name: "quic", transports: ["udp"] },
] as const;

/** Keeps results alive, so that nothing is optimised away. */
const sink: { last?: unknown } = {};

function tlsRoutes(count: number): RouteConfig[] {
  return Array.from({ length: count }, (_, i) => ({
    match: { protocol: ["tls"], sni: [`*.site${i}.example`, `site${i}.example`] },
    upstream: "web",
  }));
}

for (const count of [1, 10, 100, 1_000]) {
  const router = new Router({ routes: tlsRoutes(count) }, { protocols: PROTOCOLS });
  const seen = {
    transport: "tcp",
    protocol: "tls",
    sni: `www.site${count - 1}.example`,
    source: "192.0.2.1",
  } as const;
  Deno.bench(`match: the last of ${count} routes by sni`, () => {
    sink.last = router.match(seen);
  });
}

const guarded = new Router(
  { routes: [{ match: { source: ["10.0.0.0/8"], protocol: ["ssh"] }, upstream: "a" }] },
  { protocols: PROTOCOLS },
);
Deno.bench("needs: a route with a source", () => {
  sink.last = guarded.needs("tcp", "10.1.2.3");
});

const names = new NameSet(Array.from({ length: 1_000 }, (_, i) => `*.site${i}.example`));
Deno.bench("names: one of 1,000 suffixes", () => {
  sink.last = names.has("a.b.c.site777.example");
});

const networks = new AddressSet(["10.0.0.0/8", "192.168.0.0/16", "2001:db8::/32"]);
Deno.bench("source: IPv4 in three networks", () => {
  sink.last = networks.has("192.168.17.4");
});
Deno.bench("source: IPv6 in three networks", () => {
  sink.last = networks.has("2001:db8:1:2:3:4:5:6");
});

function upstream(balance: Balance, count: number): Upstream {
  const defaults = UpstreamSchema.parse({ targets: ["builtin:echo"] });
  return new Upstream("web", {
    ...defaults,
    targets: Array.from({ length: count }, (_, i) => ({
      address: { kind: "inet", host: `10.0.0.${i + 1}`, port: 80 },
      weight: 1 + i % 3,
      backup: false,
    })),
    balance,
    limits: { sessions_per_target: 1_000 },
    health: { ...defaults.health, eject_after: 0 },
  });
}

const client = { host: "203.0.113.77", port: 40_000 };
Deno.bench("hash: an IPv4 client", () => {
  sink.last = hashClient(client.host);
});
for (
  const balance of [
    "first",
    "random",
    "round_robin",
    "least_sessions",
    "source_ip",
    "source_socket",
    "maglev",
  ] as const
) {
  const web = upstream(balance, 10);
  Deno.bench(`pick: ${balance} of 10 targets`, () => {
    sink.last = web.pick(client);
  });
}

const hundred = upstream("maglev", 100).targets;
Deno.bench("maglev: the table of 100 targets", () => {
  sink.last = maglevTable(hundred);
});

const open = { sessions: 1_000_000, flows: 1_000_000, per_source: 0, new_per_source: 0 };
const variants = [
  ["without sources", open],
  ["with per_source", { ...open, per_source: 10 }],
  ["with per_source and new_per_source", { ...open, per_source: 10, new_per_source: 1_000_000 }],
] as const;
for (const [what, config] of variants) {
  const limits = new Limits(config, { now: () => 0 });
  Deno.bench(`limits: admit and release ${what}`, () => {
    sink.last = limits.admit("session", client.host);
    limits.release("session", client.host);
  });
}
