import { assertEquals, assertStringIncludes } from "@std/assert";
import { authorize } from "../../../src/admin/auth.ts";
import { Refusal } from "../../../src/admin/errors.ts";
import { startTestAdmin, TOKEN, writeToken } from "./_control.ts";

const LOOPBACK = "127.0.0.1:9901";
const V6 = "[::1]:9901";
const UNIX = "unix:/run/shunt.sock";
const PUBLIC = "192.0.2.1:9901";
const WILDCARD = "0.0.0.0:9901";

const JSON_TYPE = { "content-type": "application/json; charset=utf-8" };
const OWN = { "x-shunt": "1" };
const BROWSER = { "user-agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/130.0" };
const BEARER = { authorization: `Bearer ${TOKEN}` };

type Headers = Readonly<Record<string, string>>;
/** Bind, token, method and path, headers besides Host, and the status of the refusal; 200 for none. */
type Row = readonly [string, boolean, string, Headers, number];

const MATRIX: readonly Row[] = [
  // Reading: open where only this machine reaches it.
  [LOOPBACK, false, "GET /api/status", {}, 200],
  [LOOPBACK, true, "GET /api/status", {}, 200],
  [V6, false, "HEAD /api/config", {}, 200],
  [UNIX, false, "GET /metrics", {}, 200],
  [PUBLIC, true, "GET /metrics", {}, 401],
  [PUBLIC, true, "GET /metrics", BEARER, 200],
  [WILDCARD, true, "GET /api/traffic", {}, 401],
  [WILDCARD, true, "OPTIONS /api/reload", {}, 401],
  [WILDCARD, true, "HEAD /api/config", BEARER, 200],
  // Probes and the page, which asks for the token: open everywhere.
  [PUBLIC, true, "GET /", {}, 200],
  [PUBLIC, true, "GET /page.js", {}, 200],
  [PUBLIC, true, "GET /page.css", {}, 200],
  [PUBLIC, true, "GET /icon.svg", {}, 200],
  [PUBLIC, true, "GET /page", {}, 401],
  [PUBLIC, true, "GET /healthz", {}, 200],
  [WILDCARD, true, "GET /readyz", {}, 200],
  [WILDCARD, true, "GET /readyz/", {}, 401],
  // A public address without a token, should one ever be: closed.
  [PUBLIC, false, "GET /api/status", {}, 401],
  [PUBLIC, false, "POST /api/reload", OWN, 401],
  // Changes on a local address without a token: not from another site's page.
  [LOOPBACK, false, "POST /api/reload", {}, 200],
  [LOOPBACK, false, "POST /api/reload", { "user-agent": "curl/8.0" }, 200],
  [LOOPBACK, false, "POST /api/reload", BROWSER, 403],
  [LOOPBACK, false, "POST /api/reload", { "sec-fetch-site": "cross-site" }, 403],
  [LOOPBACK, false, "POST /api/reload", { referer: "http://evil.test/" }, 403],
  [LOOPBACK, false, "POST /api/reload", { cookie: "a=b" }, 403],
  [LOOPBACK, false, "POST /api/reload", { ...BROWSER, "content-type": "text/plain" }, 403],
  [
    LOOPBACK,
    false,
    "POST /api/reload",
    { ...BROWSER, "content-type": "text/plain;application/json" },
    403,
  ],
  [LOOPBACK, false, "POST /api/reload", { ...BROWSER, "x-shunt": "2" }, 403],
  [LOOPBACK, false, "POST /api/reload", { ...BROWSER, ...OWN }, 200],
  [LOOPBACK, false, "POST /api/reload", OWN, 200],
  [LOOPBACK, false, "PATCH /x", JSON_TYPE, 200],
  [LOOPBACK, false, "POST /api/drain", { ...OWN, origin: "http://127.0.0.1:9901" }, 200],
  [LOOPBACK, false, "POST /api/drain", { ...OWN, origin: "http://127.0.0.1:3000" }, 403],
  [LOOPBACK, false, "POST /api/drain", { ...OWN, origin: "https://127.0.0.1:9901" }, 403],
  [LOOPBACK, false, "POST /api/drain", { ...OWN, origin: "http://evil.test" }, 403],
  [LOOPBACK, false, "POST /api/drain", { ...OWN, origin: "null" }, 403],
  [LOOPBACK, false, "POST /healthz", {}, 200],
  [UNIX, false, "POST /api/reload", OWN, 200],
  [UNIX, false, "POST /api/reload", {}, 200],
  [UNIX, false, "POST /api/reload", BROWSER, 403],
  // Changes if there is a token: allowed with it, wherever they come from.
  [LOOPBACK, true, "POST /api/reload", OWN, 401],
  [LOOPBACK, true, "POST /api/reload", { ...OWN, authorization: "Bearer wrong" }, 401],
  [LOOPBACK, true, "POST /api/reload", { ...OWN, authorization: `Bearer ${TOKEN}x` }, 401],
  [LOOPBACK, true, "POST /api/reload", { ...OWN, authorization: `Basic ${TOKEN}` }, 401],
  [LOOPBACK, true, "POST /api/reload", { ...OWN, authorization: TOKEN }, 401],
  [LOOPBACK, true, "POST /api/reload", BEARER, 200],
  [LOOPBACK, true, "POST /api/reload", { authorization: `bearer  ${TOKEN}` }, 200],
  [UNIX, true, "PATCH /x", JSON_TYPE, 401],
  [UNIX, true, "PATCH /x", BEARER, 200],
  [WILDCARD, true, "POST /api/drain", { ...OWN, origin: "http://0.0.0.0:9901" }, 401],
  [WILDCARD, true, "POST /api/drain", { ...BEARER, host: "admin.example.com" }, 200],
  // A name that was made to point here shows itself in Host.
  [LOOPBACK, false, "GET /api/sessions", { host: "evil.test" }, 403],
  [LOOPBACK, false, "GET /api/sessions", { host: "evil.test:9901" }, 403],
  [LOOPBACK, true, "POST /api/reload", { ...BEARER, host: "evil.test:9901" }, 403],
  [LOOPBACK, false, "GET /healthz", { host: "evil.test:9901" }, 403],
  [LOOPBACK, false, "GET /", { host: "127.0.0.1.evil.test:9901" }, 403],
  [LOOPBACK, false, "GET /", { host: "127.0.0.1@evil.test" }, 403],
  [LOOPBACK, false, "GET /", { host: "192.0.2.1:9901" }, 403],
  [LOOPBACK, false, "GET /", { host: "0.0.0.0:9901" }, 403],
  [LOOPBACK, false, "GET /", { host: "" }, 403],
  [LOOPBACK, false, "GET /", { host: "LocalHost:8080" }, 200],
  [LOOPBACK, false, "GET /", { host: "localhost" }, 200],
  [LOOPBACK, false, "GET /", { host: "[::1]:9901" }, 200],
  [LOOPBACK, false, "GET /", { host: "[::ffff:127.0.0.1]:9901" }, 200],
  [V6, false, "GET /", { host: "127.0.0.2:9901" }, 200],
  [UNIX, false, "GET /", { host: "anything" }, 200],
];

for (const [bind, hasToken, call, headers, status] of MATRIX) {
  const shown = Object.entries(headers).map(([name, value]) => `${name}: ${value}`).join(", ");
  const who = `${bind} ${hasToken ? "with" : "without"} token`;
  Deno.test(`admin auth: ${who}: ${call} {${shown}} is ${status}`, () => {
    const [method = "", path = ""] = call.split(" ");
    const all: Headers = { host: bind.startsWith("unix:") ? "localhost" : bind, ...headers };
    let got = 200;
    try {
      authorize(
        { method, path, header: (name) => all[name] },
        { bind, token: hasToken ? TOKEN : undefined },
      );
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      got = error.status;
    }
    assertEquals(got, status);
  });
}

Deno.test("admin auth: HTTP/1.0 probes without Host are answered", () => {
  authorize(
    { method: "GET", path: "/healthz", header: () => undefined },
    { bind: LOOPBACK, token: undefined },
  );
});

Deno.test("admin auth: on a real address, refusals say what to send", async () => {
  const dir = await Deno.makeTempDir();
  try {
    await using shunt = await startTestAdmin({
      bind: "0.0.0.0:0",
      token_file: await writeToken(dir),
    });
    const refused = await shunt.ask("GET", "/api/status");
    assertEquals([refused.status, refused.headers["www-authenticate"]], [
      401,
      'Bearer realm="shunt"',
    ]);
    assertStringIncludes(refused.text, "Authorization: Bearer TOKEN");
    assertEquals(refused.text.includes(TOKEN), false);
    assertEquals((await shunt.ask("GET", "/api/status", { headers: BEARER })).status, 200);
    assertEquals((await shunt.ask("GET", "/readyz")).status, 200);
    const nowhere = await shunt.ask("GET", "/nothing");
    assertEquals(nowhere.status, 401);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("admin auth: a page of another site changes nothing on loopback", async () => {
  await using shunt = await startTestAdmin();
  const form = { ...BROWSER, "content-type": "application/x-www-form-urlencoded" };
  const tries = [
    { headers: form },
    { headers: { ...form, origin: "http://evil.test" } },
    { headers: { "x-shunt": "1", origin: "http://evil.test" } },
    { headers: { "x-shunt": "1", host: "evil.test" } },
  ];
  for (const options of tries) {
    assertEquals((await shunt.ask("POST", "/api/drain", options)).status, 403);
  }
  const preflight = await shunt.ask("OPTIONS", "/api/drain", {
    headers: { origin: "http://evil.test", "access-control-request-headers": "x-shunt" },
  });
  assertEquals(preflight.headers["access-control-allow-headers"], undefined);
  assertEquals(shunt.control.asked, []);
});
