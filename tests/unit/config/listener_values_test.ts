import { testCases, withBind, withListener, withMatches, withTop } from "./_table.ts";

testCases([
  {
    name: "transports that do not exist",
    yaml: withListener("    transports: [tpc, udp]"),
    lines: [
      'c.yaml:5:18: error: listeners.edge.transports[0]: Expected "tcp" or "udp", got "tpc"; did you mean "tcp"?',
    ],
  },
  {
    name: "a transport that does not exist",
    yaml: withListener("    transports: both"),
    lines: [
      'c.yaml:5:17: error: listeners.edge.transports: Expected "tcp", "udp" or a list of such, got "both"',
    ],
  },
  {
    name: "no transports",
    yaml: withListener("    transports: []"),
    lines: [
      "c.yaml:5:17: error: listeners.edge.transports: Expected at least one element, got none",
    ],
  },
  {
    name: "a bind that is a number",
    yaml: withBind("80"),
    lines: [
      'c.yaml:3:11: error: listeners.edge.bind: Expected an address such as "0.0.0.0:443" or a list of such, got 80',
    ],
  },
  {
    name: "a bind without a port",
    yaml: withBind("127.0.0.1"),
    lines: [
      'c.yaml:3:11: error: listeners.edge.bind: Cannot parse address "127.0.0.1": port is missing, as in "127.0.0.1:443"',
    ],
  },
  {
    name: "a bind without a host",
    yaml: withBind('":80"'),
    lines: [
      'c.yaml:3:11: error: listeners.edge.bind: Cannot parse address ":80": host is missing, as in "0.0.0.0:443"',
    ],
  },
  {
    name: "a bind to a star",
    yaml: withBind('"*:80"'),
    lines: [
      'c.yaml:3:11: error: listeners.edge.bind: Cannot parse address "*:80": "*" is not an address; use "0.0.0.0" or "[::]"',
    ],
  },
  {
    name: "a bind to a name",
    yaml: withBind("edge.example.com:80"),
    lines: [
      'c.yaml:3:11: error: listeners.edge.bind: Cannot listen on a name, got "edge.example.com:80"; use an IP address or "localhost"',
    ],
  },
  {
    name: "a bind to a port that does not exist",
    yaml: withBind('["127.0.0.1:65536", "127.0.0.1:8000-8010"]'),
    lines: [
      'c.yaml:3:12: error: listeners.edge.bind[0]: Cannot parse address "127.0.0.1:65536": port "65536" is not a number from 0 to 65535',
      'c.yaml:3:31: error: listeners.edge.bind[1]: Cannot parse address "127.0.0.1:8000-8010": port "8000-8010" is not a number from 0 to 65535',
    ],
  },
  {
    name: "a bind to no address",
    yaml: withBind("[]"),
    lines: [
      "c.yaml:3:11: error: listeners.edge.bind: Expected at least one element, got none",
    ],
  },
  {
    name: "server names that are not patterns",
    yaml: withMatches('{ sni: ["foo*", "*.*.com", "", "a..b", "*example.com", 5] }'),
    lines: [
      'c.yaml:5:26: error: listeners.edge.routes[0].match.sni[0]: Expected a name, "*.suffix" or "*", got "foo*"; a "*" stands for whole labels at the start',
      'c.yaml:5:34: error: listeners.edge.routes[0].match.sni[1]: Expected a name, "*.suffix" or "*", got "*.*.com"; a "*" stands for whole labels at the start',
      'c.yaml:5:45: error: listeners.edge.routes[0].match.sni[2]: Expected a name, "*.suffix" or "*", got ""',
      'c.yaml:5:49: error: listeners.edge.routes[0].match.sni[3]: Expected a name, "*.suffix" or "*", got "a..b"',
      'c.yaml:5:57: error: listeners.edge.routes[0].match.sni[4]: Expected a name, "*.suffix" or "*", got "*example.com"; a "*" stands for whole labels at the start',
      'c.yaml:5:73: error: listeners.edge.routes[0].match.sni[5]: Expected a name, "*.suffix" or "*", got 5; put it in quotes if it is one',
    ],
  },
  {
    name: "server names with a port, a scheme, an address",
    yaml: withMatches('{ sni: ["a.example:443", "https://a.example/x", 192.0.2.1, "::1"] }'),
    lines: [
      'c.yaml:5:26: error: listeners.edge.routes[0].match.sni[0]: Expected a name, "*.suffix" or "*", got "a.example:443"; did you mean "a.example"?',
      'c.yaml:5:43: error: listeners.edge.routes[0].match.sni[1]: Expected a name, "*.suffix" or "*", got "https://a.example/x"; did you mean "a.example"?',
      'c.yaml:5:66: error: listeners.edge.routes[0].match.sni[2]: A server name is never an IP address, got "192.0.2.1"; use a name, or leave "sni" out',
      'c.yaml:5:77: error: listeners.edge.routes[0].match.sni[3]: A server name is never an IP address, got "::1"; use a name, or leave "sni" out',
    ],
  },
  {
    name: "a server name in other letters",
    yaml: withMatches("{ sni: bücher.example }"),
    lines: [
      'c.yaml:5:25: error: listeners.edge.routes[0].match.sni: Expected a name, "*.suffix" or "*", got "bücher.example"; write other letters as clients send them: "xn--…"',
    ],
  },
  {
    name: "hosts that are not patterns",
    yaml: withMatches('{ host: ["a.example:80", "[2001:db8::1]", "http://a.example", "*."] }'),
    lines: [
      'c.yaml:5:27: error: listeners.edge.routes[0].match.host[0]: Expected a name, "*.suffix" or "*", got "a.example:80"; did you mean "a.example"?',
      'c.yaml:5:43: error: listeners.edge.routes[0].match.host[1]: Expected a name, "*.suffix" or "*", got "[2001:db8::1]"; did you mean "2001:db8::1"?',
      'c.yaml:5:60: error: listeners.edge.routes[0].match.host[2]: Expected a name, "*.suffix" or "*", got "http://a.example"; did you mean "a.example"?',
      'c.yaml:5:80: error: listeners.edge.routes[0].match.host[3]: Expected a name, "*.suffix" or "*", got "*."; a "*" stands for whole labels at the start',
    ],
  },
  {
    name: "an empty list of server names",
    yaml: withMatches("{ sni: [] }"),
    lines: [
      "c.yaml:5:25: error: listeners.edge.routes[0].match.sni: Expected at least one element, got none",
    ],
  },
  {
    name: "ALPN names that are too short and too long",
    yaml: withMatches(`{ alpn: ["", ${"x".repeat(256)}] }`),
    lines: [
      'c.yaml:5:27: error: listeners.edge.routes[0].match.alpn[0]: Expected a protocol name of 1 to 255 bytes such as "h2", got 0 bytes',
      'c.yaml:5:31: error: listeners.edge.routes[0].match.alpn[1]: Expected a protocol name of 1 to 255 bytes such as "h2", got 256 bytes',
    ],
  },
  {
    name: "JA4 fingerprints that are none",
    yaml: withMatches(
      '{ ja4: [t13d, T13D*, d13d*, "t13d*h2", "t14*", t13d1516h2_8daaf6152771_02713d6af862*, ""] }',
    ),
    lines: [
      ["26", "0", '"t13d"; did you mean "t13d*"?'],
      ["32", "1", '"T13D*"; did you mean "t13d*"?'],
      ["39", "2", '"d13d*"; "d" is DTLS, which is not detected'],
      ["46", "3", '"t13d*h2"'],
      ["57", "4", '"t14*"'],
      ["65", "5", '"t13d1516h2_8daaf6152771_02713d6af862*"'],
      ["104", "6", '""'],
    ].map(([column, index, got]) =>
      `c.yaml:5:${column}: error: listeners.edge.routes[0].match.ja4[${index}]: Expected a JA4 fingerprint ` +
      `such as "t13d1516h2_8daaf6152771_02713d6af862" or a beginning such as "t13d*", got ${got}`
    ),
  },
  {
    name: "TLS versions that are none",
    yaml: withMatches('{ tls_version: [TLSv1.2, "13", 1.3, "1.4"] }'),
    lines: [
      ["34", "0", 'from "1.0" to "1.3", got "TLSv1.2"; did you mean "1.2"?'],
      ["43", "1", 'from "1.0" to "1.3", got "13"; did you mean "1.3"?'],
      ["49", "2", 'in quotes, such as "1.3", got 1.3'],
      ["54", "3", 'from "1.0" to "1.3", got "1.4"'],
    ].map(([column, index, got]) =>
      `c.yaml:5:${column}: error: listeners.edge.routes[0].match.tls_version[${index}]: Expected a TLS version ${got}`
    ),
  },
  {
    name: "an ALPN name that is a number",
    yaml: withMatches(`{ alpn: 2 }`),
    lines: [
      'c.yaml:5:26: error: listeners.edge.routes[0].match.alpn: Expected a protocol name such as "h2" or a list of such, got 2',
    ],
  },
  {
    name: "sources that are not networks",
    yaml: withMatches(
      '{ source: [10.0.0.0/33, "2001:db8::/129", 10.0.0, bastion.example, "10.0.0.1:22"] }',
    ),
    lines: [
      'c.yaml:5:29: error: listeners.edge.routes[0].match.source[0]: The prefix length of "10.0.0.0/33" is greater than 32',
      'c.yaml:5:42: error: listeners.edge.routes[0].match.source[1]: The prefix length of "2001:db8::/129" is greater than 128',
      'c.yaml:5:60: error: listeners.edge.routes[0].match.source[2]: Expected a network such as "10.0.0.0/8", "192.0.2.7" or "2001:db8::/32", got "10.0.0"; names are not resolved here',
      'c.yaml:5:68: error: listeners.edge.routes[0].match.source[3]: Expected a network such as "10.0.0.0/8", "192.0.2.7" or "2001:db8::/32", got "bastion.example"; names are not resolved here',
      'c.yaml:5:85: error: listeners.edge.routes[0].match.source[4]: Expected a network such as "10.0.0.0/8", "192.0.2.7" or "2001:db8::/32", got "10.0.0.1:22"; did you mean "10.0.0.1"?',
    ],
  },
  {
    name: "trusted networks that are not",
    yaml: withListener("    proxy_protocol: { accept: optional, trusted: [10.0.0.0/8, all] }"),
    lines: [
      'c.yaml:5:63: error: listeners.edge.proxy_protocol.trusted[1]: Expected a network such as "10.0.0.0/8", "192.0.2.7" or "2001:db8::/32", got "all"; names are not resolved here',
    ],
  },
  {
    name: "log settings that do not exist",
    yaml: withTop("log: { level: warn, format: jsno, access: yes }"),
    lines: [
      'c.yaml:1:15: error: log.level: Expected "debug", "info", "warning" or "error", got "warn"; did you mean "warning"?',
      'c.yaml:1:29: error: log.format: Expected "text" or "json", got "jsno"; did you mean "json"?',
      'c.yaml:1:43: error: log.access: Expected true or false, got "yes"; did you mean true?',
    ],
  },
  {
    name: "a log file without a name",
    yaml: withTop('log: { file: "" }'),
    lines: [
      'c.yaml:1:14: error: log.file: Expected a path or null, got ""',
    ],
  },
  {
    name: "a template of access lines with an unknown field",
    yaml: withTop('log: { template: "{time} {srouce}" }'),
    lines: [
      'c.yaml:1:18: error: log.template: Unknown field "{srouce}"; did you mean "{source}"?',
    ],
  },
  {
    name: "a template with a part of a field's name",
    yaml: withTop('log: { template: "{up}" }'),
    lines: [
      'c.yaml:1:18: error: log.template: Unknown field "{up}"; did you mean "{bytes_up}"?',
    ],
  },
  {
    name: "a template with an open brace",
    yaml: withTop('log: { template: "{time} {sni" }'),
    lines: [
      'c.yaml:1:18: error: log.template: Cannot use template "{time} {sni": "{" is alone; write "{{" for a "{"',
    ],
  },
  {
    name: "an empty template, and a rate without a unit",
    yaml: withTop('log: { template: "", access_rate: 1000 }'),
    lines: [
      'c.yaml:1:18: error: log.template: Cannot use template "": it is empty',
      'c.yaml:1:35: error: log.access_rate: Expected a rate such as "100/s", got 1000',
    ],
  },
  {
    name: "workers that are neither",
    yaml: withTop("workers: many"),
    lines: [
      'c.yaml:1:10: error: workers: Expected "auto" or a whole number, got "many"',
    ],
  },
  {
    name: "no workers",
    yaml: withTop("workers: 0"),
    lines: [
      "c.yaml:1:10: error: workers: Expected at least 1, got 0",
    ],
  },
  {
    name: "an io that does not exist",
    yaml: withTop("io: epoll"),
    lines: [
      'c.yaml:1:5: error: io: Expected "auto", "deno" or "libc", got "epoll"',
    ],
  },
  {
    name: "an admin that is a word",
    yaml: withTop("admin: off"),
    lines: [
      'c.yaml:1:8: error: admin: Expected a map with "bind", or null, got "off"',
    ],
  },
  {
    name: "a cache that forgets at once",
    yaml: withTop("dns: { max_ttl: 0s }"),
    lines: [
      'c.yaml:1:17: error: dns.max_ttl: Expected 1s to 168h, got "0s"',
    ],
  },
  {
    name: "detection memory out of bounds",
    yaml: withTop("limits: { detect_memory: 64KiB }"),
    lines: [
      'c.yaml:1:26: error: limits.detect_memory: Expected 1MiB to 64GiB, got "64KiB"',
    ],
  },
]);
