import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { HelloResponder } from "../../../src/builtin/hello.ts";
import { bytes, frame, INFO, PING, PREFACE, SETTINGS, talk, text } from "./_talk.ts";

const GET = "GET /a?b=c HTTP/1.1\r\nHost: example.com\r\n\r\n";

interface Response {
  readonly status: string;
  readonly fields: string;
  readonly body: string;
}

/** Splits pipelined responses by their Content-Length. */
function responses(reply: Uint8Array, bodiless = false): Response[] {
  const found: Response[] = [];
  let rest = text(reply);
  while (rest !== "") {
    const end = rest.indexOf("\r\n\r\n");
    assert(end >= 0, `No head in "${rest}"`);
    const head = rest.slice(0, end);
    const length = bodiless ? 0 : Number(/content-length: (\d+)/.exec(head)?.[1]);
    const [status = "", ...fields] = head.split("\r\n");
    const body = rest.slice(end + 4, end + 4 + length);
    assertEquals(body.length, length);
    found.push({ status, fields: fields.join("\n"), body });
    rest = rest.slice(end + 4 + length);
  }
  return found;
}

Deno.test("hello: answers a request with what shunt saw and stays open", () => {
  const { reply, closed } = talk([bytes(GET)]);
  const [response] = responses(reply);
  assertEquals(response?.status, "HTTP/1.1 200 OK");
  assertStringIncludes(response?.fields ?? "", "content-type: application/json");
  assertStringIncludes(response?.fields ?? "", "connection: keep-alive");
  assertEquals(JSON.parse(response?.body ?? ""), { ...INFO, method: "GET", path: "/a?b=c" });
  assertMatch(response?.body ?? "", /^\{\n {2}"id": .*\n\}\n$/s);
  assertEquals(closed, false);
});

Deno.test("hello: answers pipelined requests in order", () => {
  const { reply, closed } = talk([
    bytes(GET + "\r\nGET /2 HTTP/1.1\n\nGET /3 HTTP/1.1\r\n\r\nGET"),
  ]);
  const paths = responses(reply).map(({ body }) => JSON.parse(body).path);
  assertEquals(paths, ["/a?b=c", "/2", "/3"]);
  assertEquals(closed, false);
});

Deno.test("hello: answers HEAD without a body", () => {
  const { reply } = talk([bytes("HEAD / HTTP/1.1\r\n\r\n")]);
  const [response] = responses(reply, true);
  assertMatch(response?.fields ?? "", /content-length: [1-9]/);
});

const ENDINGS: readonly (readonly [string, string, boolean])[] = [
  ["HTTP/1.1", "GET / HTTP/1.1\r\n\r\n", false],
  ["HTTP/1.1 that asks to close", "GET / HTTP/1.1\r\nConnection: x, Close\r\n\r\n", true],
  ["HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", true],
  ["HTTP/1.0 that asks to be kept", "GET / HTTP/1.0\r\nconnection: Keep-Alive\r\n\r\n", false],
  ["a body by length", "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\na=b", true],
  ["an empty body", "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", false],
  ["a chunked body", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", true],
  [
    "a body to be asked for",
    "PUT / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n",
    true,
  ],
  ["CONNECT", "CONNECT a.example:443 HTTP/1.1\r\n\r\n", true],
];

for (const [name, request, ends] of ENDINGS) {
  Deno.test(`hello: ${ends ? "ends after" : "stays open after"} ${name}`, () => {
    const { reply, closed, hello } = talk([bytes(request)]);
    const [response, more] = responses(reply);
    assertEquals([response?.status, more], ["HTTP/1.1 200 OK", undefined]);
    assertStringIncludes(response?.fields ?? "", `connection: ${ends ? "close" : "keep-alive"}`);
    assertEquals(closed, ends);
    if (ends) assertEquals(hello.push(bytes(GET)), { close: true });
  });
}

Deno.test("hello: refuses bytes that do not continue as HTTP, and endless heads", () => {
  const broken = responses(talk([bytes(GET), bytes("nonsense\r\n\r\n")]).reply);
  assertEquals(broken.map(({ status }) => status), ["HTTP/1.1 200 OK", "HTTP/1.1 400 Bad Request"]);
  const { reply, closed } = talk([bytes(`GET / HTTP/1.1\r\nx: ${"y".repeat(70_000)}`)]);
  assertStringIncludes(text(reply), "HTTP/1.1 431 ");
  assertEquals(closed, true);
});

Deno.test("hello: ends a conversation whose pipelined answers grow without bound", () => {
  const { reply, closed } = talk([bytes("GET / HTTP/1.1\r\n\r\n".repeat(20_000))]);
  assertEquals(closed, true);
  assert(reply.length < 1_100_000);
  assertStringIncludes(responses(reply).at(-1)?.fields ?? "", "connection: close");
});

const OTHERS: readonly (readonly [string, string, string])[] = [
  ["unknown bytes", "unknown", "what"],
  ["SSH", "ssh", "SSH-2.0-OpenSSH_9.6\r\n"],
  ["a ClientHello nobody looked at", "undetected", "\x16\x03\x01\x00\xf8"],
  ["a line that is not HTTP's", "undetected", "EHLO mail.example\r\n"],
  ["a word without end", "undetected", "x".repeat(20_000)],
  ["line ends without end", "undetected", "\r\n".repeat(10_000)],
  ["a preface that turns out false", "http", "PRI * HTTP/2.0\r\n\r\nXX"],
];

for (const [name, protocol, sent] of OTHERS) {
  Deno.test(`hello: answers ${name} with one line`, () => {
    const { reply, closed } = talk([bytes(sent)], { protocol });
    assertEquals(JSON.parse(text(reply)), { ...INFO, protocol });
    assertMatch(text(reply), /^[^\n]*\n$/);
    assertEquals(closed, true);
  });
}

Deno.test("hello: waits for the rest of a first line that may be a request", () => {
  const { reply, closed } = talk([bytes("GE"), bytes("T / HT")], { protocol: "undetected" });
  assertEquals([reply.length, closed], [0, false]);
});

Deno.test("hello: answers a silent client at its end, and one in the middle of a request not at all", () => {
  const silent = new HelloResponder({ ...INFO, protocol: "silent" });
  assertEquals(JSON.parse(text(silent.eof().reply)).protocol, "silent");
  assertEquals([silent.eof(), silent.push(bytes(GET))], [{ close: true }, { close: true }]);
  assertEquals(talk([bytes("GET / HTTP/1.1\r\nHo")]).hello.eof(), { close: true });
});

Deno.test("hello: answers the same however any bytes are cut", () => {
  const piece = fc.oneof(
    fc.constantFrom(
      GET,
      "GET / HTTP/1.1\n\n",
      "HEAD / HTTP/1.1\r\n\r\n",
      PREFACE,
      "\r\n",
      "PRI * ",
    ),
    fc.constantFrom(SETTINGS, PING, frame(1, 5, 1, [0x82, 0x84]), frame(0, 0, 1, [1, 2])),
    fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) }),
  );
  fc.assert(fc.property(
    fc.array(piece, { maxLength: 8 }),
    fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 10 }),
    (pieces, cuts) => {
      const all = bytes(pieces.join(""));
      const parts: Uint8Array[] = [];
      for (let at = 0; at < all.length;) {
        const count = cuts[parts.length % cuts.length] ?? 1;
        parts.push(all.subarray(at, at + count));
        at += count;
      }
      const cut = talk(parts);
      const whole = talk([all]);
      assertEquals(cut.reply, whole.reply);
      assertEquals(cut.closed, whole.closed);
    },
  ));
});
