/** Checks take n log n, whatever there is n of. */

import { assert, assertEquals } from "@std/assert";
import { assertLinear } from "./_cost.ts";
import { load } from "./_table.ts";

const UPSTREAM = "upstreams: { web: { targets: [10.0.0.1:1] } }\n";

function list(n: number, item: (i: number) => string): string[] {
  return Array.from({ length: n }, (_, i) => item(i));
}

function inline(n: number, item: (i: number) => string): string {
  return `[${list(n, (i) => JSON.stringify(item(i))).join(", ")}]`;
}

/** An address for each number. */
function ip(i: number): string {
  return `10.${i >> 16}.${i >> 8 & 255}.${i & 255}`;
}

function ip6(i: number): string {
  return `2001:db8::${(i >> 16).toString(16)}:${(i & 0xffff).toString(16)}`;
}

/** Makes a listener whose routes have these conditions. */
function routes(matches: readonly string[]): string {
  const all = matches.map((match) => `    - { match: { ${match} }, upstream: web }\n`).join("");
  return `listeners:\n  edge:\n    bind: 127.0.0.1:8443\n    transports: [tcp, udp]\n    routes:\n${all}${UPSTREAM}`;
}

/** A listener with one route for all, and other keys. */
function edge(keys: string): string {
  return `listeners:\n  edge: { ${keys}, routes: [{ upstream: web }] }\n${UPSTREAM}`;
}

/**
 * Makes listeners on loopback, the i-th on port 1 + i, with a route to the upstream that the function
 * returns.
 */
function listeners(n: number, upstream: (i: number) => string): string {
  const all = list(
    n,
    (i) => `  l${i}: { bind: "127.0.0.1:${1 + i}", routes: [{ upstream: ${upstream(i)} }] }\n`,
  );
  return `listeners:\n${all.join("")}`;
}

function targets(text: string): string {
  return `listeners:\n  edge: { bind: "127.0.0.1:9", routes: [{ upstream: web }] }\n` +
    `upstreams:\n  web: { targets: ${text} }\n`;
}

const KINDS: Readonly<Record<string, (n: number) => string>> = {
  "routes with a name each": (n) => routes(list(n, (i) => `sni: h${i}.x.test`)),
  "routes with the same name": (n) => routes(list(n, () => "sni: h.x.test")),
  "routes with a wildcard each": (n) => routes(list(n, (i) => `sni: "*.h${i}.x.test"`)),
  "routes under one wildcard": (n) =>
    routes([`sni: "*.x.test"`, ...list(n, (i) => `sni: h${i}.x.test`)]),
  "routes with lists of names": (n) =>
    routes(list(n / 4, (i) => `sni: [${list(4, (j) => `h${i}-${j}.x.test`).join(", ")}]`)),
  "routes whose lists begin with the same name": (n) =>
    routes(list(n / 2, (i) => `sni: [common.test, h${i}.x.test]`)),
  "routes with the same lists of names and networks": (n) =>
    routes(
      list(n / 8, (i) =>
        `sni: [a.test, b.test, c.test, h${i}.test], source: [10.0.0.0/8, 11.0.0.0/8, 12.0.0.0/8]`),
    ),
  "routes with a network each": (n) => routes(list(n, (i) => `source: ${ip(i)}`)),
  "routes with a network of IPv6 each": (n) => routes(list(n, (i) => `source: "${ip6(i)}"`)),
  "routes with the same name and a network each": (n) =>
    routes(list(n, (i) => `sni: a.test, source: ${ip(i)}`)),
  "routes with a name and the same network": (n) =>
    routes(list(n, (i) => `sni: h${i}.test, source: 10.0.0.0/8`)),
  "routes with pairs of a few names and networks": (n) => {
    const side = Math.ceil(Math.sqrt(n));
    return routes(list(n, (i) => `sni: h${i % side}.test, source: ${ip(Math.floor(i / side))}`));
  },
  "routes with a host each": (n) => routes(list(n, (i) => `host: h${i}.x.test`)),
  "routes with an ALPN protocol each": (n) => routes(list(n, (i) => `alpn: p${i}`)),
  "routes with a protocol and an ALPN protocol": (n) =>
    routes(list(n, (i) => `protocol: ${i % 2 === 0 ? "tls" : "quic"}, alpn: p${i >> 1}`)),
  "routes with a fingerprint each": (n) =>
    routes(list(n, (i) => `ja4: t13d1516h2_${i.toString(16).padStart(12, "0")}_02713d6af862`)),
  "names in two lists": (n) =>
    routes([0, 1].map((from) => `sni: ${inline(n / 2, (i) => `h${i + from}.x.test`)}`)),
  "networks in two lists": (n) =>
    routes([0, 1].map((from) => `source: ${inline(n / 2, (i) => ip(i + from))}`)),
  "routes that are one alias": (n) =>
    routes(["sni: a.test"]).replace(
      "    - {",
      `${
        list(
          n / 8,
          (i) => `    - &r${i} { match: { sni: h${i}.b }, upstream: web }\n    - *r${i}\n`,
        ).join("")
      }    - {`,
    ),
  "trusted networks": (n) =>
    edge(`bind: "127.0.0.1:9", proxy_protocol: { accept: required, trusted: ${inline(n, ip)} }`),
  "addresses of one listener": (n) => edge(`bind: ${inline(n, (i) => `${ip(i)}:80`)}`),
  "wildcards after addresses of the other family": (n) =>
    edge(
      `bind: ${
        inline(n, (i) => i < n / 2 ? `[${ip6(i)}]:80` : i < n / 2 + 1 ? "1.2.3.4:80" : "0.0.0.0:80")
      }`,
    ),
  "listeners": (n) => listeners(n, () => "web") + UPSTREAM,
  "upstreams": (n) =>
    routes(list(n, (i) => `sni: h${i}.test`)).replace(UPSTREAM, "").replaceAll(
      /upstream: web/g,
      (() => {
        let i = 0;
        return () => `upstream: u${i++}`;
      })(),
    ) + `upstreams:\n${list(n, (i) => `  u${i}: { targets: [10.0.0.1:1] }\n`).join("")}`,
  "a ring of listeners": (n) =>
    `${listeners(n, (i) => `u${i}`)}upstreams:\n${
      list(n, (i) => `  u${i}: { targets: ["127.0.0.1:${1 + (i + 1) % n}"] }\n`).join("")
    }`,
  "a chain of listeners": (n) =>
    `${listeners(n, (i) => `u${i}`)}upstreams:\n${
      list(n, (i) => `  u${i}: { targets: ["127.0.0.1:${2 + i}"] }\n`).join("")
    }`,
  "listeners that are all targets of all": (n) =>
    `${listeners(n / 2, () => "web")}upstreams:\n  web: { targets: ${
      inline(n / 2, (i) => `127.0.0.1:${1 + i}`)
    } }\n`,
  "targets": (n) => targets(inline(n, (i) => `${ip(i)}:80`)),
  "the same target": (n) => targets(inline(n, () => "10.0.0.1:80")),
  "values of the wrong kind": (n) => routes([`sni: ${inline(n, () => "a b")}`]),
  "routes of the wrong kind": (n) => routes(list(n, () => "sni: 5")),
  "unknown keys": (n) => routes(["sni: a.test"]) + list(n, (i) => `k${i}: 1\n`).join(""),
  "keys that stand twice": (n) => routes(["sni: a.test"]) + "log: {}\n".repeat(n),
  "unknown protocols": (n) => routes(list(n, (i) => `protocol: bogus${i}`)),
};

for (const [name, yaml] of Object.entries(KINDS)) {
  Deno.test(`config cost: twice as many ${name} take about twice as long`, () => {
    assertLinear(2000, (n) => {
      const text = yaml(n);
      return () => void load(text);
    });
  });
}

Deno.test("config cost: suggestions for unknown names come to an end", () => {
  const yaml = (n: number) =>
    routes(list(n, (i) => `sni: h${i}.test`)).replaceAll(
      "upstream: web",
      `upstream: ${"q".repeat(50)}`,
    )
      .replace(UPSTREAM, "upstreams:\n") +
    list(n, (i) => `  ${"z".repeat(50)}${i}: { targets: [10.0.0.1:1] }\n`).join("");
  assertLinear(4000, (n) => {
    const text = yaml(n);
    return () => void load(text);
  });
});

Deno.test("config cost: 10,000 routes with lists of names and upstreams of their own are read", () => {
  const names = list(
    10_000,
    (i) =>
      `    - match:\n        sni: [h${i}.example.com, www.h${i}.example.com]\n      upstream: up-${i}\n`,
  );
  const ups = list(10_000, (i) => `  up-${i}: { targets: ["10.0.0.1:443"] }\n`);
  const { config, problems } = load(
    `listeners:\n  edge:\n    bind: 127.0.0.1:1\n    routes:\n${names.join("")}upstreams:\n${
      ups.join("")
    }`,
  );
  assertEquals(problems, []);
  assert(config?.listeners.edge?.routes.length === 10_000);
});

Deno.test("config cost: 10,000 errors of any kind are all found", () => {
  for (const kind of ["values of the wrong kind", "routes of the wrong kind", "unknown keys"]) {
    assertEquals(load(KINDS[kind]!(10_000)).problems.length, 10_000, kind);
  }
});
