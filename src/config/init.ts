/**
 * The configuration that `shunt init` prints: short, commented and ready to be changed. A test checks
 * that it is legal.
 *
 * @module
 */

import { FACT_NAMES } from "../facts/mod.ts";

const STARTING_CONFIG =
  `# A starting configuration for shunt. Fill in your names and addresses, then:
#   shunt check -c config.yaml     every error and warning, with its line
#   shunt run -c config.yaml

listeners:
  # A listener is a set of addresses with routes. You choose the name; it appears in logs.
  edge:
    bind: "0.0.0.0:8448" # or a list: ["0.0.0.0:8448", "192.0.2.1:443"]; port 0 is any free one
    # transports: [tcp, udp]
    # detect:
    #   timeout: 3s # how long to wait for a client's first bytes
    #   on_timeout: fallthrough # or close
    # limits:
    #   sessions: 10000 # TCP
    #   flows: 20000 # UDP
    #   unanswered_flow_timeout: 5s # for flows of a single, unanswered datagram
    #   per_source: auto # sessions and flows of one source address: 2000 here; 0 = no limit
    #   new_per_source: 0/s

    # The first route that matches wins. All conditions of "match" must hold; a list holds if any of
    # its elements does. Conditions: protocol, ${FACT_NAMES.join(", ")}, source.
    routes:
      - match: { protocol: tls, sni: [example.com, "*.example.com"] }
        upstream: web
      - match: { protocol: http, host: [example.com, "*.example.com"] }
        upstream: web-plain
      - match: { protocol: quic, sni: [example.com, "*.example.com"] }
        upstream: web
      - match: { protocol: ssh, source: [10.0.0.0/8, 192.168.0.0/16] }
        upstream: bastion
      - match: { protocol: wireguard }
        upstream: vpn
      # A route without "match" takes everything left; without one, the rest is closed or dropped.
      # - upstream: fallback

upstreams:
  # An upstream is a group of targets: host:port, [v6]:port, unix:PATH or builtin:NAME, where NAME
  # is hello, echo, discard or reset.
  web:
    targets:
      - 10.0.0.5:443
      - { address: web.internal:443, weight: 3 }
    # balance: round_robin # first, random, least_sessions, source_ip, source_socket, maglev
    # connect_timeout: 5s
    # retries: 2 # how many other targets to try if connecting fails
    # send_proxy_protocol: off # v1 or v2 send the client's address to the target
    # idle_timeout: 1h # unset: 1h for sessions, 30s for flows
    # health:
    #   interval: 0s # active checks; 0s = none
    #   probe: tcp # tls, http
    #   eject_after: 5 # failures of real traffic in a row that take a target out; 0 = never
  web-plain:
    targets: [10.0.0.5:80]
  bastion:
    targets: [10.0.0.3:22]
  vpn:
    targets: [10.0.0.4:51820]
    idle_timeout: 3m # WireGuard keeps a key for that long

# log: { level: info, format: text, access: true }
# drain_timeout: 30s
`;

/** Returns the configuration to start from, as YAML. */
export function startingConfig(): string {
  return STARTING_CONFIG;
}
