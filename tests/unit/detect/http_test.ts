import { assertEquals, assertObjectMatch } from "@std/assert";
import fc from "fast-check";
import { http } from "../../../src/detect/http.ts";
import { bytesOf } from "../_hello.ts";
import { ask, assertMatches, assertSoundOnNoise, capture } from "./_stream.ts";

/** A request with these field lines, each ended by CRLF. */
function get(...lines: readonly string[]): string {
  return ["GET / HTTP/1.1", ...lines, "", ""].join("\r\n");
}

/** Asserts which host a request names. */
function assertHost(request: string, host: string | undefined): void {
  const facts = host === undefined ? { version: "1.1" } : { version: "1.1", host };
  assertEquals(ask(http, request), { kind: "match", facts }, JSON.stringify(request));
}

Deno.test("detect http: matches what curl sends, and not a byte earlier", () => {
  const get = capture("http1_curl_get");
  assertMatches(http, get, { version: "1.1", host: "web.example.com" });
  const clients = { http1_curl_proxy_absolute: "proxied", http1_curl_connect: "tunnel" };
  for (const [name, label] of Object.entries(clients)) {
    const bytes = capture(name);
    const line = bytes.subarray(0, bytes.indexOf(0x0a) + 1);
    assertMatches(http, line, { version: "1.1", host: `${label}.example.net` });
    assertEquals(ask(http, bytes), ask(http, line), name);
  }
});

Deno.test("detect http: takes any method token and any target in one of the four forms", () => {
  const lines: readonly (readonly [string, string | undefined])[] = [
    ["POST /", "a.example"],
    ["M-SEARCH *", "a.example"],
    ["OPTIONS *", "a.example"],
    ["PRI /", "a.example"],
    ["!#$%&'*+-.^_`|~09azAZ /x", "a.example"],
    [`${"M".repeat(32)} /`, "a.example"],
    [`GET /${"x".repeat(20_000)}?q=/%20http://b/`, "a.example"],
    ["GET /b\xfccher", "a.example"],
    ["GET http://B.Example:80/x", "b.example"],
    ["GET http://b.example", "b.example"],
    ["GET http://b.example?q", "b.example"],
    ["GET ws+x://[2001:DB8::1]:80/", "2001:db8::1"],
    ["GET http:///x", undefined],
    ["GET http://user@b.example/", undefined],
    [`GET http://${"b".repeat(600)}/`, undefined],
    ["CONNECT b.example:443", "b.example"],
    ["CONNECT [::1]:443", "::1"],
  ];
  for (const [line, host] of lines) {
    assertHost(`${line} HTTP/1.1\r\nHost: a.example\r\n\r\n`, host);
  }
});

Deno.test("detect http: tells the version as the request spells it", () => {
  for (const version of ["1.0", "1.1"]) {
    const facts = { version, host: "a.example" };
    assertMatches(http, `GET / HTTP/${version}\r\nHost: a.example\r\n\r\n`, facts);
    assertMatches(http, `GET / HTTP/${version}\r\n\r\n`, { version });
  }
});

Deno.test("detect http: takes bare LF and empty lines before the request", () => {
  const facts = { version: "1.1", host: "a.example" };
  for (const empty of ["", "\n", "\r\n", "\r\n\r\n", "\r\n".repeat(8)]) {
    assertMatches(http, `${empty}GET / HTTP/1.1\nHOST:a.example\n\n`, facts);
    assertMatches(http, `${empty}GET / HTTP/1.1\r\nhost: a.example\r\n\r\n`, facts);
  }
  assertEquals(ask(http, `${"\r\n".repeat(9)}GET / HTTP/1.1\r\n\r\n`).kind, "no_match");
});

Deno.test("detect http: reads Host as servers do", () => {
  const cases: readonly (readonly [readonly string[], string | undefined])[] = [
    [["Accept: */*", "hOsT:  A.Example:8080\t "], "a.example"],
    [["Host: a.example."], "a.example"],
    [["Host: [2001:DB8::1]:80"], "2001:db8::1"],
    [["Host:", " a.example"], "a.example"],
    [["Host: a.example", "\t "], "a.example"],
    [["Host: a.example", " b.example"], undefined],
    [["X: y", " Host: b.example", "Host: a.example"], "a.example"],
    [[" Host: b.example", "Host: a.example"], "a.example"],
    [["Host : a.example"], undefined],
    [["Hosts: a.example", "X-Host: b.example", "Hos: c.example"], undefined],
    [["Host:"], undefined],
    [["Host: a b"], undefined],
    [["Host: a.example/"], undefined],
    [["Host: a.example, b.example"], undefined],
    [[`Host: ${" ".repeat(600)}a.example`], undefined],
  ];
  for (const [lines, host] of cases) assertHost(get(...lines), host);
});

Deno.test("detect http: names no host where Host fields differ", () => {
  assertHost(get("Host: a.example", "X: y", "HOST: A.example:80"), "a.example");
  assertHost(get("Host: a.example", "Host: b.example"), undefined);
  assertHost(get("Host: a.example", "Host:"), undefined);
  assertHost(get("Host:", "Host: a.example"), undefined);
  assertHost(get("Host: a.example", "Host: b.example", "Host: a.example"), undefined);
});

Deno.test("detect http: is certain after the request line, and then lacks only the host", () => {
  const more = (text: string, certain: Record<string, string>) =>
    assertEquals(ask(http, text), {
      kind: "need_more",
      bytes: text.length + 1,
      certain,
      lacks: "host",
    });
  assertEquals(ask(http, "GET / HTTP/1.1\r"), { kind: "need_more", bytes: 16 });
  more("GET / HTTP/1.1\r\n", { version: "1.1" });
  more("GET / HTTP/1.1\r\nHost: a.example\r\n", { version: "1.1" });
  more("GET / HTTP/1.1\r\nHost: a.example\r\nX", { version: "1.1", host: "a.example" });
  more("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nX", { version: "1.1" });
});

Deno.test("detect http: gives up on the host after 512 field lines", () => {
  const lines = (count: number) => Array.from({ length: count }, (_, i) => `X${i}: y`);
  assertHost(get("Host: a.example", ...lines(510)), "a.example");
  assertHost(get("Host: a.example", ...lines(512)), undefined);
});

Deno.test("detect http: says no to what only looks like HTTP", () => {
  const cases = [
    "HTTP/1.1 200 OK\r\n\r\n",
    " GET / HTTP/1.1\r\n",
    "GET\t/ HTTP/1.1\r\n",
    "GET  / HTTP/1.1\r\n",
    "GET / HTTP/1.1 \r\n",
    "GET /  HTTP/1.1\r\n",
    "GET / x HTTP/1.1\r\n",
    "GET / HTTP/1.1\r\r\n",
    "GET / HTTP/1.12\r\n",
    "GET / HTTP/2.0\r\n",
    "GET / http/1.1\r\n",
    "GET /\r\n",
    "GET /\x00 HTTP/1.1\r\n",
    "G(T / HTTP/1.1\r\n",
    `${"M".repeat(33)} / HTTP/1.1\r\n`,
    "hello world HTTP/1.1\r\n",
    "GET foo/bar HTTP/1.1\r\n",
    "GET *x HTTP/1.1\r\n",
    "EHLO mail.example\r\n",
    "\x00\x01HTTP/1.1\r\n",
    "\r\r\nGET / HTTP/1.1\r\n",
    "PRI * HTTP/2.0\r\n\r\nXX",
  ];
  for (const text of cases) assertEquals(ask(http, text).kind, "no_match", JSON.stringify(text));
});

Deno.test("detect http: gives the same facts for any request and any cut", () => {
  const words = fc.constantFrom("a.example", "A.EXAMPLE:80", "[::1]:8080", "[::1]", "x y", "");
  const line = fc.oneof(
    words.map((word) => `Host: ${word}`),
    fc.constantFrom("Accept: */*", "Hostage: x", "Cookie: Host: b", " folded", "\tHost: c"),
  );
  const end = fc.constantFrom("\n", "\r\n");
  fc.assert(fc.property(fc.array(line, { maxLength: 6 }), end, (lines, end) => {
    const request = [`GET /${"x".repeat(9)} HTTP/1.1`, ...lines, "", ""].join(end);
    const whole = ask(http, request);
    assertObjectMatch(whole, { kind: "match" });
    if (whole.kind === "match") assertMatches(http, request, whole.facts);
  }));
});

Deno.test("detect http: stays sound on noise and damaged requests", () => {
  assertSoundOnNoise(http, [
    bytesOf(get("Host: a.example", "Accept: */*")),
    bytesOf("\r\nGET http://a.example/ HTTP/1.0\n\n"),
    bytesOf("CONNECT a.example:443 HTTP/1.1\r\n\r\n"),
    capture("http2_curl_prior_knowledge"),
  ]);
});
