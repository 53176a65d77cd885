/**
 * shunt's configuration during a soak: each round of reloads has another. Knows ports, not processes.
 *
 * @module
 */

import { ATTACKERS } from "./attacks.ts";
import type { TargetPorts } from "./records.ts";

/** The targets: `a` and `b` live all the time, `c` and `d` are killed now and then. */
export type Targets = Readonly<Record<"a" | "b" | "c" | "d", TargetPorts>>;

/** Nothing listens on port 1 of loopback. */
const DEAD = ["127.0.0.1:1", "127.0.0.2:1"];

/** What stays the same over all rounds. */
export interface ConfigParts {
  readonly targets: Targets;
  readonly io: string;
  readonly workers: string;
}

/**
 * Writes the configuration of a round.
 *
 * @param parts What stays the same
 * @param round Which round; it changes limits, a balancer, targets and listeners
 * @returns YAML
 */
export function configText({ targets, io, workers }: ConfigParts, round: number): string {
  const at = (names: string, what: keyof TargetPorts) =>
    [...names].map((name) => `127.0.0.1:${targets[name as keyof Targets][what]}`);
  const list = (addresses: readonly string[]) => JSON.stringify(addresses);
  const moving = ["a", "ab", "b"][round % 3]!;
  const extra =
    "  extra: { bind: 127.0.0.1:0, transports: tcp, limits: { sessions: 500, per_source: 0 }, routes: [{ upstream: raw }] }\n";
  const plain = (name: string, transports: string, upstream: string) =>
    `  ${name}: { bind: 127.0.0.1:0, transports: ${transports}, limits: { sessions: 500, flows: 500, per_source: 0 }, routes: [{ upstream: ${upstream} }] }`;
  return `# Round ${round}
listeners:
  edge:
    bind: 127.0.0.1:0
    # A client that the machine keeps waiting is not a silent one.
    detect: { timeout: 20s }
    limits: { sessions: ${1000 + round % 7}, per_source: 0 }
    routes:
      - match: { protocol: tls, sni: "*.tls.soak.test" }
        upstream: tls
      - match: { protocol: tls, sni: "*.one.example" }
        upstream: hellos
      - match: { protocol: http, host: "*.web.soak.test" }
        upstream: web
      - match: { protocol: ssh }
        upstream: ssh
      - match: { protocol: wireguard }
        upstream: flows
      - upstream: raw
  quiet:
    bind: 127.0.0.1:0
    transports: tcp
    limits: { sessions: 500, per_source: 0 }
    detect: { timeout: 1s }
    routes: [{ match: { protocol: silent }, upstream: ssh }]
${plain("first", "tcp", "ssh")}
${plain("retry", "tcp", "half")}
${plain("flaky", "tcp", "flaky")}
${plain("faulty", "tcp", "faulty")}
${plain("stuck", "tcp", "stuck")}
${plain("dead", "tcp", "dead")}
  strict:
    bind: 127.0.0.1:0
    transports: tcp
    limits: { sessions: 500, per_source: 0 }
    detect: { timeout: 1s }
    routes: [{ match: { protocol: tls, sni: only.soak.test }, upstream: tls }]
  proxied:
    bind: 127.0.0.1:0
    transports: tcp
    limits: { sessions: 500 }
    proxy_protocol: { accept: required, trusted: [${ATTACKERS}0.0/16] }
    routes: [{ upstream: raw }]
  datagrams:
    bind: 127.0.0.1:0
    transports: udp
    routes:
      # Attackers press on shunt's table of flows; the queue of an honest target is not what is tried.
      - match: { source: ${ATTACKERS}0.0/16 }
        upstream: mute
      - upstream: flows
  mute: { bind: 127.0.0.1:0, transports: udp, routes: [{ upstream: mute }] }
${plain("moving", "udp", "moving")}
${plain("shaky", "udp", "shaky")}
${round % 4 === 1 ? extra : ""}upstreams:
  raw: { targets: ${list(at("ab", "raw"))} }
  tls: { targets: ${list(at("ab", "tls"))}, balance: source_socket }
  web: { targets: ${list(at("ab", "http"))}, balance: ${
    round % 2 === 0 ? "round_robin" : "least_sessions"
  } }
  ssh: { targets: ${list(at("ab", "ssh"))} }
  half: { targets: ${list([DEAD[0]!, ...at("a", "raw")])} }
  flaky: { targets: ${list(at("acd", "raw"))}, health: { interval: 500ms, timeout: 500ms } }
  faulty: { targets: ${list(at("ab", "reset"))} }
  stuck: { targets: ${list(at("ab", "raw"))} }
  dead: { targets: ${list(DEAD)} }
  hellos: { targets: ["builtin:echo"] }
  mute: { targets: ["builtin:discard"] }
  flows: { targets: ${list(at("ab", "udp"))}, idle_timeout: 2s }
  moving: { targets: ${list(at(moving, "udp"))}, idle_timeout: 2s }
  shaky: { targets: ${list(at("cd", "udp"))}, idle_timeout: 2s }
# Pools fill up within minutes: memory that grows afterwards is a leak.
limits: { relay_memory: 16MiB }
workers: ${workers}
io: ${io}
admin: { bind: "127.0.0.1:0" }
log: { format: json, access_rate: 0/s }
drain_timeout: 20s
`;
}

/** A configuration that must not be taken. */
export const BROKEN = "listeners: { edge: { bind: nowhere, routes: [{ upstream: none }] } }\n";
