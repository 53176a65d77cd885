import {
  testCases,
  UPSTREAMS,
  withListener,
  withMatches,
  withRoutes,
  withTop,
  withUpstream,
} from "./_table.ts";

testCases([
  {
    name: "an empty file",
    yaml: "",
    lines: [
      'c.yaml:1:1: error: The file is empty; "shunt init" prints a starting one',
    ],
  },
  {
    name: "a file of comments only",
    yaml: "# nothing yet\n",
    lines: [
      'c.yaml:1:1: error: The file is empty; "shunt init" prints a starting one',
    ],
  },
  {
    name: "a file that is a word",
    yaml: "hello",
    lines: [
      'c.yaml:1:1: error: Expected a map, got "hello"',
    ],
  },
  {
    name: "a file that is a list",
    yaml: "- a\n",
    lines: [
      "c.yaml:1:1: error: Expected a map, got a list",
    ],
  },
  {
    name: "a quote that is not closed",
    yaml: 'listeners: "edge\n',
    lines: [
      'c.yaml:2:1: error: Cannot read as YAML: Missing closing "quote',
    ],
  },
  {
    name: "a bracket that is not closed",
    yaml: "listeners: [edge\n",
    lines: [
      "c.yaml:2:1: error: Cannot read as YAML: Flow sequence in block collection must be sufficiently indented and end with a ]",
    ],
  },
  {
    name: "tabs",
    yaml: "listeners:\n\tedge: 1\n",
    lines: [
      "c.yaml:2:1: error: Tabs cannot indent YAML; use spaces",
    ],
  },
  {
    name: "more than one document",
    yaml: "log: {}\n---\nlog: {}\n",
    lines: [
      'c.yaml:2:1: error: The file has more than one YAML document; remove what follows the "---"',
    ],
  },
  {
    name: "a key that is written twice",
    yaml: withTop("workers: auto\nlog: {}\nworkers: 1"),
    lines: [
      'c.yaml:3:1: error: workers: Key "workers" appears twice; the first is on line 1',
    ],
  },
  {
    name: "a key that is a list",
    yaml: withTop("[a, b]: 1"),
    lines: [
      "c.yaml:1:1: error: A key must be a plain word",
    ],
  },
  {
    name: "a tag",
    yaml: withTop("workers: !thread auto"),
    lines: [
      'c.yaml:1:18: error: workers: Tag "!thread" has no meaning here',
    ],
  },
  {
    name: "a name pattern without quotes",
    yaml: withMatches("{ sni: *.example.com }"),
    lines: [
      'c.yaml:5:25: error: listeners.edge.routes[0].match.sni: A value that begins with "*" has to be quoted: write "*.example.com"',
    ],
  },
  {
    name: "an alias of nothing",
    yaml: withTop("workers: *auto"),
    lines: [
      'c.yaml:1:10: error: workers: Alias "*auto" refers to nothing above it; quote the value if it is a name',
    ],
  },
  {
    name: "aliases that grow without bound",
    yaml: withTop(
      `log: &a [x, x, x, x, x, x, x, x, x, x]\nworkers: &b [${
        Array(10).fill("*a").join(", ")
      }]\nio: &c [${Array(10).fill("*b").join(", ")}]\ndns: &d [${
        Array(10).fill("*c").join(", ")
      }]\nlimits: &e [${Array(10).fill("*d").join(", ")}]\nadmin: [*e, *e]`,
    ),
    lines: [
      "c.yaml:1:34: error: limits[7][0][7][0][8]: The file has more than 100000 values or 32 levels",
    ],
  },
  {
    name: "lists that are nested too deep",
    yaml: withTop(`log: ${"[".repeat(40)}${"]".repeat(40)}`),
    lines: [
      "c.yaml:1:1: error: Lists and maps are nested deeper than 32 levels",
    ],
  },
  {
    name: "the key __proto__",
    yaml: withTop("__proto__: { workers: 2 }"),
    lines: [
      'c.yaml:1:1: error: __proto__: Key "__proto__" cannot be used',
    ],
  },
  {
    name: "no listeners and no upstreams",
    yaml: "log: {}\n",
    lines: [
      'c.yaml:1:1: error: Key "listeners" is missing',
      'c.yaml:1:1: error: Key "upstreams" is missing',
    ],
  },
  {
    name: "empty listeners and upstreams",
    yaml: "listeners: {}\nupstreams: {}\n",
    lines: [
      "c.yaml:1:1: error: listeners: Expected at least one listener, got none",
      "c.yaml:2:1: error: upstreams: Expected at least one upstream, got none",
    ],
  },
  {
    name: "null for a map",
    yaml: withTop("log:"),
    lines: [
      "c.yaml:1:1: error: log: Expected a map, got nothing; give it a value or remove the key",
    ],
  },
  {
    name: "null for a value",
    yaml: withTop("drain_timeout:"),
    lines: [
      'c.yaml:1:1: error: drain_timeout: Expected a duration such as "250ms", "5s", "1m" or "1h", got nothing; give it a value or remove the key',
    ],
  },
  {
    name: "an unknown key of the top level",
    yaml: withTop("worker: auto"),
    lines: [
      'c.yaml:1:1: error: worker: Unknown key "worker"; did you mean "workers"?',
    ],
  },
  {
    name: "an unknown key like no other",
    yaml: withTop("colour: red"),
    lines: [
      'c.yaml:1:1: error: colour: Unknown key "colour"; there are "listeners", "upstreams", "workers", "io", "dns", "limits", "log", "admin" and "drain_timeout"',
    ],
  },
  {
    name: "a key in another letter case and with another dash",
    yaml: withTop("Drain-Timeout: 5s"),
    lines: [
      'c.yaml:1:1: error: Drain-Timeout: Unknown key "Drain-Timeout"; did you mean "drain_timeout"?',
    ],
  },
  {
    name: "a key of a map within",
    yaml: withListener("    timeout: 3s"),
    lines: [
      'c.yaml:5:5: error: listeners.edge.timeout: Unknown key "timeout"; did you mean "detect.timeout"?',
    ],
  },
  {
    name: "a key of quite another map",
    yaml: withListener("    idle_timeout: 3s"),
    lines: [
      'c.yaml:5:5: error: listeners.edge.idle_timeout: Unknown key "idle_timeout"; it belongs at "upstreams.NAME.idle_timeout"',
    ],
  },
  {
    name: "a condition beside match",
    yaml: withRoutes("      - { sni: a.example, upstream: web }"),
    lines: [
      'c.yaml:5:11: error: listeners.edge.routes[0].sni: Unknown key "sni"; did you mean "match.sni"?',
    ],
  },
  {
    name: "an unknown condition",
    yaml: withMatches("{ snii: a.example }"),
    lines: [
      'c.yaml:5:20: error: listeners.edge.routes[0].match.snii: Unknown key "snii"; did you mean "sni"?',
    ],
  },
  {
    name: "an unknown key of a target",
    yaml: withUpstream("    targets: [{ address: 10.0.0.5:443, wieght: 2 }]"),
    lines: [
      'c.yaml:5:40: error: upstreams.web.targets[0].wieght: Unknown key "wieght"; did you mean "weight"?',
    ],
  },
  {
    name: "a target without an address",
    yaml: withUpstream("    targets: [{ weight: 2 }]"),
    lines: [
      'c.yaml:5:15: error: upstreams.web.targets[0]: Key "address" is missing',
    ],
  },
  {
    name: "a route without an upstream",
    yaml: withRoutes("      - match: { protocol: tls }\n      - { upstream: web }"),
    lines: [
      'c.yaml:5:9: error: listeners.edge.routes[0]: Key "upstream" is missing',
    ],
  },
  {
    name: "a listener without bind and routes",
    yaml: `listeners:\n  edge: {}\n${UPSTREAMS}`,
    lines: [
      'c.yaml:2:3: error: listeners.edge: Key "bind" is missing',
      'c.yaml:2:3: error: listeners.edge: Key "routes" is missing',
    ],
  },
  {
    name: "a listener that is a list",
    yaml: `listeners:\n  edge: []\n${UPSTREAMS}`,
    lines: [
      "c.yaml:2:9: error: listeners.edge: Expected a map, got a list",
    ],
  },
  {
    name: "a file of YAML 1.1",
    yaml: `%YAML 1.1\n---\nlisteners: {}\n`,
    lines: [
      'c.yaml:1:1: error: Remove the line "%YAML": shunt reads YAML 1.2, where 010 is ten and off a string',
    ],
  },
  {
    name: "names that JavaScript has taken",
    yaml:
      `listeners:\n  constructor: { bind: "127.0.0.1:80", routes: [{ upstream: toString }] }\nupstreams:\n  toString: { targets: [10.0.0.5:443] }\n`,
    lines: [
      'c.yaml:2:3: error: listeners.constructor: Name "constructor" cannot be used: every object of JavaScript has it; use another',
      'c.yaml:4:3: error: upstreams.toString: Name "toString" cannot be used: every object of JavaScript has it; use another',
    ],
  },
  {
    name: "names that cannot be used",
    yaml:
      `listeners:\n  my edge: { bind: "127.0.0.1:80", routes: [{ upstream: a.b }] }\nupstreams:\n  a.b: { targets: [10.0.0.5:443] }\n`,
    lines: [
      'c.yaml:2:3: error: listeners["my edge"]: Name "my edge" cannot be used; use up to 63 letters, digits, "-" and "_", the first a letter or digit',
      'c.yaml:4:3: error: upstreams["a.b"]: Name "a.b" cannot be used; use up to 63 letters, digits, "-" and "_", the first a letter or digit',
    ],
  },
]);
