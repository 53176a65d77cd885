import { assertEquals } from "@std/assert";
import { Detection, DETECTORS, PROTOCOLS } from "../../../src/detect/mod.ts";
import { buildClientHello, recordize } from "../_hello.ts";

const ENCODER = new TextEncoder();

/** Feeds a stream byte by byte and tells after how many bytes the answer came. */
function feed(bytes: Uint8Array, needsHost: boolean): [string | undefined, number] {
  const detection = new Detection("tcp", needsHost);
  for (let length = 1; length <= bytes.length; length++) {
    const detected = detection.stream(bytes.subarray(0, length));
    if (detected !== undefined) return [detected.protocol, length];
  }
  return [undefined, bytes.length];
}

Deno.test("registry: names are unique and each protocol has a transport", () => {
  assertEquals(new Set(DETECTORS.map(({ name }) => name)).size, DETECTORS.length);
  for (const { name, transports } of PROTOCOLS) {
    assertEquals([name, transports.length > 0], [name, true]);
  }
});

Deno.test("detection: noise is unknown as soon as no detector is left", () => {
  assertEquals(feed(new Uint8Array([0, 1, 2]), true), ["unknown", 1]);
});

Deno.test("detection: waits for the host only where a route asks for it", () => {
  const request = ENCODER.encode("GET / HTTP/1.1\r\nAccept: a\r\nHost: a.example\r\n\r\n");
  assertEquals(feed(request, false), ["http", "GET / HTTP/1.1\r\n".length]);
  assertEquals(feed(request, true), ["http", request.length]);
});

Deno.test("detection: concludes with what is certain", () => {
  const hello = recordize(buildClientHello({ sni: "a.example" }), [1000]);
  const detection = new Detection("tcp", true);
  assertEquals(detection.stream(hello.subarray(0, 20)), undefined);
  assertEquals(detection.conclude("deadline").protocol, "tls");
});

Deno.test("detection: takes certainty back when the rest contradicts it", () => {
  const hello = recordize(buildClientHello({ sni: "a.example" }), [20]);
  const detection = new Detection("tcp", true);
  assertEquals(detection.stream(hello.subarray(0, 25)), undefined);
  const broken = hello.slice();
  broken[25] = 0x17;
  assertEquals(detection.stream(broken)?.protocol, "unknown");
  assertEquals(detection.conclude("deadline").protocol, "unknown");
});

Deno.test("detection: a detector is not asked before its hint", () => {
  const detection = new Detection("tcp", true);
  const hello = recordize(buildClientHello({ sni: "a.example" }), [1000]);
  assertEquals(detection.stream(hello.subarray(0, 11)), undefined);
  // Bytes that would be refused go unseen: the record says how many are needed before.
  const other = hello.slice(0, 12);
  other.fill(0);
  assertEquals(detection.stream(other), undefined);
});
