import { testCases, withListener, withUpstream } from "./_table.ts";

testCases([
  {
    name: "no routes",
    yaml: withListener("").replace("[{ upstream: web }]", "[]"),
    lines: [
      "c.yaml:4:13: error: listeners.edge.routes: Expected at least one element, got none",
    ],
  },
  {
    name: "no targets",
    yaml: withUpstream("    targets: []"),
    lines: [
      "c.yaml:5:14: error: upstreams.web.targets: Expected at least one element, got none",
    ],
  },
  {
    name: "targets that are a scalar",
    yaml: withUpstream("    targets: 10.0.0.5:443"),
    lines: [
      'c.yaml:5:14: error: upstreams.web.targets: Expected a list, got "10.0.0.5:443"',
    ],
  },
  {
    name: "a target that is a number",
    yaml: withUpstream("    targets: [443]"),
    lines: [
      'c.yaml:5:15: error: upstreams.web.targets[0]: Expected an address such as "10.0.0.5:443" or a map with "address", got 443',
    ],
  },
  {
    name: "a target without a port",
    yaml: withUpstream("    targets: [10.0.0.5]"),
    lines: [
      'c.yaml:5:15: error: upstreams.web.targets[0]: Cannot parse target "10.0.0.5": port is missing, as in "127.0.0.1:443"',
    ],
  },
  {
    name: "a target with port 0",
    yaml: withUpstream("    targets: [10.0.0.5:0]"),
    lines: [
      'c.yaml:5:15: error: upstreams.web.targets[0]: Cannot parse target "10.0.0.5:0": port 0 cannot be connected to',
    ],
  },
  {
    name: "a target of IPv6 without brackets",
    yaml: withUpstream('    targets: ["2001:db8::1"]'),
    lines: [
      'c.yaml:5:15: error: upstreams.web.targets[0]: Cannot parse target "2001:db8::1": IPv6 addresses need brackets and a port, as in "[::1]:443"',
    ],
  },
  {
    name: "a built-in target that does not exist",
    yaml: withUpstream('    targets: ["builtin:helo"]'),
    lines: [
      'c.yaml:5:15: error: upstreams.web.targets[0]: Cannot parse target "builtin:helo": built-in target "helo" does not exist; there are hello, echo, discard, reset',
    ],
  },
  {
    name: "a Unix target without a path",
    yaml: withUpstream('    targets: ["unix:"]'),
    lines: [
      'c.yaml:5:15: error: upstreams.web.targets[0]: Cannot parse target "unix:": path is missing, as in "unix:/run/app.sock"',
    ],
  },
  {
    name: "weights out of bounds",
    yaml: withUpstream(
      "    targets: [{ address: 10.0.0.5:443, weight: 0 }, { address: 10.0.0.6:443, weight: 1001 }]",
    ),
    lines: [
      "c.yaml:5:48: error: upstreams.web.targets[0].weight: Expected at least 1, got 0",
      "c.yaml:5:86: error: upstreams.web.targets[1].weight: Expected at most 1000, got 1001",
    ],
  },
  {
    name: "a backup that is a word",
    yaml: withUpstream('    targets: [{ address: 10.0.0.5:443, backup: "true" }]'),
    lines: [
      'c.yaml:5:48: error: upstreams.web.targets[0].backup: Expected true or false, got "true"; remove the quotes',
    ],
  },
  {
    name: "a balance that is nearly one",
    yaml: withUpstream("    targets: [10.0.0.5:443]\n    balance: roundrobin"),
    lines: [
      'c.yaml:6:14: error: upstreams.web.balance: Expected "first", "random", "round_robin", "least_sessions", "source_ip", "source_socket" or "maglev", got "roundrobin"; did you mean "round_robin"?',
    ],
  },
  {
    name: "a balance like no other",
    yaml: withUpstream("    targets: [10.0.0.5:443]\n    balance: hash"),
    lines: [
      'c.yaml:6:14: error: upstreams.web.balance: Expected "first", "random", "round_robin", "least_sessions", "source_ip", "source_socket" or "maglev", got "hash"',
    ],
  },
  {
    name: "retries of half a time and too many",
    yaml: withUpstream("    targets: [10.0.0.5:443]\n    retries: 1.5").replace(
      "upstreams:\n",
      "upstreams:\n  b: { targets: [10.0.0.6:443], retries: 33 }\n",
    ).replace(
      "[{ upstream: web }]",
      "[{ match: { protocol: ssh }, upstream: b }, { upstream: web }]",
    ),
    lines: [
      "c.yaml:4:42: error: upstreams.b.retries: Expected at most 32, got 33",
      "c.yaml:7:14: error: upstreams.web.retries: Expected a whole number, got 1.5",
    ],
  },
  {
    name: "retries in quotes",
    yaml: withUpstream('    targets: [10.0.0.5:443]\n    retries: "2"'),
    lines: [
      'c.yaml:6:14: error: upstreams.web.retries: Expected a whole number, got "2"; remove the quotes',
    ],
  },
  {
    name: "off as a boolean",
    yaml: withUpstream("    targets: [10.0.0.5:443]\n    send_proxy_protocol: false"),
    lines: [
      'c.yaml:6:26: error: upstreams.web.send_proxy_protocol: Expected "off", "v1" or "v2", got false; did you mean "off"?',
    ],
  },
  {
    name: "a PROXY protocol version that does not exist",
    yaml: withUpstream("    targets: [10.0.0.5:443]\n    send_proxy_protocol: v3"),
    lines: [
      'c.yaml:6:26: error: upstreams.web.send_proxy_protocol: Expected "off", "v1" or "v2", got "v3"; did you mean "v1"?',
    ],
  },
  {
    name: "timeouts of 0s",
    yaml: withUpstream(
      "    targets: [10.0.0.5:443]\n    connect_timeout: 0s\n    idle_timeout: 0s",
    ),
    lines: [
      'c.yaml:6:22: error: upstreams.web.connect_timeout: Expected 1ms to 10m, got "0s"',
      'c.yaml:7:19: error: upstreams.web.idle_timeout: Expected 1ms to 168h, got "0s"',
    ],
  },
  {
    name: "a duration without a unit",
    yaml: withListener("    detect: { timeout: 3 }"),
    lines: [
      'c.yaml:5:24: error: listeners.edge.detect.timeout: Expected a duration such as "250ms", "5s", "1m" or "1h", got 3',
    ],
  },
  {
    name: "a duration with another unit",
    yaml: withListener("    detect: { timeout: 3 sec }"),
    lines: [
      'c.yaml:5:24: error: listeners.edge.detect.timeout: Expected a duration such as "250ms", "5s", "1m" or "1h", got "3 sec"',
    ],
  },
  {
    name: "a duration that is too long",
    yaml: withListener("    detect: { timeout: 1h }"),
    lines: [
      'c.yaml:5:24: error: listeners.edge.detect.timeout: Expected 10ms to 10m, got "1h"',
    ],
  },
  {
    name: "an on_timeout that is nearly one",
    yaml: withListener("    detect: { on_timeout: fall-through }"),
    lines: [
      'c.yaml:5:27: error: listeners.edge.detect.on_timeout: Expected "fallthrough" or "close", got "fall-through"; did you mean "fallthrough"?',
    ],
  },
  {
    name: "sizes of another unit, too small and too large",
    yaml: withListener("    detect: { max_bytes: 64KB }").replace(
      "upstreams:",
      '  b: { bind: "127.0.0.1:81", detect: { max_bytes: 100 }, routes: [{ upstream: web }] }\n  c: { bind: "127.0.0.1:82", detect: { max_bytes: 2MiB }, routes: [{ upstream: web }] }\nupstreams:',
    ),
    lines: [
      'c.yaml:5:26: error: listeners.edge.detect.max_bytes: Expected a size such as "64KiB" or "1MiB", got "64KB"',
      "c.yaml:6:51: error: listeners.b.detect.max_bytes: Expected at least 1024, got 100",
      'c.yaml:7:51: error: listeners.c.detect.max_bytes: Expected 1KiB to 1MiB, got "2MiB"',
    ],
  },
  {
    name: "a size that is a list",
    yaml: withListener("    detect: { max_bytes: [64KiB] }"),
    lines: [
      'c.yaml:5:26: error: listeners.edge.detect.max_bytes: Expected a size such as "64KiB" or "1MiB", or a number of bytes, got a list',
    ],
  },
  {
    name: "limits out of bounds",
    yaml: withListener(
      "    limits: { sessions: 0, flows: -1, per_source: 99999999, new_per_source: 100 }",
    ),
    lines: [
      "c.yaml:5:25: error: listeners.edge.limits.sessions: Expected at least 1, got 0",
      "c.yaml:5:35: error: listeners.edge.limits.flows: Expected at least 1, got -1",
      "c.yaml:5:51: error: listeners.edge.limits.per_source: Expected at most 10000000, got 99999999",
      'c.yaml:5:77: error: listeners.edge.limits.new_per_source: Expected a rate such as "100/s", got 100',
    ],
  },
  {
    name: "a rate of another unit",
    yaml: withListener("    limits: { new_per_source: 100/m }"),
    lines: [
      'c.yaml:5:31: error: listeners.edge.limits.new_per_source: Expected a rate such as "100/s", got "100/m"',
    ],
  },
  {
    name: "a limit of the whole process in a listener",
    yaml: withListener("    limits: { detect_memory: 64MiB }"),
    lines: [
      'c.yaml:5:15: error: listeners.edge.limits.detect_memory: Unknown key "detect_memory"; it belongs at "limits.detect_memory"',
    ],
  },
]);
