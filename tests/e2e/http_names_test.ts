/**
 * A route that refuses a host is walked past by no form of a request that servers take, however it is
 * cut and wherever it pauses.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { REFUSED } from "../differential/_kind.ts";
import { BLOCKS, frame, HTTP2_FORMS, PREFACE, SETTINGS } from "../differential/http2_forms.ts";
import { HTTP1_FORMS } from "../differential/http_forms.ts";
import { detect } from "../differential/http.ts";

import { bytesOf, concat } from "../unit/_hello.ts";
import { connect, readAll, serveTcp, startShunt, type TestShunt, writeAll } from "./_shunt.ts";

const HOST = `Host: ${REFUSED}\r\n`;

/** What FINDINGS of the kind look like: each is served by nginx, Node or Go. */
const WALKS: Readonly<Record<string, Uint8Array | string>> = {
  "empty lines": `${"\r\n".repeat(9)}GET / HTTP/1.1\r\n${HOST}\r\n`,
  "two spaces": `GET  /  HTTP/1.1\r\n${HOST}\r\n`,
  "HTTP/1.10": `GET / HTTP/1.10\r\n${HOST}\r\n`,
  "a space at the end": `GET / HTTP/1.1 \r\n${HOST}\r\n`,
  "a long method": `${"M".repeat(33)} / HTTP/1.1\r\n${HOST}\r\n`,
  "a port of six digits": `GET / HTTP/1.1\r\nHost: ${REFUSED}:123456\r\n\r\n`,
  "a port of letters": `GET / HTTP/1.1\r\nHost: ${REFUSED}:http\r\n\r\n`,
  "blanks round the name": `GET / HTTP/1.1\r\nHost:${" ".repeat(512)}${REFUSED}\r\n\r\n`,
  "513 fields": `GET / HTTP/1.1\r\n${"a:\r\n".repeat(513)}${HOST}\r\n`,
  "513 fields after": `GET / HTTP/1.1\r\n${HOST}${"a:\r\n".repeat(513)}\r\n`,
  "a long line": `GET / HTTP/1.1\r\nX: ${"y".repeat(70_000)}\r\n${HOST}\r\n`,
  "a long target": `GET /${"y".repeat(70_000)} HTTP/1.1\r\n${HOST}\r\n`,
  "an authority and a field": `GET http://other/ HTTP/1.1\r\n${HOST}\r\n`,
  "user information": `GET http://u@${REFUSED}/ HTTP/1.1\r\nHost: other\r\n\r\n`,
  "user information behind a colon": `GET / HTTP/1.1\r\nHost: other:@${REFUSED}\r\n\r\n`,
  "a method like SSH": `SSH-2.0-x / HTTP/1.1\r\n${HOST}\r\n`,
  "two fields": `GET / HTTP/1.1\r\n${HOST}Host: other\r\n\r\n`,
  "no version": `GET /\r\n${HOST}\r\n`,
  "another protocol": `OPTIONS / RTSP/1.0\r\n${HOST}\r\n`,
  "HTTP/2 without SETTINGS": concat(PREFACE, frame(1, 5, BLOCKS[0]!)),
  "HTTP/2 with DATA first": concat(PREFACE, SETTINGS, frame(0, 0, [1]), frame(1, 5, BLOCKS[0]!)),
  "65 frames": concat(
    PREFACE,
    ...Array.from({ length: 65 }, () => SETTINGS),
    frame(1, 5, BLOCKS[0]!),
  ),
  "a table size after a field": concat(
    PREFACE,
    SETTINGS,
    frame(1, 5, concat([0x82, 0x20, 0x86, 0x84, 1, REFUSED.length], bytesOf(REFUSED))),
  ),
};

/** Serves clients that do not ask for the name; clients that do get nothing. */
async function startEdge(port: number): Promise<TestShunt> {
  return await startShunt(`
listeners:
  edge:
    bind: 127.0.0.1:0
    detect: { timeout: 300ms }
    routes:
      - { match: { host: ${REFUSED} }, upstream: refused }
      - { upstream: site }
upstreams:
  refused: { targets: ["builtin:reset"] }
  site: { targets: ["127.0.0.1:${port}"] }
`);
}

/** Sends pieces, each after the one before has had its time, and says whether the site answered. */
async function isServed(shunt: TestShunt, pieces: readonly Uint8Array[]): Promise<boolean> {
  const conn = await connect(shunt.port());
  try {
    for (const [i, piece] of pieces.entries()) {
      // Longer than detect.timeout.
      if (i > 0) await new Promise((resolve) => setTimeout(resolve, 700));
      await writeAll(conn, piece);
    }
    return (await readAll(conn)).length > 0;
  } catch {
    return false; // reset
  } finally {
    conn.close();
  }
}

Deno.test("http names: no form that a server takes gets past a route, even with a pause in it", async () => {
  await using site = await serveTcp(async (conn) => {
    await writeAll(conn, bytesOf("served"));
    await conn.closeWrite();
  });
  await using shunt = await startEdge(site.port);
  const bytes = Object.entries(WALKS).map(([name, form]) =>
    [name, typeof form === "string" ? bytesOf(form) : form] as const
  );
  assertEquals(await isServed(shunt, [bytesOf("GET / HTTP/1.1\r\nHost: other\r\n\r\n")]), true);
  const walked = await Promise.all(bytes.flatMap(([name, form]) => {
    const half = form.length >> 1;
    return [
      isServed(shunt, [form]).then((served) => served ? name : ""),
      isServed(shunt, [form.subarray(0, half), form.subarray(half)])
        .then((served) => served ? `${name}, with a pause` : ""),
    ];
  }));
  assertEquals(walked.filter((name) => name !== ""), []);
});

Deno.test("http names: what ended detection is counted, logged and closed by policy", async () => {
  await using site = await serveTcp(async (conn) => await writeAll(conn, bytesOf("served")));
  await using shunt = await startEdge(site.port);
  const cases = [
    ["GET / HTTP/1.1\r\nHost: a..b\r\n\r\n", "bad_name"],
    ["GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "malformed"],
    [`GET / HTTP/1.1\r\nHost: a\r\n${"a:\r\n".repeat(513)}\r\n`, "fields"],
    [`GET /${"a".repeat(70_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, "max_bytes"],
    [`GET / HTTP/1.1\r\nHost: a\r\n`, "deadline"],
  ] as const;
  for (const [text, end] of cases) {
    assertEquals(await isServed(shunt, [bytesOf(text)]), false, end);
    const { reason, detected } = await shunt.ended();
    assertEquals([detected?.protocol, detected?.end, reason], ["http", end, "unreadable"]);
  }
});

Deno.test("http names: a form is detected as its client sends it, byte by byte or at once", () => {
  for (const form of [...HTTP1_FORMS, ...HTTP2_FORMS].filter(({ length }) => length < 2000)) {
    const said = [1, 3, form.length].map((size) => JSON.stringify(detect(form, size)));
    assertEquals(new Set(said).size, 1, said.join());
  }
});
