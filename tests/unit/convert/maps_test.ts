import { assertEquals, assertStringIncludes } from "@std/assert";
import { convert, convertAndLoad, targetOf } from "./_convert.ts";

type Seen = Parameters<typeof targetOf>[1];

/** Makes one server on port 1 that passes to the values of the maps. */
function stream(maps: string, pass: string, more = ""): string {
  return `stream { ${maps} server { listen 1; ssl_preread on; proxy_pass ${pass}; ${more} } }`;
}

const NAME = "map $ssl_preread_server_name $name";
const VERSION = "map $ssl_preread_protocol $version";
const ALPN = "map $ssl_preread_alpn_protocols $alpn";

const CASES: readonly [what: string, text: string, ...[Omit<Seen, "listener">, string?][]][] = [
  [
    "TLS and SSH on one port",
    stream(`${VERSION} { "" ssh:22; default web:443; }`, "$version"),
    [{ sni: "x.com" }, "web:443"],
    [{}, "web:443"],
    [{ protocol: "ssh" }, "ssh:22"],
    [{ protocol: "unknown" }, "ssh:22"],
  ],
  [
    "versions of TLS as new clients offer them",
    stream(`${VERSION} { "" a:1; TLSv1.2 b:1; default c:1; }`, "$version"),
    [{}, "c:1"],
  ],
  [
    "a default for what is not TLS",
    stream(`${VERSION} { TLSv1.2 b:1; TLSv1.3 b:1; default c:1; }`, "$version"),
    [{}, "b:1"],
    [{ protocol: "ssh" }, "c:1"],
  ],
  [
    "a port by ALPN",
    stream(`${ALPN} { ~\\bacme-tls/1\\b 10443; default 443; }`, "10.0.0.1:$alpn"),
    [{ alpn: ["acme-tls/1"] }, "10.0.0.1:10443"],
    [{ alpn: ["h2"] }, "10.0.0.1:443"],
  ],
  [
    "a map by the value of another map",
    stream(
      `${NAME} { a.com 10.0.0.1:1; default ""; } ${VERSION} { "" ssh:22; default web:443; }
       map $name $both { "" $version; default $name; }`,
      "$both",
    ),
    [{ sni: "a.com" }, "10.0.0.1:1"],
    [{ sni: "b.com" }, "web:443"],
    [{ protocol: "ssh" }, "ssh:22"],
  ],
  [
    "clients without a name",
    stream(`${NAME} { "" none:1; a.com a:1; default other:1; }`, "$name"),
    [{ sni: "a.com" }, "a:1"],
    [{ sni: "b.com" }, "other:1"],
    [{}, "none:1"],
    [{ protocol: "ssh" }, "none:1"],
  ],
  [
    "a name within a name",
    stream(
      `${NAME} { hostnames; .a.com $inner; default x:1; }
       map $ssl_preread_server_name $inner { www.a.com w:1; b.com never:1; default i:1; }`,
      "$name",
    ),
    [{ sni: "www.a.com" }, "w:1"],
    [{ sni: "a.com" }, "i:1"],
    [{ sni: "b.com" }, "x:1"],
  ],
  [
    "no default, which closes",
    stream(`${NAME} { a.com a:1; b.com ""; }`, "$name"),
    [{ sni: "a.com" }, "a:1"],
    [{ sni: "b.com" }],
    [{ protocol: "ssh" }],
  ],
  [
    "allow and deny in their order",
    stream("", "a:1", "allow 10.0.0.1; deny 10.0.0.0/8; allow all;"),
    [{ source: "10.0.0.1" }, "a:1"],
    [{ source: "10.0.0.2" }, "reset"],
    [{ source: "192.0.2.1" }, "a:1"],
  ],
  [
    "nobody but some",
    stream("", "a:1", "allow 10.0.0.0/8; allow 192.0.2.9; deny all;"),
    [{ source: "10.0.0.1" }, "a:1"],
    [{ source: "192.0.2.9" }, "a:1"],
    [{ source: "192.0.2.1" }],
  ],
  [
    "a map that nothing prereads for",
    stream(`${NAME} { a.com a:1; default d:1; }`, "$name").replace("ssl_preread on;", ""),
    [{ sni: "a.com" }, "d:1"],
  ],
];

for (const [what, text, ...clients] of CASES) {
  Deno.test(`convert nginx: ${what}`, () => {
    const { config, yaml } = convertAndLoad(text);
    for (const [seen, target] of clients) {
      assertEquals(targetOf(config, { listener: "tcp-1", ...seen }), target, yaml);
    }
  });
}

Deno.test("convert nginx: closes clients that do not speak first only if nginx reads", () => {
  const { config } = convertAndLoad(
    `stream { ${VERSION} { "" a:1; default b:1; } preread_timeout 5s; ssl_preread on;
     server { listen 1; proxy_pass $version; } server { listen 2; proxy_pass c:1; } }`,
  );
  const { "tcp-1": reads, "tcp-2": passes } = config.listeners;
  assertEquals([reads?.detect.timeout, reads?.detect.on_timeout], [5000, "close"]);
  assertEquals([passes?.detect.timeout, passes?.detect.on_timeout], [3000, "fallthrough"]);
});

Deno.test("convert nginx: trusts only the machine itself with PROXY headers, and says so", () => {
  const { config, yaml } = convertAndLoad("server { listen 1 proxy_protocol; proxy_pass a:1; }");
  assertEquals(config.listeners["tcp-1"]?.proxy_protocol, {
    accept: "required",
    trusted: ["127.0.0.0/8", "::1"],
  });
  assertStringIncludes(yaml, "list the senders in trusted");
});

Deno.test("convert nginx: clients of an entry that cannot be converted are closed, not given to others", () => {
  const { config, yaml } = convertAndLoad(
    stream(`${NAME} { a.com $ssl_preread_server_name:443; default d:1; }`, "$name"),
  );
  assertEquals(targetOf(config, { listener: "tcp-1", sni: "a.com" }), "reset");
  assertStringIncludes(yaml, '# Line 1, "a.com $ssl_preread_server_name:443": not converted');
});

Deno.test("convert nginx: a map that leads back to itself is reported, not followed", () => {
  const { config, yaml } = convertAndLoad(
    stream(
      `${NAME} { a.com $name; b.com $two; default d:1; } map $name $two { b $name; default x:1; }`,
      "$name",
    ),
  );
  assertEquals(targetOf(config, { listener: "tcp-1", sni: "a.com" }), "reset");
  assertEquals(targetOf(config, { listener: "tcp-1", sni: "c.com" }), "d:1");
  assertStringIncludes(yaml, "$name leads back to itself");
});

Deno.test("convert: listens on [::] once, if IPv4 was asked for too", () => {
  const both = convert("server { listen 443; listen [::]:443; proxy_pass a:1; }");
  assertStringIncludes(both.yaml, 'bind: "[::]:443"');
  const some = convert("server { listen 127.0.0.1:443; listen [::]:443; proxy_pass a:1; }");
  assertStringIncludes(some.yaml, "bind: 127.0.0.1:443");
  assertEquals([both.unconverted, some.unconverted], [0, 1]);
});

Deno.test("convert: a name to listen on loses no route to the same port of this host", () => {
  const sslh = convertAndLoad(`
listen: ( { host: "thelonious"; port: "443"; } );
protocols: (
  { name: "ssh"; host: "localhost"; port: "22"; },
  { name: "tls"; host: "localhost"; port: "443"; },
  { name: "anyprot"; host: "localhost"; port: "443"; }
);`);
  assertStringIncludes(sslh.yaml, 'put that of "thelonious" in place of 192.0.2.1');
  assertEquals(targetOf(sslh.config, { listener: "tcp", protocol: "tls" }), "localhost:443");
  assertEquals(targetOf(sslh.config, { listener: "tcp", protocol: "ssh" }), "localhost:22");
  const nginx = convertAndLoad(`
stream {
  map $ssl_preread_server_name $to { a.test 10.0.0.1:443; default 127.0.0.1:443; }
  server { listen edge.example.com:443; ssl_preread on; proxy_pass $to; }
}`);
  const [listener = ""] = Object.keys(nginx.config.listeners);
  assertEquals(targetOf(nginx.config, { listener, sni: "b.test" }), "127.0.0.1:443");
});

Deno.test("convert nginx: clients of an upstream without a usable server are closed, not given to others", () => {
  const { config, yaml } = convertAndLoad(`
stream {
  upstream d { server 10.0.0.1:443; }
  upstream y { server 10.0.0.3:443 down; }
  map $ssl_preread_server_name $to { hostnames; default d; *.example.com y; }
  server { listen 443; ssl_preread on; proxy_pass $to; }
}`);
  const [listener = ""] = Object.keys(config.listeners);
  assertEquals(targetOf(config, { listener, sni: "a.example.com" }), "reset");
  assertEquals(targetOf(config, { listener, sni: "b.test" }), "10.0.0.1:443");
  assertStringIncludes(yaml, "it has no usable target; builtin:reset closes what comes to it");
});
