import { assertEquals } from "@std/assert";
import type { DetectEnd } from "../../../src/detect/ends.ts";
import { Detection, DETECTORS, inDoubt, PROTOCOLS } from "../../../src/detect/mod.ts";
import { http } from "../../../src/detect/http.ts";
import { tls } from "../../../src/detect/tls.ts";
import { NO_WANTS, RouteWants, wantsAll } from "../../../src/facts/wants.ts";
import { buildClientHello, recordize } from "../_hello.ts";

const ENCODER = new TextEncoder();

/** Feeds a stream byte by byte and returns the number of bytes after which the answer came. */
function feed(bytes: Uint8Array, needsHost: boolean): [string | undefined, number] {
  const detection = new Detection("tcp", needsHost ? wantsAll() : NO_WANTS);
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
  assertEquals(feed(new Uint8Array([1, 2, 3]), true), ["unknown", 1]);
});

Deno.test("detection: waits for the host only if a route asks for it", () => {
  const request = ENCODER.encode("GET / HTTP/1.1\r\nAccept: a\r\nHost: a.example\r\n\r\n");
  assertEquals(feed(request, false), ["http", "GET / HTTP/1.1\r\n".length]);
  assertEquals(feed(request, true), ["http", request.length]);
});

Deno.test("detection: SSH that may still be a request waits if a route asks for the host", () => {
  const request = "SSH-2.0-x / HTTP/1.1\r\nHost: a.example\r\n\r\n";
  assertEquals(feed(ENCODER.encode(request), true), ["http", request.length]);
  assertEquals(feed(ENCODER.encode(request), false), ["ssh", "SSH-2.0-".length]);
  for (
    const line of ["SSH-2.0-x\r\n", "SSH-2.0-x Debian-2+deb12u3\r\n", "SSH-2.0-x http://a b\r\n"]
  ) {
    const [protocol, length] = feed(ENCODER.encode(line), true);
    assertEquals([protocol, length < line.length], ["ssh", true], line);
  }
  const detection = new Detection("tcp", wantsAll());
  assertEquals(detection.stream(ENCODER.encode("SSH-2.0-x / HT")), undefined);
  const { protocol, maybe } = detection.conclude("deadline");
  assertEquals([protocol, maybe], ["ssh", ["http"]]);
});

Deno.test("detection: SSH waits for nothing if routes ask for facts of hellos alone", () => {
  const request = ENCODER.encode("SSH-2.0-x / HTTP/1.1\r\nHost: a.example\r\n\r\n");
  for (const protocol of [undefined, ["postgres"], ["tls"]]) {
    const wants = new RouteWants();
    wants.add({ sni: ["a.example"], alpn: ["h2"], ...(protocol && { protocol }) });
    // At once: byte by byte, others have said no before it is SSH.
    for (const length of ["SSH-2.0-".length, request.length]) {
      const detected = new Detection("tcp", wants).stream(request.subarray(0, length));
      assertEquals(detected?.protocol, "ssh", `${protocol} ${length}`);
    }
  }
});

Deno.test("detection: concludes with what is certain", () => {
  const hello = recordize(buildClientHello({ sni: "a.example" }), [1000]);
  const detection = new Detection("tcp", wantsAll());
  assertEquals(detection.stream(hello.subarray(0, 20)), undefined);
  assertEquals(detection.conclude("deadline").protocol, "tls");
});

Deno.test("detection: takes certainty back when the rest contradicts it", () => {
  const hello = recordize(buildClientHello({ sni: "a.example" }), [20]);
  const detection = new Detection("tcp", wantsAll());
  assertEquals(detection.stream(hello.subarray(0, 25)), undefined);
  const broken = hello.slice();
  broken[25] = 0x17;
  assertEquals(detection.stream(broken)?.protocol, "unknown");
  assertEquals(detection.conclude("deadline").protocol, "unknown");
});

Deno.test("detection: a detector is not asked before its hint", () => {
  const detection = new Detection("tcp", wantsAll());
  const hello = recordize(buildClientHello({ sni: "a.example" }), [1000]);
  assertEquals(detection.stream(hello.subarray(0, 11)), undefined);
  // Bytes that would be refused go unseen: the record says how many are needed before.
  const other = hello.slice(0, 12);
  other.fill(0);
  assertEquals(detection.stream(other), undefined);
});

Deno.test("detection: the facts in doubt are those that the protocol can have", () => {
  const doubt = (protocol: string, end?: DetectEnd) =>
    inDoubt({ protocol, facts: {}, ...(end === undefined ? {} : { end }) });
  const hello = tls.facts ?? [];
  assertEquals(hello.slice(0, 3), ["sni", "alpn", "ja4"]);
  assertEquals(doubt("tls"), []);
  assertEquals(doubt("tls", "malformed"), hello);
  assertEquals(doubt("tls", "deadline"), hello);
  assertEquals(doubt("tls", "bad_name"), ["sni"]);
  assertEquals(doubt("quic", "datagrams"), hello);
  assertEquals(doubt("http", "bad_name"), ["host"]);
  assertEquals(doubt("http", "fields"), http.facts);
  assertEquals(doubt("ssh", "deadline"), []);
  assertEquals(doubt("unknown", "max_bytes"), []);
});

Deno.test("detection: names the protocols that truncated bytes may still become", () => {
  const cut = (bytes: readonly number[], end: DetectEnd) => {
    const detection = new Detection("tcp", wantsAll());
    assertEquals(detection.stream(Uint8Array.from(bytes)), undefined);
    return detection.conclude(end);
  };
  const unknown = { protocol: "unknown", facts: {} };
  assertEquals(cut([0x16], "deadline"), { ...unknown, end: "deadline", maybe: ["tls"] });
  assertEquals(cut([0x16, 3, 1, 2, 0, 1], "deadline").maybe, ["tls"]);
  assertEquals(cut([0x53], "deadline").maybe, ["ssh", "http"]);
  assertEquals(cut([0x47, 0x45], "max_bytes").maybe, ["http"]);
  // Nothing follows, so that a target gets no more bytes than were looked at.
  assertEquals(cut([0x16], "client_end"), { ...unknown, end: "client_end" });
});

Deno.test("detection: drops the bytes that were read before the end", () => {
  const detection = new Detection("tcp", wantsAll());
  const head = ENCODER.encode("GET / HTTP/1.1\r\nHost: a.example\r\n");
  detection.stream(head);
  const { facts, end } = detection.conclude("deadline");
  assertEquals([facts, end], [{ version: "1.1" }, "deadline"]);
});
