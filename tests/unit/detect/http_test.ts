import { assertEquals, assertObjectMatch } from "@std/assert";
import fc from "fast-check";
import type { DetectEnd } from "../../../src/detect/ends.ts";
import { http } from "../../../src/detect/http.ts";
import { bytesOf } from "../_hello.ts";
import { ask, assertMatches, assertSoundOnNoise } from "./_stream.ts";
import { capture } from "./_vectors.ts";

/** A request with these field lines, each ended by CRLF. */
function get(...lines: readonly string[]): string {
  return ["GET / HTTP/1.1", ...lines, "", ""].join("\r\n");
}

/** Asserts which host a request names, or why it is not known. */
function assertHost(request: string, host: string | undefined, end?: DetectEnd): void {
  const facts = host === undefined ? { version: "1.1" } : { version: "1.1", host };
  const match = { kind: "match", facts } as const;
  const verdict = end === undefined ? match : { ...match, end };
  assertEquals(ask(http, request), verdict, JSON.stringify(request).slice(0, 300));
}

const BAD = "bad_name";
const MALFORMED = "malformed";

Deno.test("detect http: matches what curl sends, and not a byte earlier", () => {
  const get = capture("http1_curl_get");
  assertMatches(http, get, { version: "1.1", host: "web.example.com" });
  const connect = capture("http1_curl_connect");
  const line = connect.subarray(0, connect.indexOf(0x0a) + 1);
  assertMatches(http, line, { version: "1.1", host: "tunnel.example.net" });
  assertEquals(ask(http, connect), ask(http, line));
  const absolute = capture("http1_curl_proxy_absolute");
  assertMatches(http, absolute, { version: "1.1", host: "proxied.example.net" });
});

Deno.test("detect http: takes any method token and any target that a server takes", () => {
  const lines = [
    "POST /",
    "M-SEARCH *",
    "OPTIONS *",
    "GET *x",
    "PRI /",
    "!#$%&'*+-.^_`|~09azAZ /x",
    `${"M".repeat(32)} /`,
    `${"M".repeat(3000)} /`,
    `GET /${"x".repeat(20_000)}?q=/%20http://b/`,
    "GET /b\xfccher",
    "GET foo:bar",
    "GET http:/x",
    "CONNECT /",
    "CONNECT ?",
    "GET  /",
    "GET / ",
    `GET${" ".repeat(700)}/${" ".repeat(700)}`,
  ];
  for (const line of lines) assertHost(`${line} HTTP/1.1\r\nHost: a.example\r\n\r\n`, "a.example");
});

Deno.test("detect http: reads the authority of a target", () => {
  const lines: readonly (readonly [string, string | undefined, DetectEnd?])[] = [
    ["GET http://B.Example:80/x", "b.example"],
    ["GET http://b.example", "b.example"],
    ["GET http://b.example?q", "b.example"],
    ["GET http://user@x:y@b.example:123456/a@c", "b.example"],
    [`GET http://${"u".repeat(600)}@b.example/`, "b.example"],
    ["GET ws+x://[2001:DB8::1]:80/", "2001:db8::1"],
    ["GET http:///x", undefined, BAD],
    ["GET http://%62.example/", undefined, BAD],
    [`GET http://${"b".repeat(600)}/`, undefined, BAD],
    ["CONNECT b.example:443", "b.example"],
    ["CONNECT u@b.example:443", "b.example"],
    ["CONNECT [::1]:443", "::1"],
    ["CONNECT a..b:443", undefined, BAD],
  ];
  for (const [line, host, end] of lines) {
    assertHost(`${line} HTTP/1.1\r\n\r\n`, host, end);
    if (end !== undefined || line.startsWith("CONNECT")) continue;
    assertHost(
      `${line} HTTP/1.1\r\nHost: ${line.includes("[") ? `[${host}]` : host}\r\n\r\n`,
      host,
    );
    assertHost(`${line} HTTP/1.1\r\nHost: a.example\r\n\r\n`, undefined, MALFORMED);
  }
});

Deno.test("detect http: returns the version as the request writes it", () => {
  for (const version of ["1.0", "1.1"]) {
    const facts = { version, host: "a.example" };
    assertMatches(http, `GET / HTTP/${version}\r\nHost: a.example\r\n\r\n`, facts);
    assertMatches(http, `GET / HTTP/${version}\r\n\r\n`, { version });
  }
  for (
    const [text, version] of [["1.10", "1.10"], ["1.2  ", "1.2"], [
      `1.${"0".repeat(99)}`,
      "1.000000",
    ]]
  ) {
    const facts = { version: version!, host: "a.example" };
    assertMatches(http, `GET / HTTP/${text}\r\nHost: a.example\r\n\r\n`, facts);
  }
});

Deno.test("detect http: takes other versions only with a Host field, as Node does", () => {
  const lines = [
    "GET / HTTP/2.0",
    "GET / HTTP/0.9",
    "OPTIONS * RTSP/1.0",
    "SOURCE /a ICE/1.0",
    "PRI * HTTP/2.0",
  ];
  for (const line of lines) {
    const version = line.slice(-3);
    assertMatches(http, `${line}\r\nX: y\r\nHost: a.example\r\n\r\n`, {
      version,
      host: "a.example",
    });
    assertEquals(ask(http, `${line}\r\nCSeq: 1\r\n\r\n`).kind, "no_match", line);
  }
  assertEquals(ask(http, "REGISTER sip:a SIP/2").kind, "no_match");
});

Deno.test("detect http: a request without a version has no known host", () => {
  const verdict = { kind: "match", facts: { version: "0.9" }, end: MALFORMED } as const;
  for (
    const text of [
      "GET /\r\n",
      "POST  /a\r\nHost: a.example\r\n\r\n",
      "GET * \n",
      "GET http://a/\r\n",
    ]
  ) {
    assertEquals(ask(http, text), verdict, text);
  }
  const others = [
    ...[
      "JOIN /a\r\n",
      "get /a\r\n",
      "GET a\r\n",
      "GET /\rHost",
      "GET user:1\r\n",
      "COPY /a /b\r\n",
    ],
    ...['CONNECT {"verbose":false}\r\n', "CONNECT a:1\r\n", "JDWP-Handshake\n", "SEARCH a:b:c\n"],
  ];
  for (const text of others) {
    assertEquals(ask(http, text).kind, "no_match", text);
  }
});

Deno.test("detect http: takes bare LF and empty lines before the request", () => {
  const facts = { version: "1.1", host: "a.example" };
  for (
    const empty of [
      "",
      "\n",
      "\r\n",
      "\r\n\r\n",
      "\r\r\n",
      "\r",
      "\r\n".repeat(8),
      "\n\r".repeat(999),
    ]
  ) {
    assertMatches(http, `${empty}GET / HTTP/1.1\nHOST:a.example\n\n`, facts);
    assertMatches(http, `${empty}GET / HTTP/1.1\r\nhost: a.example\r\n\r\n`, facts);
  }
});

Deno.test("detect http: reads Host as servers do", () => {
  const blanks = " ".repeat(600);
  const cases: readonly (readonly [readonly string[], string | undefined, DetectEnd?])[] = [
    [["Accept: */*", "hOsT:  A.Example:8080\t "], "a.example"],
    [["Host: a.example."], "a.example"],
    [["Host: a.example:123456"], "a.example"],
    [["Host: a.example:http"], "a.example"],
    [[`Host: a.example:${"8".repeat(5000)}`], "a.example"],
    [["Host: [2001:DB8::1]:80"], "2001:db8::1"],
    [["Host: [2001:DB8::1]:x"], "2001:db8::1"],
    [["Host:", " a.example"], "a.example"],
    [["Host: a.example", "\t "], "a.example"],
    [["Host: a.example\r"], "a.example"],
    [[`Host:${blanks}a.example${blanks}`], "a.example"],
    [["Host: a.example", " b.example"], undefined, BAD],
    [["X: y", " Host: b.example", "Host: a.example"], "a.example"],
    [[" Host: b.example", "Host: a.example"], "a.example"],
    [["Host : a.example"], undefined],
    [["Hosts: a.example", "X-Host: b.example", "Hos: c.example"], undefined],
    [["Host:"], undefined],
    [["Host: :80"], undefined, BAD],
    [["Host: a b"], undefined, BAD],
    [["Host: a..b"], undefined, BAD],
    [["Host: [::1]x"], undefined, BAD],
    [["Host: a.example/"], undefined, BAD],
    [["Host: a.example, b.example"], undefined, BAD],
    [["Host: u@a.example"], undefined, BAD],
    // nginx reads the text before the colon, URL parsers the text after the "@".
    [["Host: a.example:http:8 0/@b.example"], undefined, BAD],
    [["Host: a.example:@b.example"], undefined, BAD],
    [["Host: [::1]:80@b.example"], undefined, BAD],
    [["Host: http://a.example"], undefined, BAD],
    [[`Host: ${"a".repeat(600)}:80`], undefined, BAD],
  ];
  for (const [lines, host, end] of cases) assertHost(get(...lines), host, end);
});

Deno.test("detect http: names no host if Host fields differ", () => {
  assertHost(get("Host: a.example", "X: y", "HOST: A.example:80"), "a.example");
  assertHost(get("Host: a.example", "Host: b.example"), undefined, MALFORMED);
  assertHost(get("Host: a.example", "Host:"), undefined, MALFORMED);
  assertHost(get("Host:", "Host: a.example"), undefined, MALFORMED);
  assertHost(get("Host: a.example", "Host: a..b"), undefined, MALFORMED);
  assertHost(get("Host: a.example", "Host: b.example", "Host: a.example"), undefined, MALFORMED);
  const four = Array.from({ length: 4 }, () => "Host: a.example");
  assertHost(get(...four), "a.example");
  assertHost(get(...four, "Host: a.example"), undefined, "fields");
});

Deno.test("detect http: is certain after the request line, and then lacks only the host", () => {
  const more = (text: string, certain: Record<string, string>) =>
    assertEquals(ask(http, text), {
      kind: "need_more",
      bytes: text.length + 1,
      certain,
      lacks: ["host"],
    });
  assertEquals(ask(http, "GET / HTTP/1.1\r"), { kind: "need_more", bytes: 16 });
  more("GET / HTTP/1.1\r\n", { version: "1.1" });
  more("GET / HTTP/1.1\r\nHost: a.example\r\n", { version: "1.1" });
  more("GET / HTTP/1.1\r\nHost: a.example\r\nX", { version: "1.1", host: "a.example" });
  more("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nX", { version: "1.1" });
});

Deno.test("detect http: is certain of a line that is too long for anything else", () => {
  for (const line of ["GET /", "M http://a/", `GET /a  HTTP/1.`]) {
    const text = line.padEnd(512, line.endsWith("/") ? "x" : "0");
    assertEquals(ask(http, text), { kind: "need_more", bytes: 513 }, line);
    assertEquals(ask(http, `${text}0`), { kind: "need_more", bytes: 514, certain: {} }, line);
  }
  for (const text of ["M".repeat(600), "\n".repeat(600), `SETUP /${"x".repeat(600)} RTSP`]) {
    assertEquals(ask(http, text), { kind: "need_more", bytes: text.length + 1 });
  }
});

Deno.test("detect http: gives up on the host after 512 field lines", () => {
  const lines = (count: number) => Array.from({ length: count }, (_, i) => `X${i}: y`);
  assertHost(get("Host: a.example", ...lines(510)), "a.example");
  assertHost(get("Host: a.example", ...lines(512)), undefined, "fields");
  assertHost(get(...lines(512), "Host: a.example"), undefined, "fields");
});

Deno.test("detect http: rejects protocols that only look like HTTP", () => {
  const cases = [
    "HTTP/1.1 200 OK\r\n\r\n",
    " GET / HTTP/1.1\r\n",
    "GET\t/ HTTP/1.1\r\n",
    "GET / x HTTP/1.1\r\n",
    "GET / HTTP/1.1\r\r\n",
    "GET / HTTP/1.\r\n",
    "GET / HTTP/1\r\n",
    "GET / HTTP/01.1\r\n",
    "GET / http/1.1\r\n",
    "GET /\x00 HTTP/1.1\r\n",
    "G(T / HTTP/1.1\r\n",
    "hello world HTTP/1.1\r\n",
    "GET foo/bar HTTP/1.1\r\n",
    "EHLO mail.example\r\n",
    "\x00\x01HTTP/1.1\r\n",
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
    if (whole.kind === "match") assertMatches(http, request, whole.facts, whole.end);
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
