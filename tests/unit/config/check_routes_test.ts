import { PROTOCOLS } from "../../../src/detect/mod.ts";
import { testCases, withMatches, withRoutes, withUpstream } from "./_table.ts";

testCases([
  {
    name: "an empty match",
    yaml: withMatches("{}"),
    lines: [
      'c.yaml:5:11: error: listeners.edge.routes[0].match: "match" has no condition; remove "match" to take the rest',
    ],
  },
  {
    name: "a route after one without match",
    yaml: withRoutes(
      "      - { upstream: web }\n      - { match: { protocol: tls }, upstream: web }",
    ),
    lines: [
      "c.yaml:6:9: error: listeners.edge.routes[1]: Route can never match: listeners.edge.routes[0] (line 5) takes all of it; move it up, narrow the earlier one or remove it",
    ],
  },
  {
    name: "a route that stands twice",
    yaml: withMatches("{ protocol: tls }", "{ protocol: [tls] }"),
    lines: [
      "c.yaml:6:9: error: listeners.edge.routes[1]: Route can never match: listeners.edge.routes[0] (line 5) takes all of it; move it up, narrow the earlier one or remove it",
    ],
  },
  {
    name: "a route under a wider list",
    yaml: withMatches("{ protocol: [tls, http] }", "{ protocol: http, host: a.example }"),
    lines: [
      "c.yaml:6:9: error: listeners.edge.routes[1]: Route can never match: listeners.edge.routes[0] (line 5) takes all of it; move it up, narrow the earlier one or remove it",
    ],
  },
  {
    name: "routes under a wider pattern",
    yaml: withMatches(
      '{ sni: "*.example.com" }',
      "{ sni: A.example.com. }",
      '{ sni: ["*.a.example.com", b.example.com] }',
      '{ sni: "*" }',
      "{ sni: example.com }",
    ),
    lines: [
      "c.yaml:6:9: error: listeners.edge.routes[1]: Route can never match: listeners.edge.routes[0] (line 5) takes all of it; move it up, narrow the earlier one or remove it",
      "c.yaml:7:9: error: listeners.edge.routes[2]: Route can never match: listeners.edge.routes[0] (line 5) takes all of it; move it up, narrow the earlier one or remove it",
      "c.yaml:9:9: error: listeners.edge.routes[4]: Route can never match: listeners.edge.routes[3] (line 8) takes all of it; move it up, narrow the earlier one or remove it",
    ],
  },
  {
    name: "a route under a wider network",
    yaml: withMatches(
      "{ source: [10.0.0.0/8, 2001:db8::/32] }",
      "{ source: [10.1.0.0/16, 10.0.0.1] }",
      '{ protocol: ssh, source: "2001:db8:1::/48" }',
    ),
    lines: [
      "c.yaml:6:9: error: listeners.edge.routes[1]: Route can never match: listeners.edge.routes[0] (line 5) takes all of it; move it up, narrow the earlier one or remove it",
      "c.yaml:7:9: error: listeners.edge.routes[2]: Route can never match: listeners.edge.routes[0] (line 5) takes all of it; move it up, narrow the earlier one or remove it",
    ],
  },
  {
    name: "a route under a wider ALPN list",
    yaml: withMatches(
      "{ protocol: tls, alpn: [h2, http/1.1] }",
      "{ protocol: tls, alpn: h2, sni: a.example }",
    ),
    lines: [
      "c.yaml:6:9: error: listeners.edge.routes[1]: Route can never match: listeners.edge.routes[0] (line 5) takes all of it; move it up, narrow the earlier one or remove it",
    ],
  },
  {
    name: "a route that two earlier ones share",
    yaml: withMatches("{ protocol: tls }", "{ protocol: quic }", "{ sni: a.example }"),
    lines: [
      "c.yaml:7:9: error: listeners.edge.routes[2]: Route can never match: listeners.edge.routes[0] (line 5) and listeners.edge.routes[1] (line 6) take all of it; move it up, narrow the earlier one or remove it",
    ],
  },
  {
    name: "a route after all protocols",
    yaml: withMatches(
      `{ protocol: [${PROTOCOLS.map(({ name }) => name).join(", ")}] }`,
      "{ protocol: [unknown, silent] }",
    ).replace("\nupstreams", "\n      - { upstream: web }\nupstreams"),
    lines: [
      "c.yaml:7:9: error: listeners.edge.routes[2]: Route can never match: listeners.edge.routes[0] (line 5) and listeners.edge.routes[1] (line 6) take all of it; move it up, narrow the earlier one or remove it",
    ],
  },
  {
    name:
      "a server name after all protocols that always have one, though another could be asked for it",
    yaml: withMatches("{ protocol: [tls, quic] }", "{ sni: a.example }"),
    lines: [
      "c.yaml:6:9: error: listeners.edge.routes[1]: Route can never match: listeners.edge.routes[0] (line 5) takes all of it; move it up, narrow the earlier one or remove it",
    ],
  },
  {
    name: "facts behind a dialogue that a route asks for by the protocol's name",
    yaml: withMatches(
      "{ protocol: postgres, sni: a.example, alpn: postgresql }",
      "{ protocol: postgres }",
    ),
    lines: [],
  },
  {
    name: "a server name of any protocol, which an earlier route has asked another protocol for",
    yaml: withMatches(
      "{ protocol: [tls, quic] }",
      "{ protocol: postgres, sni: a.example }",
      "{ sni: b.example }",
    ),
    lines: [],
  },
  {
    name: "a server name asked for behind a dialogue after a route that takes it from any protocol",
    yaml: withMatches("{ sni: a.example }", "{ protocol: postgres, sni: a.example }"),
    lines: [
      "c.yaml:6:9: error: listeners.edge.routes[1]: Route can never match: listeners.edge.routes[0] (line 5) takes all of it; move it up, narrow the earlier one or remove it",
    ],
  },
  {
    name: "a host of a protocol that has none behind its dialogue either",
    yaml: withMatches("{ protocol: postgres, host: a.example }"),
    lines: [
      'c.yaml:5:11: error: listeners.edge.routes[0].match: Route can never match: "postgres" has no "host", which is for "http"',
    ],
  },
  {
    name: "a fingerprint of QUIC behind a dialogue by TCP",
    yaml: withMatches('{ protocol: postgres, ja4: "q*" }'),
    lines: [
      'c.yaml:5:11: error: listeners.edge.routes[0].match: Route can never match: a "ja4" of "postgres" begins with "t"',
    ],
  },
  {
    name: "a server name of a protocol without",
    yaml: withMatches("{ protocol: ssh, sni: a.example }"),
    lines: [
      'c.yaml:5:11: error: listeners.edge.routes[0].match: Route can never match: "ssh" has no "sni", which is for "tls" and "quic"',
    ],
  },
  {
    name: "an ALPN name of protocols without",
    yaml: withMatches("{ protocol: [ssh, http], alpn: h2 }"),
    lines: [
      'c.yaml:5:11: error: listeners.edge.routes[0].match: Route can never match: "ssh" has no "alpn", which is for "tls" and "quic"; "http" has no "alpn", which is for "tls" and "quic"',
    ],
  },
  {
    name: "a fingerprint of a protocol without",
    yaml: withMatches('{ protocol: [ssh, silent], ja4: "t13*" }'),
    lines: [
      'c.yaml:5:11: error: listeners.edge.routes[0].match: Route can never match: "ssh" has no "ja4", which is for "tls" and "quic"; "silent" has no "ja4", which is for "tls" and "quic"',
    ],
  },
  {
    name: "a fingerprint of TLS for QUIC",
    yaml: withMatches("{ protocol: quic, ja4: [t13*, t12*] }"),
    lines: [
      'c.yaml:5:11: error: listeners.edge.routes[0].match: Route can never match: a "ja4" of "quic" begins with "q"',
    ],
  },
  {
    name: "fingerprints of QUIC for both",
    yaml: withMatches("{ protocol: [tls, quic], ja4: q* }"),
    lines: [
      'c.yaml:5:31: warning: listeners.edge.routes[0].match.protocol[0]: Protocol can never match here: a "ja4" of "tls" begins with "t"',
    ],
  },
  {
    name: "fingerprints of QUIC without UDP",
    yaml: withRoutes(
      "      - { match: { ja4: q13* }, upstream: web }",
      "    transports: tcp\n",
    ),
    lines: [
      'c.yaml:6:11: error: listeners.edge.routes[0].match: Route can never match: a "ja4" of "tls" begins with "t"',
    ],
  },
  {
    name: "a fingerprint and a host",
    yaml: withMatches('{ ja4: "*", host: a.example }'),
    lines: [
      'c.yaml:5:11: error: listeners.edge.routes[0].match: Route can never match: nothing has both "ja4" and "host"',
    ],
  },
  {
    name: "a TLS version of a protocol without",
    yaml: withMatches('{ protocol: ssh, tls_version: "1.3" }'),
    lines: [
      'c.yaml:5:11: error: listeners.edge.routes[0].match: Route can never match: "ssh" has no "tls_version", which is for "tls" and "quic"',
    ],
  },
  {
    name: "a route under the same TLS versions",
    yaml: withMatches(
      '{ tls_version: ["1.0", "1.1"] }',
      '{ tls_version: "1.2" }',
      '{ protocol: tls, tls_version: ["1.1"] }',
    ),
    lines: [
      "c.yaml:7:9: error: listeners.edge.routes[2]: Route can never match: listeners.edge.routes[0] (line 5) takes all of it; move it up, narrow the earlier one or remove it",
    ],
  },
  {
    name: "routes under a wider fingerprint",
    yaml: withMatches(
      "{ ja4: t13d* }",
      "{ ja4: [t13d1516h2_*, t13d1516h2_8daaf6152771_02713d6af862] }",
      "{ ja4: [t13d1516h2_*, t13i*] }",
      "{ protocol: tls }",
      "{ ja4: t12* }",
    ),
    lines: [
      "c.yaml:6:9: error: listeners.edge.routes[1]: Route can never match: listeners.edge.routes[0] (line 5) takes all of it; move it up, narrow the earlier one or remove it",
      "c.yaml:9:9: error: listeners.edge.routes[4]: Route can never match: listeners.edge.routes[3] (line 8) takes all of it; move it up, narrow the earlier one or remove it",
    ],
  },
  {
    name: "a host of TLS",
    yaml: withMatches("{ protocol: tls, host: a.example }"),
    lines: [
      'c.yaml:5:11: error: listeners.edge.routes[0].match: Route can never match: "tls" has no "host", which is for "http"',
    ],
  },
  {
    name: "a server name and a host",
    yaml: withMatches("{ sni: a.example, host: a.example }"),
    lines: [
      'c.yaml:5:11: error: listeners.edge.routes[0].match: Route can never match: nothing has both "sni" and "host"',
    ],
  },
  {
    name: "a server name of silence",
    yaml: withMatches("{ protocol: silent, sni: a.example }"),
    lines: [
      'c.yaml:5:11: error: listeners.edge.routes[0].match: Route can never match: "silent" has no "sni", which is for "tls" and "quic"',
    ],
  },
  {
    name: "quic without UDP",
    yaml: withRoutes(
      "      - { match: { protocol: quic }, upstream: web }",
      "    transports: tcp\n",
    ),
    lines: [
      'c.yaml:6:11: error: listeners.edge.routes[0].match: Route can never match: "quic" comes by "udp" only, which the listener does not have',
    ],
  },
  {
    name: "ssh without TCP",
    yaml: withRoutes(
      "      - { match: { protocol: [ssh, silent] }, upstream: web }",
      "    transports: udp\n",
    ),
    lines: [
      'c.yaml:6:11: error: listeners.edge.routes[0].match: Route can never match: "ssh" comes by "tcp" only, which the listener does not have; "silent" comes by "tcp" only, which the listener does not have',
    ],
  },
  {
    name: "a host without TCP",
    yaml: withRoutes(
      "      - { match: { host: a.example }, upstream: web }",
      "    transports: udp\n",
    ),
    lines: [
      'c.yaml:6:11: error: listeners.edge.routes[0].match: Route can never match: no protocol of the listener has "host"',
    ],
  },
  {
    name: "silence that is closed",
    yaml: withRoutes(
      "      - { match: { protocol: silent }, upstream: web }",
      "    detect: { on_timeout: close }\n",
    ),
    lines: [
      'c.yaml:6:11: error: listeners.edge.routes[0].match: Route can never match: "silent" needs "detect.on_timeout: fallthrough"',
    ],
  },
  {
    name: "protocols of which some cannot match",
    yaml: withMatches("{ protocol: [tls, ssh, unknown], sni: a.example }"),
    lines: [
      'c.yaml:5:36: warning: listeners.edge.routes[0].match.protocol[1]: Protocol can never match here: "ssh" has no "sni", which is for "tls" and "quic"',
      'c.yaml:5:41: warning: listeners.edge.routes[0].match.protocol[2]: Protocol can never match here: "unknown" has no "sni", which is for "tls" and "quic"',
    ],
  },
  {
    name: "a Unix target that only UDP reaches",
    yaml: withUpstream(
      '    targets: ["unix:/run/a.sock"]',
      "[{ match: { protocol: quic }, upstream: web }]",
    ),
    lines: [
      "c.yaml:5:15: error: upstreams.web.targets[0]: Unix targets take TCP sessions only, and only UDP flows reach this upstream; use a host and port",
    ],
  },
  {
    name: "a Unix target that UDP reaches too",
    yaml: withUpstream('    targets: ["unix:/run/a.sock", 10.0.0.5:443]'),
    lines: [
      "c.yaml:5:15: warning: upstreams.web.targets[0]: Unix targets take TCP sessions only; UDP flows get the other targets or none; give UDP an upstream of its own",
    ],
  },
  {
    name: "a v1 header that UDP reaches",
    yaml: withUpstream("    targets: [10.0.0.5:443]\n    send_proxy_protocol: v1"),
    lines: [
      'c.yaml:6:26: warning: upstreams.web.send_proxy_protocol: "v1" is for TCP sessions only; UDP flows get no header; use "v2", or give UDP an upstream of its own',
    ],
  },
]);
