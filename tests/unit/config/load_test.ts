import { assert, assertEquals, assertThrows } from "@std/assert";
import { parseConfig } from "../../../src/config/load.ts";
import { formatProblem } from "../../../src/config/problem.ts";
import { PROTOCOLS } from "../../../src/detect/mod.ts";
import { ConfigError } from "../../../src/errors.ts";
import { load, UPSTREAMS, withListener, withMatches, withRoutes, withTop } from "./_table.ts";

function lines(yaml: string, set: readonly string[] = []): string[] {
  return load(yaml, set).problems.map(formatProblem);
}

Deno.test("config load: takes names as written, and paths with their letter case", () => {
  const { config, problems } = load(`listeners:
  0x1F: { bind: "127.0.0.1:80", routes: [{ match: { protocol: tls }, upstream: "010" }, { upstream: "1e3" }] }
upstreams:
  010: { targets: ["unix:/tmp/A", "unix:/tmp/a"] }
  1e3: { targets: [10.0.0.5:443] }
`);
  assertEquals(problems.filter(({ severity }) => severity === "error"), []);
  assertEquals(Object.keys(config?.listeners ?? {}), ["0x1F"]);
  assertEquals(Object.keys(config?.upstreams ?? {}).sort(), ["010", "1e3"]);
});

Deno.test("config load: gives every missing key its default", () => {
  const { config, problems } = load(withTop(""));
  assertEquals(problems, []);
  assertEquals(config, {
    listeners: {
      edge: {
        bind: ["127.0.0.1:80"],
        transports: ["tcp", "udp"],
        detect: { timeout: 3000, on_timeout: "fallthrough", max_bytes: 65536 },
        proxy_protocol: { accept: "off", trusted: [] },
        limits: {
          sessions: 10000,
          flows: 20000,
          unanswered_flow_timeout: 5000,
          per_source: "auto",
          new_per_source: 0,
        },
        routes: [{ upstream: "web" }],
      },
    },
    upstreams: {
      web: {
        targets: [
          {
            address: { kind: "inet", host: "10.0.0.5", port: 443 },
            weight: 1,
            backup: false,
          },
        ],
        balance: "round_robin",
        connect_timeout: 5000,
        retries: 2,
        send_proxy_protocol: "off",
        limits: { sessions_per_target: 0 },
        health: {
          interval: 0,
          timeout: 2000,
          probe: "tcp",
          rise: 2,
          fall: 3,
          eject_after: 5,
          eject_for: 10000,
          slow_start: 0,
        },
      },
    },
    workers: "auto",
    io: "auto",
    dns: { min_ttl: 30000, max_ttl: 3600000 },
    limits: {
      memory: "auto",
      detect_memory: 64 * 1024 * 1024,
      relay_memory: 128 * 1024 * 1024,
    },
    log: {
      level: "info",
      format: "text",
      access: true,
      access_rate: 1000,
      template: null,
      file: null,
    },
    admin: { bind: "127.0.0.1:9901", token_file: null },
    drain_timeout: 30000,
  });
});

Deno.test("config load: reads every key that is supported", () => {
  const { config, problems } = load(`
listeners:
  edge:
    bind: ["0.0.0.0:8448", "[2001:db8::1]:0", "localhost:9000"]
    transports: [tcp]
    detect: { timeout: 250ms, on_timeout: close, max_bytes: 4096 }
    proxy_protocol: { accept: required, trusted: [10.0.0.0/8, "::1"] }
    limits: { sessions: 1, flows: 2, unanswered_flow_timeout: 1m, per_source: 3, new_per_source: 0.5/s }
    routes:
      - match:
          protocol: tls
          sni: ["*.Example.COM", example.com.]
          alpn: [h2, http/1.1]
          source: [10.0.0.0/8, 2001:db8::/32, 192.0.2.7]
        upstream: web
      - { match: { protocol: http, host: ["*.example.com", 192.0.2.1, "2001:db8::1"] }, upstream: web }
      - upstream: web
upstreams:
  web:
    targets:
      - web.internal:443
      - { address: "[2001:db8::2]:443", weight: 3, backup: true }
      - unix:/run/app.sock
      - builtin:echo
    balance: maglev
    connect_timeout: 1s
    retries: 0
    send_proxy_protocol: v2
    idle_timeout: 2h
    limits: { sessions_per_target: 100 }
workers: 1
io: deno
dns: { min_ttl: 0s, max_ttl: 1m }
limits: { detect_memory: 1MiB }
log: { level: debug, format: json, access: false, file: null }
admin: null
drain_timeout: 0s
`);
  assertEquals(problems, []);
  assert(config !== undefined);
  const edge = config.listeners["edge"];
  assertEquals(edge?.detect, { timeout: 250, on_timeout: "close", max_bytes: 4096 });
  assertEquals(edge?.limits, {
    sessions: 1,
    flows: 2,
    unanswered_flow_timeout: 60_000,
    per_source: 3,
    new_per_source: 0.5,
  });
  assertEquals(edge?.proxy_protocol, { accept: "required", trusted: ["10.0.0.0/8", "::1"] });
  assertEquals(edge?.routes[0]?.match, {
    protocol: ["tls"],
    sni: ["*.example.com", "example.com"],
    alpn: ["h2", "http/1.1"],
    source: ["10.0.0.0/8", "2001:db8::/32", "192.0.2.7"],
  });
  const web = config.upstreams["web"];
  assertEquals(web?.targets.map(({ address }) => address.kind), [
    "inet",
    "inet",
    "unix",
    "builtin",
  ]);
  assertEquals(web?.targets[1]?.weight, 3);
  assertEquals(web?.idle_timeout, 7_200_000);
  assertEquals([config.workers, config.io, config.drain_timeout], [1, "deno", 0]);
});

Deno.test("config load: takes a scalar for a list of one", () => {
  const scalars = load(withListener(`    transports: tcp
    proxy_protocol: { accept: optional, trusted: 10.0.0.0/8 }`));
  assertEquals(scalars.config?.listeners["edge"]?.transports, ["tcp"]);
  assertEquals(scalars.config?.listeners["edge"]?.proxy_protocol.trusted, ["10.0.0.0/8"]);
  const matches = load(withMatches(
    "{ protocol: tls, sni: a.example, alpn: h2, source: 10.0.0.1 }",
    "{ protocol: http, host: a.example }",
  ));
  assertEquals(matches.config?.listeners["edge"]?.routes.map(({ match }) => match), [
    { protocol: ["tls"], sni: ["a.example"], alpn: ["h2"], source: ["10.0.0.1"] },
    { protocol: ["http"], host: ["a.example"] },
  ]);
});

Deno.test("config load: reports the errors of all parts at once, in the order of the lines", () => {
  assertEquals(
    lines(`workers: 0
listeners:
  edge:
    bnd: 127.0.0.1:80
    bind: 127.0.0.1
    detect: { timeout: 3 }
    routes:
      - match: { protocol: tlss, snii: a.example }
        upstream: wbe
      - match: { protocol: ssh, sni: a.example }
        upstream: web
      - upstream: web
      - upstream: web
upstreams:
  web: { targets: [10.0.0.5:443, 10.0.0.5:443], retries: -1 }
`).map((line) => line.replace(/^c\.yaml:([0-9:]+): error: (.*?): .*$/, "$1 $2")),
    [
      "1:10 workers",
      "4:5 listeners.edge.bnd",
      "5:11 listeners.edge.bind",
      "6:24 listeners.edge.detect.timeout",
      "8:28 listeners.edge.routes[0].match.protocol",
      "8:34 listeners.edge.routes[0].match.snii",
      "9:19 listeners.edge.routes[0].upstream",
      "10:9 listeners.edge.routes[1].match",
      "13:9 listeners.edge.routes[3]",
      "15:34 upstreams.web.targets[1]",
      "15:58 upstreams.web.retries",
    ],
  );
});

Deno.test("config load: accepts routes that only look alike", () => {
  const alike = [
    ["{ protocol: tls, sni: a.example }", "{ protocol: tls }"],
    ["{ sni: a.example }", '{ sni: "*.a.example" }'],
    ['{ sni: "*.a.example" }', "{ sni: a.example }"],
    ['{ sni: "*.a.example" }', "{ sni: xa.example }"],
    ['{ sni: "*" }', "{ protocol: tls }"],
    ["{ sni: a.example }", "{ sni: [a.example, b.example] }"],
    ["{ protocol: tls, alpn: h2 }", "{ protocol: tls, alpn: [h2, http/1.1] }"],
    ["{ protocol: tls, alpn: h2 }", "{ protocol: tls, sni: a.example }"],
    ["{ source: 10.0.0.0/16 }", "{ source: 10.0.0.0/8 }"],
    ["{ source: 0.0.0.0/0 }", '{ source: "::1" }'],
    ["{ protocol: [tls, http] }", "{ protocol: [http, ssh] }"],
    ["{ protocol: tls }", "{ sni: a.example }"],
    ["{ protocol: unknown }", "{ protocol: silent }"],
  ];
  for (const matches of alike) assertEquals(lines(withMatches(...matches)), [], matches.join());
});

Deno.test("config load: accepts addresses that only look alike", () => {
  const alike = [
    '["127.0.0.1:0", "127.0.0.1:0"]',
    '["127.0.0.1:80", "127.0.0.2:80"]',
    '["127.0.0.1:80", "127.0.0.1:81"]',
    '["0.0.0.0:80", "[::1]:80"]',
  ];
  for (const bind of alike) {
    assertEquals(lines(withListener("").replace("127.0.0.1:80", bind)), [], bind);
  }
  const apart = `listeners:
  a: { bind: "127.0.0.1:80", transports: tcp, routes: [{ upstream: web }] }
  b: { bind: "127.0.0.1:80", transports: udp, routes: [{ upstream: web }] }
${UPSTREAMS}`;
  assertEquals(lines(apart), []);
});

Deno.test("config load: counts an upstream as used if its name is only mistyped", () => {
  assertEquals(lines(withRoutes("      - { upstream: wbe }")).length, 1);
});

Deno.test("config load: keeps warnings beside a usable config", () => {
  const { config, problems } = load(`${withTop("")}  spare: { targets: [10.0.0.6:443] }\n`);
  assert(config !== undefined);
  assertEquals(problems.map(({ severity, code }) => [severity, code]), [["warning", "unused"]]);
});

Deno.test("config load: reads anchors and aliases", () => {
  const { config, problems } = load(`listeners:
  a: &a { bind: "127.0.0.1:0", routes: [{ upstream: web }] }
  b: *a
${UPSTREAMS}`);
  assertEquals(problems, []);
  assertEquals(config?.listeners["a"], config?.listeners["b"]);
});

Deno.test("config load: sets values from outside, even if one text stands in two places", () => {
  const yaml = `listeners:
  a: &a { bind: "127.0.0.1:80", routes: [{ upstream: web }] }
  b: *a
${UPSTREAMS}`;
  const { config, problems } = load(yaml, [
    "listeners.b.bind=[127.0.0.1:81]",
    "listeners.b.routes[0].match={ protocol: ssh }",
    "log.level=debug",
    "drain_timeout=1s",
  ]);
  assertEquals(problems, []);
  assertEquals(config?.listeners["a"]?.bind, ["127.0.0.1:80"]);
  assertEquals(config?.listeners["b"]?.bind, ["127.0.0.1:81"]);
  assertEquals(config?.listeners["a"]?.routes, [{ upstream: "web" }]);
  assertEquals(config?.listeners["b"]?.routes[0]?.match, { protocol: ["ssh"] });
  assertEquals([config?.log.level, config?.drain_timeout], ["debug", 1000]);
});

Deno.test("config load: lets an override replace a wrong value in the file", () => {
  assertEquals(lines(withTop("drain_timeout: 5"), ["drain_timeout=5s"]), []);
});

Deno.test("config load: reads Windows line ends and a byte order mark", () => {
  const { config, problems } = load("\ufeff" + withTop("workers: 1").replaceAll("\n", "\r\n"));
  assertEquals(problems, []);
  assertEquals(config?.workers, 1);
});

Deno.test("config load: a caller that wants a configuration or nothing gets every error in one", () => {
  const error = assertThrows(
    () => parseConfig("listeners: 1\nupstreamz: 2\n", { file: "c.yaml", protocols: PROTOCOLS }),
    ConfigError,
  );
  assertEquals([error.code, error.context], ["bad_config", { file: "c.yaml" }]);
  assertEquals(error.message.split("\n").length, 3);
});
