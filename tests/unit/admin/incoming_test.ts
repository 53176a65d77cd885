import { assert, assertEquals } from "@std/assert";
import { type Arrived, Incoming, MAX_BODY } from "../../../src/admin/incoming.ts";

const HOST = "Host: a\r\n";

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

/** Passes bytes in parts of some size, each as far as there is room, until there is an answer. */
function read(text: string, size: number): ReturnType<Incoming["take"]> {
  const incoming = new Incoming();
  let rest = bytesOf(text);
  while (rest.length > 0) {
    const { room } = incoming;
    assert(room.length > 0);
    const part = rest.subarray(0, Math.min(size, room.length));
    room.set(part);
    rest = rest.subarray(part.length);
    const taken = incoming.take(part.length);
    if (taken !== undefined) return taken;
  }
  return undefined;
}

function told(taken: ReturnType<Incoming["take"]>): string {
  if (taken === undefined) return "more";
  if (typeof taken === "number") return String(taken);
  const { head: { method, target }, body } = taken;
  return `${method} ${target} ${new TextDecoder().decode(body)}`.trim();
}

const CHUNKED = `POST /x HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n`;

const TABLE: readonly (readonly [request: string, expected: string])[] = [
  [`GET /healthz HTTP/1.1\r\n${HOST}\r\n`, "GET /healthz"],
  ["GET /healthz HTTP/1.0\r\n\r\n", "GET /healthz"],
  [`GET /a?b=c%20d HTTP/1.1\r\n${HOST}Accept: */*\r\nX-Empty:\r\n\r\n`, "GET /a?b=c%20d"],
  [`GET / HTTP/1.1\r\nHOST:\ta \t\r\n\r\n`, "GET /"],
  ["GET / HTTP/1.1\nHost: a\n\n", "400"],
  ["GET / HTTP/1.1\r\nHost: a\n", "400"],
  [`POST /x HTTP/1.1\r\n${HOST}Content-Length: 5\r\n\r\nhello`, "POST /x hello"],
  [`POST /x HTTP/1.1\r\n${HOST}Content-Length: 5\r\n\r\nhell`, "more"],
  [
    `POST /x HTTP/1.1\r\n${HOST}content-length: 5\r\ncontent-length: 5\r\n\r\nhello`,
    "POST /x hello",
  ],
  [`${CHUNKED}5\r\nhello\r\n1;a=b\r\n!\r\n0\r\nX: y\r\n\r\n`, "POST /x hello!"],
  [`${CHUNKED}0\r\n\r\n`, "POST /x"],
  [`${CHUNKED}5\r\nhello\r\n`, "more"],
  [`${CHUNKED}5\r\nhelloX\r\n`, "400"],
  [`${CHUNKED}x\r\n`, "400"],
  [`${CHUNKED}5\nhello`, "400"],
  [`${CHUNKED}-5\r\n`, "400"],
  [`${CHUNKED}1001\r\n`, "413"],
  [`${CHUNKED}ffffffff\r\n`, "413"],
  [`${CHUNKED}${"1\r\nx\r\n".repeat(4097)}`, "413"],
  [`${CHUNKED}${"1".repeat(5000)}`, "413"],
  [`${CHUNKED}0\r\n${"X: y\r\n".repeat(1000)}`, "413"],
  [`POST /x HTTP/1.1\r\n${HOST}Content-Length: 4097\r\n\r\n`, "413"],
  [`GET /x HTTP/1.1\r\n${HOST}X: ${"x".repeat(16_000)}\r\n\r\n`, "GET /x"],
  [`GET /x HTTP/1.1\r\n${HOST}X: ${"x".repeat(17_000)}\r\n\r\n`, "431"],
  [`GET /x HTTP/1.1\r\n${HOST}${"x".repeat(20_000)}`, "431"],
  [`GET /x HTTP/1.1\r\n${HOST}${"a:\r\n".repeat(99)}\r\n`, "GET /x"],
  [`GET /x HTTP/1.1\r\n${HOST}${"a:\r\n".repeat(100)}\r\n`, "431"],
  [`GET /x HTTP/1.1\r\n${HOST}`, "more"],
  ["GET / HTTP/1.1\r\n\r\n", "400"],
  [`GET / HTTP/1.1\r\n${HOST}${HOST}\r\n`, "400"],
  [`GET  / HTTP/1.1\r\n${HOST}\r\n`, "400"],
  [`GET / HTTP/2.0\r\n${HOST}\r\n`, "400"],
  [`GET / HTTP/1.1 \r\n${HOST}\r\n`, "400"],
  [`GET /\r\n\r\n`, "400"],
  [`GET /\x00 HTTP/1.1\r\n${HOST}\r\n`, "400"],
  [`GET / HTTP/1.1\r\n${HOST}a b: c\r\n\r\n`, "400"],
  [`GET / HTTP/1.1\r\n${HOST}a : c\r\n\r\n`, "400"],
  [`GET / HTTP/1.1\r\n${HOST} folded\r\n\r\n`, "400"],
  [`GET / HTTP/1.1\r\n${HOST}a: b\nc: d\r\n\r\n`, "400"],
  [`GET / HTTP/1.1\r\n${HOST}a: b\0\r\n\r\n`, "400"],
  [`POST / HTTP/1.1\r\n${HOST}Content-Length: 5\r\nContent-Length: 6\r\n\r\n`, "400"],
  [`POST / HTTP/1.1\r\n${HOST}Content-Length: +5\r\n\r\n`, "400"],
  [`POST / HTTP/1.1\r\n${HOST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n`, "400"],
  [`POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n`, "400"],
  [`POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: gzip, chunked\r\n\r\n`, "501"],
  [`POST / HTTP/1.1\r\n${HOST}Expect: cake\r\n\r\n`, "417"],
  ["\x16\x03\x01", "400"],
  ["get / HTTP/1.1\r\n", "400"],
  ["\r\n", "400"],
];

Deno.test("admin incoming: requests are read the same whole and in parts of any size", () => {
  for (const [request, expected] of TABLE) {
    for (const size of [1, 2, 3, 7, 1000, 100_000]) {
      assertEquals(
        told(read(request, size)),
        expected,
        `${JSON.stringify(request.slice(0, 80))} by ${size}`,
      );
    }
  }
});

Deno.test("admin incoming: bytes after a request are ignored", () => {
  const request = `POST /x HTTP/1.1\r\n${HOST}Content-Length: 2\r\n\r\nok`;
  assertEquals(told(read(request + request, 100_000)), "POST /x ok");
});

Deno.test("admin incoming: a body may be as long as the limit", () => {
  const body = "x".repeat(MAX_BODY);
  const taken = read(`POST /x HTTP/1.1\r\n${HOST}Content-Length: ${MAX_BODY}\r\n\r\n${body}`, 1000);
  assertEquals((taken as Arrived).body.length, MAX_BODY);
});

Deno.test("admin incoming: a client that waits for 100 Continue gets it once", () => {
  const incoming = new Incoming();
  const head = bytesOf(
    `POST /x HTTP/1.1\r\n${HOST}Content-Length: 2\r\nExpect: 100-continue\r\n\r\n`,
  );
  incoming.room.set(head);
  assertEquals(incoming.take(head.length), undefined);
  assertEquals([incoming.takeContinue(), incoming.takeContinue()], [true, false]);
  incoming.room.set(bytesOf("ok"));
  assertEquals(told(incoming.take(2)), "POST /x ok");
});
