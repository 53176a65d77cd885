import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { stringify } from "smol-toml";
import { ConfigError } from "../../../src/errors.ts";
import { FORMATS } from "../../../src/convert/mod.ts";
import { convert, convertAndLoad, targetOf } from "./_convert.ts";

const RUNS = { numRuns: 150 };

/** Words that a configuration may hold, legal and not. */
const host = fc.constantFrom(
  "10.0.0.1",
  "a.internal",
  "::1",
  "[::1]",
  "bad host",
  "",
  "localhost",
  "*",
);
const port = fc.constantFrom("443", "80", "0", "70000", "https", "nonsense", "22");
const name = fc.constantFrom(
  ...[
    "example.com",
    "www.example.com",
    "*.example.com",
    ".example.com",
    "*",
    "",
    "a..b",
    "x".repeat(64),
  ],
  ...[
    "~^a\\.com$",
    "~x",
    "www.example.*",
    "default",
    "hostnames",
    "192.0.2.1",
    "EXAMPLE.com",
    "k\u00e4se.de",
  ],
);
const alpn = fc.constantFrom(
  "h2",
  "http/1.1",
  "",
  "y".repeat(256),
  "h?",
  "~\\bh2\\b",
  "h2,http/1.1",
);
const number = fc.constantFrom(0, 1, 30, 100_000, 999_999_999);
const network = fc.constantFrom(
  "10.0.0.0/8",
  "10.1.0.0/16",
  "all",
  "unix:",
  "::/0",
  "10.0.0.0/99",
  "me",
);

/** Converts what must be readable; a file of which nothing is left says so. */
function convertsOrSaysWhy(text: string, from: (typeof FORMATS)[number]): void {
  try {
    convertAndLoad(text, from);
  } catch (error) {
    assert(error instanceof ConfigError && error.code === "unreadable", String(error));
    assertStringIncludes(error.message, "Nothing in the file can be converted");
  }
}

const target = fc.tuple(host, port).map((parts) => parts.join(":"));
const balance = fc.constantFrom("source_ip", "source_socket", "random", "none", "magic");
const rpxyEntry = fc.record({
  protocol: fc.constantFrom("tls", "ssh", "http", "socks5", "wireguard", "quic", "rtp"),
  target: fc.array(target, { maxLength: 3 }),
  load_balance: balance,
  alpn: fc.array(alpn, { maxLength: 3 }),
  server_names: fc.array(name, { maxLength: 4 }),
  idle_lifetime: number,
  send_proxy_protocol: fc.constantFrom("none", "v1", "V2", "v9"),
  surprise: number,
}, { requiredKeys: [] });

Deno.test("convert: whatever an rpxy-l4 configuration says, the output loads", () => {
  const config = fc.record({
    listen_port: number,
    listen_ipv6: fc.boolean(),
    listen_address_v4: fc.array(host, { maxLength: 2 }),
    tcp_max_connections: number,
    udp_max_connections: number,
    tcp_target: fc.array(target, { maxLength: 2 }),
    tcp_load_balance: balance,
    udp_target: fc.array(target, { maxLength: 2 }),
    udp_idle_lifetime: number,
    dns_cache_min_ttl: fc.constantFrom("30s", "1 min", "soon", "900h"),
    dns_cache_max_ttl: fc.constantFrom("1h", "10s", "0s"),
    tcp_send_proxy_protocol: fc.constantFrom("v1", "none", "x"),
    tcp_trusted_proxies: fc.array(network, { minLength: 1, maxLength: 3 }),
    tcp_recv_proxy_protocol: fc.boolean(),
    protocols: fc.dictionary(fc.string(), rpxyEntry, { maxKeys: 8 }),
  }, { requiredKeys: ["listen_port", "tcp_trusted_proxies"] });
  fc.assert(
    fc.property(config, (config) => convertsOrSaysWhy(stringify(config), "rpxy-l4")),
    RUNS,
  );
});

function libconfig(value: unknown): string {
  if (Array.isArray(value)) return `( ${value.map(libconfig).join(", ")} )`;
  if (typeof value === "object" && value !== null) {
    return `{ ${
      Object.entries(value).map(([key, item]) => `${key}: ${libconfig(item)};`).join(" ")
    } }`;
  }
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

Deno.test("convert: whatever an sslh configuration says, the output loads", () => {
  const probe = fc.constantFrom(
    ...[
      "ssh",
      "tls",
      "http",
      "socks5",
      "wireguard",
      "openvpn",
      "regex",
      "anyprot",
      "timeout",
      "xmpp",
      "",
    ],
  );
  const entry = fc.record({
    name: probe,
    host,
    port,
    is_udp: fc.boolean(),
    is_unix: fc.boolean(),
    fork: fc.boolean(),
    udp_timeout: number,
    max_connections: number,
    proxyprotocol: fc.constantFrom(1, 2, 3),
    sni_hostnames: fc.array(name, { maxLength: 3 }),
    alpn_protocols: fc.array(alpn, { maxLength: 3 }),
    regex_patterns: fc.array(fc.constantFrom("", "^x"), { maxLength: 2 }),
  }, { requiredKeys: ["name", "host", "port"] });
  const listen = fc.record({
    host,
    port,
    is_udp: fc.boolean(),
    is_unix: fc.boolean(),
    keepalive: fc.boolean(),
    proxyprotocol: fc.boolean(),
    max_connections: number,
  }, { requiredKeys: ["host", "port"] });
  const config = fc.record({
    timeout: number,
    "on-timeout": probe,
    transparent: fc.boolean(),
    listen: fc.array(listen, { minLength: 1, maxLength: 5 }),
    protocols: fc.array(entry, { minLength: 1, maxLength: 8 }),
  }, { requiredKeys: ["listen", "protocols"] });
  fc.assert(
    fc.property(config, (config) => {
      const text = Object.entries(config).map(([key, value]) => `${key}: ${libconfig(value)};`);
      convertsOrSaysWhy(text.join("\n"), "sslh");
    }),
    RUNS,
  );
});

const value = fc.oneof(
  fc.constantFrom("$a", "$b", "$c", "${a}:443", "$other", "web", "empty", "nowhere", '""'),
  target.map((text) => JSON.stringify(text)),
);
const map = (keys: fc.Arbitrary<string>) =>
  fc.array(fc.tuple(keys, value), { maxLength: 8 })
    .map((entries) => entries.map(([key, value]) => `${JSON.stringify(key)} ${value};`).join("\n"));
const listenWord = fc.tuple(
  fc.constantFrom(
    "443",
    "*:443",
    "[::]:443",
    "localhost:80",
    "myhost:80",
    "1-3",
    "9-1",
    "unix:/x",
    "x",
  ),
  fc.constantFrom("", "udp", "ssl", "proxy_protocol", "reuseport", "so_keepalive=on"),
).map((words) => `listen ${words.join(" ")};`);
const directive = fc.oneof(
  listenWord,
  value.map((value) => `proxy_pass ${value};`),
  network.map((network) => `allow ${network};`),
  network.map((network) => `deny ${network};`),
  network.map((network) => `set_real_ip_from ${network};`),
  fc.constantFrom("ssl_preread on;", "proxy_protocol on;", "proxy_ssl on;", "surprise { a b; }"),
  fc.constantFrom("proxy_timeout 1d;", "proxy_timeout soon;", "proxy_connect_timeout 0;"),
  fc.constantFrom("preread_timeout 1ms;", "preread_buffer_size 1;", "proxy_next_upstream off;"),
);

Deno.test("convert: whatever an nginx configuration says, the output loads", () => {
  const server = fc.array(directive, { maxLength: 8 })
    .map((list) => `server { listen 444; proxy_pass $a; ${list.join(" ")} }`);
  const config = fc.record({
    names: map(name),
    alpns: map(alpn),
    versions: map(fc.constantFrom("", "TLSv1.2", "TLSv1.3", "default", "~^TLS", "x")),
    targets: fc.array(
      fc.tuple(
        target,
        fc.constantFrom(
          "",
          "weight=3",
          "weight=0",
          "backup",
          "down",
          "max_conns=2 max_fails=1",
          "fail_timeout=0",
        ),
      ),
      { minLength: 1, maxLength: 4 },
    ),
    around: fc.array(directive, { maxLength: 3 }),
    servers: fc.array(server, { minLength: 1, maxLength: 3 }),
  });
  fc.assert(
    fc.property(config, ({ names, alpns, versions, targets, around, servers }) => {
      const web = targets.map(([address, more]) => `server ${JSON.stringify(address)} ${more};`);
      convertsOrSaysWhy(
        `stream { map $ssl_preread_server_name $a { ${names} }
         map $ssl_preread_alpn_protocols $b { ${alpns} }
         map $ssl_preread_protocol $c { ${versions} }
         upstream web { least_conn; hash $remote_addr; ${web.join(" ")} } upstream empty { }
         ${around.join(" ")} ${servers.join("\n")} }`,
        "nginx",
      );
    }),
    RUNS,
  );
});

Deno.test("convert: any text is converted or refused, and nothing else is thrown", () => {
  const fragment = fc.constantFrom(
    ...[
      "listen",
      "=",
      ":",
      "(",
      ")",
      "{",
      "}",
      ";",
      '"',
      "'",
      "[",
      "]",
      "\\",
      "#",
      "/*",
      "\n",
      " ",
      "$",
      "~",
    ],
    ...[
      "server",
      "stream",
      "map",
      "protocols",
      "proxy_pass",
      "443",
      "listen_port",
      "tls",
      "\u0000",
      "\u{1f600}",
    ],
  );
  const text = fc.oneof(
    fc.string({ unit: "binary", maxLength: 60 }),
    fc.array(fragment, { maxLength: 60 }).map((parts) => parts.join("")),
  );
  fc.assert(
    fc.property(text, fc.constantFrom(undefined, ...FORMATS), (text, from) => {
      try {
        convertAndLoad(text, from);
      } catch (error) {
        assert(error instanceof ConfigError && error.code === "unreadable", String(error));
      }
    }),
    { numRuns: 1000 },
  );
});

const label = fc.constantFrom("a", "b", "www");
const suffix = fc.constantFrom("x.com", "y.x.com", "com");

/** What nginx does with `hostnames`: the exact name, then the longest wildcard, then the default. */
function nginxLooksUp(
  map: ReadonlyMap<string, string>,
  name: string | undefined,
): string | undefined {
  if (name === undefined) return map.get("") ?? map.get("default");
  const exact = map.get(name);
  if (exact !== undefined) return exact;
  const wild = [...map.keys()].filter((key) =>
    (key.startsWith(".") && `.${name}`.endsWith(key)) ||
    (key.startsWith("*.") && name.endsWith(key.slice(1)))
  ).sort((a, b) => b.replace("*", "").length - a.replace("*", "").length);
  return map.get(wild[0] ?? "default");
}

Deno.test("convert: names go to the target of nginx's map", () => {
  const name = fc.oneof(suffix, fc.tuple(label, suffix).map((parts) => parts.join(".")));
  const key = fc.oneof(
    name,
    suffix.map((suffix) => `*.${suffix}`),
    fc.constantFrom("", "default"),
  );
  const entries = fc.array(fc.tuple(key, fc.constantFrom("t1:1", "t2:2", "t3:3")), {
    minLength: 1,
  });
  fc.assert(
    fc.property(entries, fc.option(name, { nil: undefined }), (entries, name) => {
      const map = new Map(entries);
      const lines = [...map].map(([key, value]) => `${JSON.stringify(key)} ${value};`);
      const { config } = convertAndLoad(
        `stream { map $ssl_preread_server_name $x { hostnames; ${lines.join(" ")} }
       server { listen 443; ssl_preread on; proxy_pass $x; } }`,
      );
      const seen = { listener: "tcp-443", ...(name === undefined ? {} : { sni: name }) };
      const got = targetOf(config, seen);
      assertEquals(got === "reset" ? undefined : got, nginxLooksUp(map, name));
    }),
    RUNS,
  );
});

Deno.test("convert: unknown directives are reported with their lines, in every format", () => {
  const texts = {
    "rpxy-l4": "listen_port = 1\nsurprise = 1\ntcp_target = ['a:1']\n",
    sslh:
      'listen: ( { host: "::1"; port: "1"; } );\nsurprise: 1;\nprotocols: ( { name: "ssh"; host: "a"; port: "1"; } );',
    nginx: "server { listen 1;\nsurprise 1;\nproxy_pass a:1; }",
  };
  for (const [from, text] of Object.entries(texts)) {
    const { yaml, unconverted, format } = convert(text);
    assertEquals([format, unconverted], [from, 1], yaml);
    assertStringIncludes(yaml, '# Line 2, "surprise');
  }
});
