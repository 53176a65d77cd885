import { PROTOCOLS } from "../../../src/detect/mod.ts";
import {
  testCases,
  UPSTREAMS,
  withBind,
  withListener,
  withMatches,
  withRoutes,
  withTop,
  withUpstream,
} from "./_table.ts";

testCases([
  {
    name: "an upstream that is nearly one",
    yaml: withRoutes("      - { upstream: wbe }"),
    lines: [
      'c.yaml:5:21: error: listeners.edge.routes[0].upstream: Unknown upstream "wbe"; did you mean "web"?',
    ],
  },
  {
    name: "an upstream like no other",
    yaml: withRoutes(
      "      - { match: { protocol: ssh }, upstream: bastion }\n      - { upstream: web }",
    ),
    lines: [
      'c.yaml:5:47: error: listeners.edge.routes[0].upstream: Unknown upstream "bastion"; there is "web"',
    ],
  },
  {
    name: "an upstream of Object.prototype",
    yaml: withRoutes(
      "      - { match: { protocol: ssh }, upstream: constructor }\n      - { upstream: web }",
    ),
    lines: [
      'c.yaml:5:47: error: listeners.edge.routes[0].upstream: Unknown upstream "constructor"; there is "web"',
    ],
  },
  {
    name: "an upstream that is a number",
    yaml: withRoutes("      - { upstream: 1 }").replace("web:", "1:"),
    lines: [
      "c.yaml:5:21: error: listeners.edge.routes[0].upstream: Expected a name, got 1; put it in quotes if it is one",
    ],
  },
  {
    name: "a protocol that is nearly one",
    yaml: withMatches("{ protocol: [http, wiregard] }", "{ protocol: SSH }"),
    lines: [
      'c.yaml:5:37: error: listeners.edge.routes[0].match.protocol[1]: Unknown protocol "wiregard"; did you mean "wireguard"?',
      'c.yaml:6:30: error: listeners.edge.routes[1].match.protocol: Unknown protocol "SSH"; did you mean "ssh"?',
    ],
  },
  {
    name: "a protocol like no other",
    yaml: withMatches("{ protocol: [tls, ftp] }"),
    lines: [
      `c.yaml:5:36: error: listeners.edge.routes[0].match.protocol[1]: Unknown protocol "ftp"; there are ${
        PROTOCOLS.map(({ name }) => `"${name}"`).join(", ")
      }, "unknown" and "silent"`,
    ],
  },
  {
    name: "an upstream that no route uses",
    yaml: withRoutes("      - { upstream: web }") + "  spare: { targets: [10.0.0.6:443] }\n",
    lines: [
      "c.yaml:8:3: warning: upstreams.spare: No route uses this upstream",
    ],
  },
  {
    name: "a target that stands twice",
    yaml: withUpstream(
      "    targets:\n      - web.internal:443\n      - 10.0.0.5:443\n      - { address: Web.internal:443, weight: 2 }",
    ),
    lines: [
      'c.yaml:8:9: error: upstreams.web.targets[2]: Target "Web.internal:443" appears twice; the first is upstreams.web.targets[0] (line 6); remove one; a weight gives a target a greater share',
    ],
  },
  {
    name: "the same address bound twice",
    yaml:
      `listeners:\n  a: { bind: "127.0.0.1:80", routes: [{ upstream: web }] }\n  b: { bind: localhost:80, transports: udp, routes: [{ upstream: web }] }\n${UPSTREAMS}`,
    lines: [
      'c.yaml:3:14: error: listeners.b.bind: Address "localhost:80" is taken (udp) by "127.0.0.1:80" of listeners.a.bind (line 2); bind each address and port once',
    ],
  },
  {
    name: "the same address bound twice by one listener",
    yaml: withBind('["[::1]:80", "[0::1]:80"]'),
    lines: [
      'c.yaml:3:24: error: listeners.edge.bind[1]: Address "[0::1]:80" is taken (tcp, udp) by "[::1]:80" of listeners.edge.bind[0] (line 3); bind each address and port once',
    ],
  },
  {
    name: "an address in IPv4's and in IPv6's spelling",
    yaml: withBind('["127.0.0.1:80", "[::ffff:7f00:1]:80"]'),
    lines: [
      'c.yaml:3:28: error: listeners.edge.bind[1]: Address "[::ffff:7f00:1]:80" is taken (tcp, udp) by "127.0.0.1:80" of listeners.edge.bind[0] (line 3); bind each address and port once',
    ],
  },
  {
    name: "an address that a wildcard has",
    yaml:
      `listeners:\n  a: { bind: "0.0.0.0:80", routes: [{ upstream: web }] }\n  b: { bind: 192.0.2.1:80, routes: [{ upstream: web }] }\n${UPSTREAMS}`,
    lines: [
      'c.yaml:3:14: error: listeners.b.bind: Address "192.0.2.1:80" is taken (tcp, udp) by "0.0.0.0:80" of listeners.a.bind (line 2); bind each address and port once',
    ],
  },
  {
    name: "a wildcard after an address",
    yaml:
      `listeners:\n  a: { bind: "192.0.2.1:80", transports: tcp, routes: [{ upstream: web }] }\n  b: { bind: "[::]:80", routes: [{ upstream: web }] }\n${UPSTREAMS}`,
    lines: [
      'c.yaml:3:14: error: listeners.b.bind: Address "[::]:80" is taken (tcp) by "192.0.2.1:80" of listeners.a.bind (line 2); bind each address and port once',
    ],
  },
  {
    name: "both wildcards",
    yaml: withBind('["0.0.0.0:80", "[::]:80"]'),
    lines: [
      'c.yaml:3:26: error: listeners.edge.bind[1]: Address "[::]:80" is taken (tcp, udp) by "0.0.0.0:80" of listeners.edge.bind[0] (line 3); bind each address and port once',
    ],
  },
  {
    name: "PROXY headers that no peer may send",
    yaml: withListener("    proxy_protocol: { accept: required }"),
    lines: [
      'c.yaml:5:31: error: listeners.edge.proxy_protocol.accept: "required" needs "trusted"; list the networks that may send PROXY headers, or set "accept: off"',
    ],
  },
  {
    name: "PROXY headers on UDP",
    yaml: withListener(
      "    proxy_protocol: { accept: optional, trusted: 10.0.0.0/8 }\n    transports: udp",
    ),
    lines: [
      'c.yaml:5:31: warning: listeners.edge.proxy_protocol.accept: PROXY headers are accepted on TCP only, which the listener does not have; remove it or add "tcp" to "transports"',
    ],
  },
  {
    name: "TTLs the wrong way round",
    yaml: withTop("dns: { min_ttl: 2h }"),
    lines: [
      'c.yaml:1:17: error: dns.min_ttl: Expected at most "max_ttl", which is 1h; lower it or raise max_ttl',
    ],
  },
  {
    name: "checks more often than ticks",
    yaml: withUpstream(
      "    targets: [10.0.0.5:443]\n    health: { interval: 50ms, timeout: 10ms }",
    ),
    lines: [
      'c.yaml:6:25: error: upstreams.web.health.interval: Expected 0s or at least 100ms, got "50ms"',
    ],
  },
  {
    name: "the keys of checks that are off",
    yaml: withUpstream(
      "    targets: [10.0.0.5:443]\n    health: { timeout: 1s, probe: http, rise: 1, fall: 1 }",
    ),
    lines: [
      "c.yaml:6:24: warning: upstreams.web.health.timeout: No checks are made while interval is 0s; set an interval, or remove this",
      "c.yaml:6:35: warning: upstreams.web.health.probe: No checks are made while interval is 0s; set an interval, or remove this",
      "c.yaml:6:47: warning: upstreams.web.health.rise: No checks are made while interval is 0s; set an interval, or remove this",
      "c.yaml:6:56: warning: upstreams.web.health.fall: No checks are made while interval is 0s; set an interval, or remove this",
    ],
  },
  {
    name: "checks longer than their interval",
    yaml: withUpstream("    targets: [10.0.0.5:443]\n    health: { interval: 1s, timeout: 3s }"),
    lines: [
      "c.yaml:6:38: warning: upstreams.web.health.timeout: A check may take longer than the interval, which is 1s; the next one waits for it; lower it or raise the interval",
    ],
  },
  {
    name: "ejection for a time that never begins",
    yaml: withUpstream(
      "    targets: [10.0.0.5:443]\n    health: { eject_after: 0, eject_for: 1m }",
    ),
    lines: [
      "c.yaml:6:42: warning: upstreams.web.health.eject_for: Nothing is ejected while eject_after is 0; remove it",
    ],
  },
  {
    name: "a slow start of what never goes",
    yaml: withUpstream(
      "    targets: [10.0.0.5:443]\n    health: { eject_after: 0, slow_start: 1m }",
    ),
    lines: [
      "c.yaml:6:43: warning: upstreams.web.health.slow_start: Without checks or ejection, no target ever comes back; remove it",
    ],
  },
  {
    name: "a slow start where clients stay",
    yaml: withUpstream(
      "    targets: [10.0.0.5:443]\n    health: { slow_start: 1m }\n    balance: maglev",
    ),
    lines: [
      'c.yaml:6:27: warning: upstreams.web.health.slow_start: It has no effect with balance "maglev"; remove it',
    ],
  },
  {
    name: "checks of built-in targets",
    yaml: withUpstream('    targets: ["builtin:echo"]\n    health: { interval: 5s }'),
    lines: [
      "c.yaml:6:25: warning: upstreams.web.health.interval: Built-in targets are not checked; remove it",
    ],
  },
  {
    name: "checks by TCP of a target that only UDP reaches",
    yaml: withUpstream("    targets: [10.0.0.5:443]\n    health: { interval: 5s }").replace(
      '"127.0.0.1:80",',
      '"127.0.0.1:80", transports: udp,',
    ),
    lines: [
      "c.yaml:6:25: warning: upstreams.web.health.interval: Checks connect by TCP, and only UDP flows reach this upstream; remove it unless the targets listen on TCP too",
    ],
  },
  {
    name: "a target that is its own listener by a wildcard",
    yaml: withUpstream('    targets: ["0.0.0.0:80", "[::]:80"]'),
    lines: [
      'c.yaml:5:15: warning: upstreams.web.targets[0]: Target "0.0.0.0:80" is listener "edge", whose sessions come back to "edge": they go round until a limit stops them; name another target, or see that its routes lead elsewhere',
    ],
  },
  {
    name: "a target that is its own listener",
    yaml: withUpstream('    targets: ["127.0.0.1:80"]'),
    lines: [
      'c.yaml:5:15: warning: upstreams.web.targets[0]: Target "127.0.0.1:80" is listener "edge", whose sessions come back to "edge": they go round until a limit stops them; name another target, or see that its routes lead elsewhere',
    ],
  },
]);
