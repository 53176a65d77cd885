import { assertEquals } from "@std/assert";
import type { DetectEnd } from "../../../src/detect/ends.ts";
import { http } from "../../../src/detect/http.ts";
import { bytesOf, concat, prefixed } from "../_hello.ts";
import { ask, assertMatches, assertSoundOnNoise } from "./_stream.ts";
import { capture } from "./_vectors.ts";

const PREFACE = bytesOf("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const FACTS = { version: "2", host: "a.example" };
const GET = [0x82, 0x86, 0x84]; // :method GET, :scheme http, :path /
const AUTHORITY = concat([0x01], prefixed(1, bytesOf("A.Example:8080")));
const BLOCK = concat(GET, AUTHORITY);

const END_HEADERS = 4;
const PADDED = 8;
const PRIORITY = 0x20;

/** A frame on stream 1, or on another. */
function frame(type: number, flags: number, payload: Uint8Array | readonly number[], stream = 1) {
  const length = prefixed(3, Uint8Array.from(payload)).subarray(0, 3);
  return concat(length, [type, flags, 0, 0, 0, stream], payload);
}

const SETTINGS = frame(4, 0, [0, 3, 0, 0, 0, 100], 0);
const START = concat(PREFACE, SETTINGS);

Deno.test("detect http: matches curl's HTTP/2 with prior knowledge, and not a byte earlier", () => {
  const facts = { version: "2", host: "web.example.com" };
  assertMatches(http, capture("http2_curl_prior_knowledge"), facts);
});

Deno.test("detect http: finds the authority behind other frames, padding and priority", () => {
  const priority = [0, 0, 0, 0, 16];
  const padded = concat([3], BLOCK, [0, 0, 0]);
  const both = concat([2], priority, BLOCK, [0, 0]);
  const requests = [
    frame(1, END_HEADERS, BLOCK),
    concat(frame(8, 0, [0, 0, 255, 255], 0), frame(2, 0, priority, 3), frame(1, 5, BLOCK)),
    concat(frame(6, 0, new Uint8Array(8), 0), frame(0xfa, 0xff, [1, 2]), frame(1, 5, BLOCK)),
    frame(1, END_HEADERS | PADDED, padded),
    frame(1, END_HEADERS | PRIORITY, concat(priority, BLOCK)),
    frame(1, END_HEADERS | PADDED | PRIORITY, both, 7),
  ];
  for (const request of requests) assertMatches(http, concat(START, request), FACTS);
});

Deno.test("detect http: joins a header block out of CONTINUATION frames", () => {
  const pieces = [BLOCK.subarray(0, 1), BLOCK.subarray(1, 9), BLOCK.subarray(9, 9)];
  const request = concat(
    frame(1, PADDED, concat([2], pieces[0]!, [0, 0])),
    frame(9, 0, pieces[1]!),
    frame(9, 0, pieces[2]!),
    frame(9, END_HEADERS, BLOCK.subarray(9)),
  );
  assertMatches(http, concat(START, request), FACTS);
});

Deno.test("detect http: takes the host field if there is no authority", () => {
  const host = concat([0x0f, 38 - 15], prefixed(1, bytesOf("a.example")));
  assertMatches(http, concat(START, frame(1, END_HEADERS, concat(GET, host))), FACTS);
  assertMatches(http, concat(START, frame(1, END_HEADERS, concat(BLOCK, host))), FACTS);
});

Deno.test("detect http: accepts HTTP/2 without SETTINGS, and frames that servers ignore", () => {
  const request = frame(1, END_HEADERS, BLOCK);
  const ping = frame(6, 0, new Uint8Array(8), 0);
  const starts = [
    ...[[], ping, frame(8, 0, [0, 0, 1, 0], 0), frame(0, 1, [1]), frame(3, 0, [0, 0, 0, 0])],
    concat(SETTINGS, frame(0, 0, [1])),
    concat(SETTINGS, ...Array<Uint8Array>(1000).fill(ping)),
    concat(SETTINGS, frame(0xfa, 0, new Uint8Array(17_000), 0)),
  ];
  for (const start of starts) assertMatches(http, concat(PREFACE, start, request), FACTS);
  const sizes = concat([0x20], GET, [0x3f, 0xe1, 0x1f], AUTHORITY, [0x20]);
  assertMatches(http, concat(START, frame(1, END_HEADERS, sizes)), FACTS);
});

Deno.test("detect http: reads one host of HTTP/2, or says why there is none", () => {
  const field = (index: number, value: string) =>
    concat(index < 15 ? [index] : [15, index - 15], prefixed(1, bytesOf(value)));
  const host = (value: string) => field(38, value);
  const cases: readonly (readonly [string, Uint8Array, string | undefined, DetectEnd?])[] = [
    ["a port that is none", field(1, "a.example:x:1234567"), "a.example"],
    ["none", concat([]), undefined],
    ["a name that is none", field(1, "a..b"), undefined, "bad_name"],
    ["user information", field(1, "u@a.example"), undefined, "bad_name"],
    ["two that are none", concat(field(1, "a..b"), host("b..c")), undefined, "bad_name"],
    ["one of two", concat(field(1, "a..b"), host("a.example")), undefined, "malformed"],
    ["an empty one first", concat(field(1, ""), host("a.example")), undefined, "malformed"],
    ["four alike", concat(...Array<Uint8Array>(4).fill(host("a.example"))), "a.example"],
    ["five alike", concat(...Array<Uint8Array>(5).fill(host("a.example"))), undefined, "fields"],
    ["500 fields", concat(new Uint8Array(500).fill(0x90), AUTHORITY), "a.example"],
    ["600 fields", concat(AUTHORITY, new Uint8Array(600).fill(0x90)), undefined, "fields"],
    [
      "a path with a host",
      concat(AUTHORITY, field(4, "http://b.example/")),
      undefined,
      "malformed",
    ],
  ];
  for (const [name, fields, host, end] of cases) {
    const facts = host === undefined ? { version: "2" } : { version: "2", host };
    const match = { kind: "match", facts } as const;
    const verdict = end === undefined ? match : { ...match, end };
    assertEquals(
      ask(http, concat(START, frame(1, END_HEADERS, concat(GET, fields)))),
      verdict,
      name,
    );
  }
});

Deno.test("detect http: says why a host of HTTP/2 is not known", () => {
  const other = concat([0x0f, 38 - 15], prefixed(1, bytesOf("b.example")));
  const cases: readonly (readonly [string, Uint8Array, DetectEnd?])[] = [
    ["CONTINUATION before a request", concat(START, frame(9, END_HEADERS, BLOCK))],
    ["a frame too long", concat(START, [0, 0x40, 1, 1, 4, 0, 0, 0, 1])],
    ["a server's stream", concat(START, frame(1, END_HEADERS, BLOCK, 2))],
    ["no stream", concat(START, frame(1, END_HEADERS, BLOCK, 0))],
    ["padding past the frame", concat(START, frame(1, END_HEADERS | PADDED, [9, 0x82]))],
    ["a pad length missing", concat(START, frame(1, END_HEADERS | PADDED, []), SETTINGS)],
    ["priority past the frame", concat(START, frame(1, END_HEADERS | PRIORITY, [0]))],
    ["a broken block", concat(START, frame(1, END_HEADERS, [...BLOCK, 0x80]))],
    ["names that differ", concat(START, frame(1, END_HEADERS, concat(BLOCK, other)))],
    ["a block interrupted", concat(START, frame(1, 0, BLOCK), SETTINGS)],
    ["a promise", concat(START, frame(5, 4, [0, 0, 0, 2, 0x82]))],
    ["frames without end", concat(START, ...Array<Uint8Array>(1024).fill(SETTINGS)), "frames"],
    [
      "a block without end",
      concat(START, frame(1, 0, BLOCK), ...Array<Uint8Array>(1024).fill(frame(9, 0, []))),
      "frames",
    ],
    ["a block on two streams", concat(START, frame(1, 0, BLOCK), frame(9, 4, [], 3))],
  ];
  for (const [name, bytes, end = "malformed"] of cases) {
    assertEquals(ask(http, bytes), { kind: "match", facts: { version: "2" }, end }, name);
  }
});

Deno.test("detect http: is certain of HTTP/2 after the preface, and waits for whole frames", () => {
  const lacking = { kind: "need_more", certain: { version: "2" }, lacks: ["host"] } as const;
  assertEquals(ask(http, PREFACE.subarray(0, 23)), { kind: "need_more", bytes: 24 });
  assertEquals(ask(http, PREFACE), { ...lacking, bytes: 24 + 9 });
  assertEquals(ask(http, START.subarray(0, 33)), { ...lacking, bytes: 24 + 15 + 9 });
  const request = concat(START, frame(1, END_HEADERS, BLOCK));
  assertEquals(ask(http, request.subarray(0, 48)), { ...lacking, bytes: request.length });
});

Deno.test("detect http: stays sound on damaged HTTP/2", () => {
  assertSoundOnNoise(http, [START, concat(START, frame(1, END_HEADERS, BLOCK))]);
});
