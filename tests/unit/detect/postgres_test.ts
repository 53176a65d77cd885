import { assertEquals } from "@std/assert";
import { Detection, DETECTORS } from "../../../src/detect/mod.ts";
import { NO_WANTS, RouteWants } from "../../../src/facts/wants.ts";
import { postgres } from "../../../src/detect/postgres.ts";
import { buildClientHello, bytesOf, concat, recordize } from "../_hello.ts";
import { ask, assertMatches, assertSoundOnNoise } from "./_stream.ts";
import { capture } from "./_vectors.ts";

/** A packet: its length, which counts itself, a code, and a body. */
function packet(code: number, body: Uint8Array | string = ""): Uint8Array {
  const rest = typeof body === "string" ? bytesOf(body) : body;
  const bytes = concat(new Uint8Array(8), rest);
  new DataView(bytes.buffer).setUint32(0, bytes.length);
  new DataView(bytes.buffer).setUint32(4, code);
  return bytes;
}

const V3 = 0x30000;
const SSL = packet(80_877_103);
const GSS = packet(80_877_104);
const HELLO = recordize(buildClientHello({ sni: "a.example", alpn: ["postgresql"] }), [1000]);
const USER = "user\0app\0database\0shop\0\0";

/** Of a listener whose routes name `postgres` and ask for `sni`. */
const ASKS = new RouteWants();
ASKS.add({ protocol: ["postgres"], sni: ["a.example"] });

Deno.test("detect postgres: matches psql's startup message, and not a byte earlier", () => {
  assertMatches(postgres, capture("postgres_psql_startup"), {});
});

Deno.test("detect postgres: takes any minor version and any order of parameters", () => {
  for (const minor of [0, 2, 9999]) assertMatches(postgres, packet(V3 + minor, USER), {});
  assertMatches(postgres, packet(V3, "application_name\0\0user\0a\0\0"), {});
  assertMatches(postgres, packet(V3, `user\0a\0options\0${"x".repeat(9979)}\0\0`), {});
});

Deno.test("detect postgres: takes requests to cancel, with keys of 4 to 256 bytes", () => {
  for (const key of [4, 32, 256]) {
    assertMatches(postgres, packet(80_877_102, new Uint8Array(4 + key)), {});
  }
});

Deno.test("detect postgres: says no to what no server takes", () => {
  const cases: readonly [string, Uint8Array][] = [
    ["version 2", packet(0x20000, USER)],
    ["version 4", packet(0x40000, USER)],
    ["another request", packet(80_877_105)],
    ["a length of 7", concat([0, 0, 0, 7], bytesOf("\0\x03\0\0user"))],
    ["a length over the server's bound", packet(V3, `user\0a\0o\0${"x".repeat(9986)}\0\0`)],
    ["no parameters", packet(V3)],
    ["no user", packet(V3, "database\0shop\0\0")],
    ["an empty user", packet(V3, "user\0\0\0")],
    ["a name without a value", packet(V3, "user\0a\0database\0\0")],
    ["no end", packet(V3, "user\0a\0")],
    ["something after the end", packet(V3, "user\0a\0\0x")],
    ["a key of 3 bytes", packet(80_877_102, new Uint8Array(7))],
    ["a key of 257 bytes", packet(80_877_102, new Uint8Array(261))],
  ];
  for (const [name, bytes] of cases) assertEquals(ask(postgres, bytes).kind, "no_match", name);
});

Deno.test("detect postgres: stays sound on noise and damaged packets", () => {
  assertSoundOnNoise(postgres, [packet(V3, USER), packet(80_877_102, new Uint8Array(8)), HELLO]);
});

Deno.test("detect postgres: nobody else takes its packets, and it takes none of theirs", () => {
  const own = [packet(V3, USER), SSL, GSS, packet(80_877_102, new Uint8Array(8))];
  for (const bytes of own) {
    for (const detector of DETECTORS) {
      if (detector.tcp === undefined || detector === postgres) continue;
      assertEquals(ask(detector, bytes).kind, "no_match", detector.name);
    }
  }
  for (const { name } of Deno.readDirSync(new URL("../../testdata/", import.meta.url))) {
    if (!name.endsWith(".hex") || name.startsWith("postgres")) continue;
    assertEquals(ask(postgres, capture(name.slice(0, -4))).kind, "no_match", name);
  }
});

Deno.test("detection: a step is a plain match where no route names the protocol and asks for a fact", () => {
  const others = new RouteWants();
  others.add({ sni: ["a.example"] });
  others.add({ protocol: ["postgres"] });
  others.add({ protocol: ["tls"], sni: ["a.example"] });
  for (const wants of [NO_WANTS, others]) {
    assertEquals(new Detection("tcp", wants).stream(SSL), { protocol: "postgres", facts: {} });
  }
});

Deno.test("detection: a step is taken where a route names the protocol and asks for what lies behind", () => {
  const detection = new Detection("tcp", ASKS);
  assertEquals(detection.stream(GSS), { protocol: "postgres", facts: {} });
  assertEquals([detection.step?.name, detection.step?.consumed], ["GSSENCRequest", 8]);
  assertEquals(detection.step?.says, bytesOf("N"));
  assertEquals(detection.stream(SSL.subarray(0, 5)), undefined);
  assertEquals(detection.step, undefined);
  assertEquals(detection.stream(SSL), { protocol: "postgres", facts: {} });
  assertEquals([detection.step?.name, detection.step?.says], ["SSLRequest", bytesOf("S")]);
  for (let length = 1; length < HELLO.length; length++) {
    assertEquals(detection.stream(HELLO.subarray(0, length)), undefined);
  }
  const found = detection.stream(HELLO);
  assertEquals([found?.protocol, detection.step, found?.end], ["postgres", undefined, undefined]);
  assertEquals([found?.facts.sni, found?.facts.alpn], ["a.example", ["postgresql"]]);
  assertEquals(detection.opening.map(({ says }) => says), [SSL]);
});

Deno.test("detection: each request is taken once, and only what may follow it", () => {
  const after = (...sent: readonly Uint8Array[]) => {
    const detection = new Detection("tcp", ASKS);
    let found;
    for (const bytes of sent) found = detection.stream(bytes);
    return [found?.protocol, detection.step?.name];
  };
  assertEquals(after(GSS, GSS), ["unknown", undefined]);
  assertEquals(after(SSL, SSL), ["unknown", undefined]);
  assertEquals(after(SSL, GSS), ["unknown", undefined]);
  assertEquals(after(GSS, SSL, bytesOf("GET / HTTP/1.1\r\n")), ["unknown", undefined]);
  assertEquals(after(SSL, packet(V3, USER)), ["unknown", undefined]);
  assertEquals(after(GSS, packet(V3, USER)), ["postgres", undefined]);
  assertEquals(after(GSS, packet(80_877_102, new Uint8Array(8))), ["postgres", undefined]);
});

Deno.test("detection: a hello that is cut short behind a step leaves the protocol's facts in doubt", () => {
  const detection = new Detection("tcp", ASKS);
  detection.stream(SSL);
  assertEquals(detection.stream(HELLO.subarray(0, 60)), undefined);
  const { protocol, facts, end } = detection.conclude("client_end");
  assertEquals([protocol, facts, end], ["postgres", {}, "client_end"]);
});
