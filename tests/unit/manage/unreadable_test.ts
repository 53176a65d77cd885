import { assertEquals } from "@std/assert";
import { parseConfig } from "../../../src/config/load.ts";
import { type Detected, PROTOCOLS, SILENT, UNKNOWN } from "../../../src/detect/mod.ts";
import { closesUnreadable } from "../../../src/manage/unreadable.ts";
import { Router } from "../../../src/resolve/router.ts";

/** Asks whether a listener with these routes closes a client. */
function closes(routes: string, detected: Detected, policy?: string): boolean {
  const detect = policy === undefined ? "" : `detect: { on_unreadable: ${policy} }`;
  const { listeners } = parseConfig(
    `
listeners:
  edge:
    bind: 127.0.0.1:0
    ${detect}
    routes: [${routes}]
upstreams: { up: { targets: ["builtin:discard"] } }
`,
    { file: "test.yaml", protocols: PROTOCOLS },
  );
  const config = listeners["edge"]!;
  const router = new Router(config, { protocols: PROTOCOLS });
  return closesUnreadable({ config, router }, detected, {
    transport: "tcp",
    protocol: detected.protocol,
    source: "192.0.2.1",
    ...detected.facts,
  });
}

const NAMED = '{ match: { protocol: tls, sni: "a.example" }, upstream: up }';
const HOST = '{ match: { host: "a.example" }, upstream: up }';
const ANY = "{ upstream: up }";
const SSH = "{ match: { protocol: ssh }, upstream: up }";

const BAD: Detected = { protocol: "tls", facts: {}, end: "bad_name" };
const CUT: Detected = { ...UNKNOWN, end: "deadline", maybe: ["tls"] };

Deno.test("unreadable: closes sessions that could have taken a route by name, unless configured otherwise", () => {
  for (const end of ["bad_name", "malformed", "deadline", "max_bytes"] as const) {
    assertEquals(closes(`${NAMED}, ${ANY}`, { ...BAD, end }), true);
    assertEquals(closes(`${NAMED}, ${ANY}`, { ...BAD, end }, "fallthrough"), false);
    assertEquals(closes(`${SSH}, ${ANY}`, { ...BAD, end }), false);
    assertEquals(closes(`${SSH}, ${ANY}`, { ...BAD, end }, "close"), true);
  }
  assertEquals(closes(`${HOST}, ${ANY}`, BAD), false);
  assertEquals(closes(`${NAMED}, ${ANY}`, { protocol: "tls", facts: {} }, "close"), false);
  assertEquals(closes(`${NAMED}, ${ANY}`, { protocol: "ssh", facts: {}, end: "deadline" }), false);
});

Deno.test("unreadable: closes sessions that could still become the protocol of a route by name", () => {
  assertEquals(closes(`${NAMED}, ${ANY}`, CUT), true);
  assertEquals(closes(`${HOST}, ${ANY}`, CUT), false);
  assertEquals(closes(`${HOST}, ${ANY}`, { ...CUT, maybe: ["ssh", "http"] }), true);
  assertEquals(closes(`${NAMED}, ${ANY}`, { ...CUT, maybe: ["ssh"] }), false);
  assertEquals(closes(`${SSH}, ${ANY}`, CUT), false);
  assertEquals(closes(`${SSH}, ${ANY}`, CUT, "close"), false);
  assertEquals(closes(`${NAMED}, ${ANY}`, CUT, "fallthrough"), false);
  for (const detected of [SILENT, UNKNOWN]) {
    assertEquals(closes(`${NAMED}, ${ANY}`, detected), false);
  }
});

Deno.test("unreadable: what lies behind a dialogue is in doubt only if routes make shunt hold it", () => {
  const cut: Detected = { ...CUT, maybe: ["postgres"] };
  const named = '{ match: { protocol: postgres, sni: "a.example" }, upstream: up }';
  const anyNamed = '{ match: { sni: "a.example" }, upstream: up }';
  const plain = "{ match: { protocol: postgres }, upstream: up }";
  assertEquals(closes(`${named}, ${ANY}`, cut), true);
  assertEquals(closes(`${anyNamed}, ${ANY}`, cut), false);
  assertEquals(closes(`${anyNamed}, ${plain}, ${ANY}`, cut), false);
  assertEquals(closes(`${named}, ${anyNamed}, ${ANY}`, cut), true);
});
