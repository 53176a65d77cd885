import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { MatchConfig, RouteConfig } from "../../../src/config/schema.ts";
import { FACTS } from "../../../src/facts/mod.ts";
import { Router, type Seen } from "../../../src/resolve/router.ts";
import { isFault } from "../../../src/wording.ts";

const PROTOCOLS = [
  { name: "tls", transports: ["tcp"] },
  { name: "http", transports: ["tcp"] },
  { name: "ssh", transports: ["tcp"] },
  { name: "quic", transports: ["udp"] },
  { name: "openvpn", transports: ["tcp", "udp"] },
] as const;

function router(...matches: (MatchConfig | undefined)[]): Router {
  const routes = matches.map((match, i): RouteConfig =>
    match === undefined ? { upstream: `u${i}` } : { match, upstream: `u${i}` }
  );
  return new Router({ routes }, { protocols: PROTOCOLS });
}

function seen(facts: Partial<Seen>): Seen {
  return { transport: "tcp", protocol: "tls", source: "192.0.2.1", ...facts };
}

const JA4 = "t13d1516h2_8daaf6152771_02713d6af862";

const MATCHES: readonly [string, MatchConfig | undefined, Partial<Seen>, boolean][] = [
  ["no match takes everything", undefined, { protocol: "silent" }, true],
  ["an empty match takes everything", {}, { protocol: "unknown" }, true],
  ["a protocol takes itself", { protocol: ["tls"] }, {}, true],
  ["a protocol takes no other", { protocol: ["ssh"] }, {}, false],
  ["a list takes any of it", { protocol: ["ssh", "tls"] }, {}, true],
  ["unknown is a protocol", { protocol: ["unknown"] }, { protocol: "unknown" }, true],
  ["silent is a protocol", { protocol: ["silent"] }, { protocol: "silent" }, true],
  ["sni takes its names", { sni: ["*.example.com"] }, { sni: "a.example.com" }, true],
  ["sni takes no other name", { sni: ["*.example.com"] }, { sni: "example.com" }, false],
  ["any sni needs one", { sni: ["*"] }, {}, false],
  ["any sni takes one", { sni: ["*"] }, { sni: "x" }, true],
  ["alpn takes any of the offered", { alpn: ["h3", "h2"] }, { alpn: ["http/1.1", "h2"] }, true],
  ["alpn takes nothing else", { alpn: ["h2"] }, { alpn: ["H2"] }, false],
  ["alpn needs an offer", { alpn: ["h2"] }, {}, false],
  ["ja4 takes itself", { ja4: ["t12*", JA4] }, { ja4: JA4 }, true],
  ["ja4 takes a beginning", { ja4: ["t13d*"] }, { ja4: JA4 }, true],
  ["ja4 takes no other", { ja4: [`${JA4.slice(0, 35)}0`, "t12*", "q*"] }, { ja4: JA4 }, false],
  ["any ja4 needs one", { ja4: ["*"] }, {}, false],
  ["any ja4 takes one", { ja4: ["*"] }, { ja4: JA4 }, true],
  ["host takes its names", { host: ["example.com"] }, { host: "example.com" }, true],
  ["host needs one", { host: ["*"] }, { sni: "example.com" }, false],
  ["source takes its network", { source: ["192.0.2.0/24"] }, {}, true],
  ["source takes no other", { source: ["192.0.2.0/24"] }, { source: "192.0.3.1" }, false],
  ["source takes mapped IPv4", { source: ["192.0.2.0/24"] }, { source: "::ffff:192.0.2.9" }, true],
  ["all conditions hold", { protocol: ["tls"], sni: ["a"] }, { sni: "a" }, true],
  ["one of two does not hold", { protocol: ["tls"], sni: ["a"] }, { sni: "b" }, false],
];

for (const [what, match, facts, expected] of MATCHES) {
  Deno.test(`resolve router: ${what}`, () => {
    assertEquals(router(match).match(seen(facts)) !== undefined, expected);
    assertEquals(router(match).explain(seen(facts))[0]?.matched, expected);
  });
}

Deno.test("resolve router: the first route that matches wins", () => {
  const routes = router({ sni: ["b"] }, { sni: ["*"] }, { sni: ["a"] }, undefined);
  assertEquals(routes.match(seen({ sni: "a" }))?.name, "routes[1]");
  assertEquals(routes.match(seen({ sni: "b" }))?.upstream, "u0");
  assertEquals(routes.match(seen({}))?.index, 3);
});

Deno.test("resolve router: returns no route if none matches", () => {
  assertEquals(router({ sni: ["a"] }).match(seen({ sni: "b" })), undefined);
});

Deno.test("resolve router: wants what routes ask for that can match a protocol", () => {
  assert(!router({ sni: ["a"] }, undefined).wants.of("http").has("host"));
  assert(router({ sni: ["a"] }, { host: ["a"] }).wants.of("http").has("host"));
  const { wants } = router({ protocol: ["tls"], sni: ["a"], ja4: ["t*"] }, { alpn: ["h2"] });
  assertEquals([...wants.of("tls")].sort(), ["alpn", "ja4", "sni"]);
  assertEquals([...wants.of("http")], ["alpn"]);
  assertEquals([...wants.named("tls")].sort(), ["ja4", "sni"]);
  assertEquals([...wants.named("http")], []);
  const h2 = new TextEncoder().encode("h2");
  assertEquals(wants.alpn.find(h2, 0, 2), "h2");
});

type Needs = [string, (MatchConfig | undefined)[], "nothing" | "bytes", "nothing" | "bytes"];
const LOCAL = ["10.0.0.0/8"];
const NEEDS: readonly Needs[] = [
  ["no condition", [undefined], "nothing", "nothing"],
  ["a protocol before the rest", [{ protocol: ["tls"] }, undefined], "bytes", "nothing"],
  ["the rest before a protocol", [undefined, { protocol: ["tls"] }], "nothing", "nothing"],
  ["a protocol of the other transport", [{ protocol: ["quic"] }, undefined], "nothing", "bytes"],
  ["a protocol of both", [{ protocol: ["openvpn"] }, undefined], "bytes", "bytes"],
  ["one protocol of each", [{ protocol: ["quic", "tls"] }, undefined], "bytes", "bytes"],
  ["silent", [{ protocol: ["silent"] }, undefined], "bytes", "bytes"],
  ["sni", [{ sni: ["a"] }], "bytes", "bytes"],
  ["ja4", [{ ja4: ["*"] }], "bytes", "bytes"],
  ["alpn", [{ alpn: ["a"] }], "bytes", "bytes"],
  ["host", [{ host: ["a"] }], "bytes", "bytes"],
  ["the source alone", [{ source: LOCAL }, { protocol: ["ssh"] }], "nothing", "nothing"],
  ["another source", [{ source: ["192.0.2.9"] }, { protocol: ["ssh"] }], "bytes", "nothing"],
  ["bytes of another source", [{ source: ["::/0"], sni: ["a"] }, undefined], "nothing", "nothing"],
  ["bytes of this source", [{ source: LOCAL, sni: ["a"] }, undefined], "bytes", "bytes"],
  ["nothing that this source can match", [{ source: ["::/0"] }], "nothing", "nothing"],
];

for (const [what, matches, tcp, udp] of NEEDS) {
  Deno.test(`resolve router: ${what} needs ${tcp} on tcp and ${udp} on udp`, () => {
    assertEquals(router(...matches).needs("tcp", "10.1.2.3"), tcp);
    assertEquals(router(...matches).needs("udp", "10.1.2.3"), udp);
  });
}

const WHYS: readonly [MatchConfig | undefined, Partial<Seen>, string][] = [
  [undefined, {}, "it has no conditions"],
  [{ protocol: ["tls"], sni: ["a"] }, { sni: "a" }, "protocol, sni match"],
  [{ protocol: ["quic"] }, {}, '"quic" cannot occur on tcp'],
  [{ protocol: ["ssh", "http"] }, {}, 'protocol "tls" is none of "ssh", "http"'],
  [{ sni: ["*.example.com"] }, { sni: "a.b" }, 'sni "a.b" is none of "*.example.com"'],
  [{ sni: ["*"] }, {}, 'no sni was seen, and the route asks for "*"'],
  [{ alpn: ["h2"] }, { alpn: ["h3", "x"] }, 'alpn "h3", "x" has none of "h2"'],
  [{ alpn: ["h2"] }, { alpn: [] }, 'alpn (empty) has none of "h2"'],
  [{ alpn: ["h2"] }, {}, 'no alpn was seen, and the route asks for "h2"'],
  [{ ja4: ["q*", "t12*"] }, { ja4: JA4 }, `ja4 "${JA4}" is none of "q*", "t12*"`],
  [{ ja4: ["q*"] }, {}, 'no ja4 was seen, and the route asks for "q*"'],
  [{ host: ["a"] }, { host: "b" }, 'host "b" is none of "a"'],
  [{ source: ["::1"] }, {}, 'source "192.0.2.1" is none of "::1"'],
];

for (const [match, facts, why] of WHYS) {
  Deno.test(`resolve router: explains that ${why}`, () => {
    assertEquals(router(match).explain(seen(facts))[0]?.why, why);
  });
}

Deno.test("resolve router: explains every route up to the one that matches", () => {
  const explained = router({ sni: ["b"] }, { sni: ["a"] }, undefined).explain(seen({ sni: "a" }));
  assertEquals(explained.map(({ route, matched }) => [route.name, matched]), [
    ["routes[0]", false],
    ["routes[1]", true],
  ]);
});

const PARTS = {
  protocol: ["tls", "http", "ssh", "quic", "openvpn", "unknown", "silent"],
  sni: ["a.test", "b.test", "x.a.test"],
  alpn: ["h2", "h3"],
  ja4: [JA4, JA4.replace("t", "q"), JA4.replace("d", "i")],
  source: ["10.0.0.1", "192.0.2.1", "2001:db8::1"],
};
const some = (values: readonly string[]) =>
  fc.option(fc.uniqueArray(fc.constantFrom(...values), { minLength: 1, maxLength: 3 }), {
    nil: undefined,
  });
const one = (values: readonly string[]) =>
  fc.option(fc.constantFrom(...values), { nil: undefined });

function compact<T extends object>(value: T): { [K in keyof T]?: NonNullable<T[K]> } {
  const entries = Object.entries(value).filter(([, held]) => held !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: NonNullable<T[K]> };
}

const anyMatch = fc.record({
  protocol: some(PARTS.protocol),
  sni: some(["*", "*.test", "*.a.test", ...PARTS.sni]),
  alpn: some(PARTS.alpn),
  ja4: some(["*", "t*", "t13i*", ...PARTS.ja4]),
  host: some(["*", "*.test", ...PARTS.sni]),
  source: some(["10.0.0.0/8", "0.0.0.0/0", "::/0", "192.0.2.1"]),
}).map(compact);
const anySeen = fc.record({
  protocol: fc.constantFrom(...PARTS.protocol),
  sni: one(PARTS.sni),
  alpn: fc.option(fc.subarray(PARTS.alpn), { nil: undefined }),
  ja4: one(PARTS.ja4),
  host: one(PARTS.sni),
  source: fc.constantFrom(...PARTS.source),
}).map((facts): Seen => {
  const transport = facts.protocol === "quic" ? "udp" : "tcp";
  return { ...compact(facts), transport, protocol: facts.protocol, source: facts.source };
});

function glob(pattern: string, name: string | undefined): boolean {
  if (name === undefined) return false;
  return pattern === "*" || pattern === name ||
    (pattern.startsWith("*.") && name.endsWith(pattern.slice(1)));
}

function begins(pattern: string, print: string | undefined): boolean {
  if (print === undefined) return false;
  const [start = "", star] = pattern.split("*");
  return star === undefined ? print === start : print.indexOf(start) === 0;
}

function inNetwork(network: string, source: string): boolean {
  const v6 = source.includes(":");
  if (network === "::/0") return v6;
  if (network === "0.0.0.0/0") return !v6;
  return network === "10.0.0.0/8" ? source.startsWith("10.") : network === source;
}

function oracle(match: MatchConfig, facts: Seen): boolean {
  const { protocol, sni, alpn, ja4, host, source } = match;
  return (protocol === undefined || protocol.includes(facts.protocol)) &&
    (sni === undefined || sni.some((pattern) => glob(pattern, facts.sni))) &&
    (alpn === undefined || alpn.some((name) => facts.alpn?.includes(name) ?? false)) &&
    (ja4 === undefined || ja4.some((pattern) => begins(pattern, facts.ja4))) &&
    (host === undefined || host.some((pattern) => glob(pattern, facts.host))) &&
    (source === undefined || source.some((network) => inNetwork(network, facts.source)));
}

Deno.test("resolve router: explains names in any letter case", () => {
  const read = FACTS.sni.kind.read("WWW.example.COM.");
  assert(!isFault(read) && read.value !== undefined);
  const explained = router({ sni: ["*.Example.com"] }).explain(seen({ sni: read.value }));
  assertEquals(explained[0]?.matched, true);
});

Deno.test("resolve router: agrees with a naive oracle, and explain with match", () => {
  fc.assert(
    fc.property(fc.array(anyMatch, { minLength: 1, maxLength: 5 }), anySeen, (matches, facts) => {
      const expected = matches.findIndex((match) => oracle(match, facts));
      const routes = router(...matches);
      const found = routes.match(facts);
      assertEquals(found?.index ?? -1, expected);
      const explained = routes.explain(facts);
      assertEquals(explained.findIndex(({ matched }) => matched), expected);
      assertEquals(explained.length, expected < 0 ? matches.length : expected + 1);
    }),
    { numRuns: 1000 },
  );
});

Deno.test("resolve router: if nothing is needed, no bytes change the route", () => {
  fc.assert(
    fc.property(
      fc.array(anyMatch, { minLength: 1, maxLength: 4 }),
      anySeen,
      anySeen,
      (matches, a, b) => {
        const routes = router(...matches);
        const { transport, source } = a;
        fc.pre(transport === b.transport && routes.needs(transport, source) === "nothing");
        assertEquals(routes.match(a), routes.match({ ...b, source }));
      },
    ),
    { numRuns: 500 },
  );
});

Deno.test("router: hinges on a fact in doubt if a route that asks for it could come first", () => {
  const tls = seen({});
  const cases: readonly (readonly [RouteConfig[], boolean])[] = [
    [[{ match: { sni: ["a"] }, upstream: "x" }, { upstream: "y" }], true],
    [[{ match: { sni: ["*"] }, upstream: "x" }], true],
    [[{ upstream: "y" }, { match: { sni: ["a"] }, upstream: "x" }], false],
    [[{ upstream: "y" }], false],
    [[], false],
    [[{ match: { protocol: ["http"], sni: ["a"] }, upstream: "x" }], false],
    [[{ match: { sni: ["a"], source: ["198.51.100.0/24"] }, upstream: "x" }], false],
    [[{ match: { sni: ["a"], source: ["192.0.2.0/24"] }, upstream: "x" }], true],
    [[{ match: { host: ["a"] }, upstream: "x" }, { upstream: "y" }], false],
    [[{ match: { sni: ["a"], alpn: ["h3"] }, upstream: "x" }, { upstream: "y" }], true],
    [[{ match: { sni: ["a"], host: ["a"] }, upstream: "x" }, { upstream: "y" }], false],
  ];
  for (const [routes, expected] of cases) {
    const router = new Router({ routes }, { protocols: PROTOCOLS });
    assertEquals(router.hinges(tls, ["sni", "alpn", "ja4"]), expected, JSON.stringify(routes));
  }
});

Deno.test("router: a fact that was read is not in doubt", () => {
  const routes = [{ match: { sni: ["a"], alpn: ["h3"] }, upstream: "x" }, { upstream: "y" }];
  const router = new Router({ routes }, { protocols: PROTOCOLS });
  const tls = seen({});
  assertEquals(router.hinges({ ...tls, alpn: ["h2"] }, ["sni"]), false);
  assertEquals(router.hinges({ ...tls, alpn: ["h3"] }, ["sni"]), true);
  assertEquals(router.match({ ...tls, alpn: ["h3"] })?.upstream, "y");
});

Deno.test("router: knows the protocol names that its routes ask for", () => {
  const routes = [{ match: { alpn: ["h2", "x"] }, upstream: "x" }, { upstream: "y" }];
  const { alpn } = new Router({ routes }, { protocols: PROTOCOLS }).wants;
  const bytes = new TextEncoder().encode("h2xy");
  assertEquals([alpn.find(bytes, 0, 2), alpn.find(bytes, 2, 3)], ["h2", "x"]);
  assertEquals(alpn.find(bytes, 3, 4), undefined);
});
