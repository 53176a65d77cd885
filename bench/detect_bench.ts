/**
 * The cost of recognising one session, per detector, with all of a client's first bytes at hand.
 *
 * @module
 */

import type { Detector } from "../src/detect/detector.ts";
import { http } from "../src/detect/http.ts";
import { socks4, socks5 } from "../src/detect/socks.ts";
import { ssh } from "../src/detect/ssh.ts";
import { tls } from "../src/detect/tls.ts";
import { buildClientHello, bytesOf, concat, prefixed, recordize } from "../tests/unit/_hello.ts";
import { capture } from "../tests/unit/detect/_vectors.ts";

const HELLO = { sni: "www.example.com", alpn: ["h2", "http/1.1"] };
const PREFACE_TO_REQUEST = capture("http2_curl_prior_knowledge");
const BROWSER_GET = bytesOf(
  "GET /index.html?from=bench HTTP/1.1\r\nHost: www.example.com\r\nConnection: keep-alive\r\n" +
    "Upgrade-Insecure-Requests: 1\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) Bench/1.0\r\n" +
    "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\nAccept-Encoding: gzip, deflate\r\n" +
    `Accept-Language: en-GB,en;q=0.9\r\nCookie: session=${"c".repeat(300)}\r\n\r\n`,
);
const NOISE = new Uint8Array(1400).map((_, i) => (i * 151 + 90) & 255);

const CASES: readonly (readonly [string, Detector, Uint8Array])[] = [
  ["tls: 517-byte hello of curl", tls, capture("tls_curl_client")],
  ["tls: 1.8 KiB hello", tls, recordize(buildClientHello({ ...HELLO, size: 1843 }))],
  [
    "tls: 1.8 KiB hello in two records",
    tls,
    recordize(buildClientHello({ ...HELLO, size: 1843 }), [1200]),
  ],
  [
    "tls: 16 KiB hello in 1-byte records",
    tls,
    recordize(buildClientHello({ ...HELLO, size: 16_384 }), [1]),
  ],
  ["http: GET of curl", http, capture("http1_curl_get")],
  ["http: GET of a browser, 650 bytes", http, BROWSER_GET],
  [
    "http: GET with a target of 8 KiB",
    http,
    bytesOf(`GET /${"x".repeat(8192)} HTTP/1.1\r\nHost: a\r\n\r\n`),
  ],
  ["http: HTTP/2 of curl", http, PREFACE_TO_REQUEST],
  ["ssh: OpenSSH", ssh, capture("ssh_openssh_client")],
  ["socks5: greeting of curl", socks5, capture("socks5_curl")],
  ["socks4: 4a request of curl", socks4, capture("socks4a_curl")],
];

for (const [name, detector, bytes] of CASES) {
  if (detector.tcp?.(bytes).kind !== "match") throw new Error(`"${name}" does not match`);
  Deno.bench({ name, group: "first bytes", fn: () => void detector.tcp?.(bytes) });
}

Deno.bench({
  name: "all: 1,400 bytes of noise",
  group: "first bytes",
  fn: () => {
    for (const detector of [tls, http, ssh, socks5, socks4]) detector.tcp?.(NOISE);
  },
});

/** Makes hellos with fingerprints that are not remembered: each has a cipher suite of its own. */
function strangers(count: number, lists: number): Uint8Array[] {
  const values = Array.from({ length: lists }, (_, i) => 0x2000 + i * 7);
  const list = prefixed(2, Uint8Array.from(values.flatMap((value) => [value >> 8, value & 255])));
  const after = values.slice(1).toReversed().map((type) => [type, new Uint8Array(0)] as const);
  return Array.from({ length: count }, (_, i) => {
    const suites = [0x1301, i, ...values.slice(2)];
    return recordize(buildClientHello({ ...HELLO, suites, after: [[13, list], ...after] }));
  });
}

for (const [name, lists] of [["browser's", 16], ["hostile", 500]] as const) {
  const hellos = strangers(2000, lists);
  let at = 0;
  Deno.bench({
    name: `tls: ${name} lists of ${lists}, fingerprint not remembered`,
    group: "fingerprints",
    fn: () => void tls.tcp?.(hellos[at = (at + 1) % hellos.length]!),
  });
  Deno.bench({
    name: `tls: ${name} lists of ${lists}, fingerprint remembered`,
    group: "fingerprints",
    fn: () => void tls.tcp?.(hellos[0]!),
  });
}

/** Detects a whole session of a client that sends one byte at a time, called as the driver does. */
function drip(detector: Detector, bytes: Uint8Array): void {
  let wait = 1;
  for (let given = 1; given <= bytes.length; given++) {
    if (given < wait) continue;
    const verdict = detector.tcp?.(bytes.subarray(0, given));
    if (verdict?.kind !== "need_more") return;
    wait = verdict.bytes;
  }
}

const MANY_FIELDS = bytesOf(`GET / HTTP/1.1\r\n${"a:\n".repeat(21_000)}`);
const LONG_TARGET = concat(bytesOf("GET /"), new Uint8Array(65_000).fill(0x78));
const EMPTY_FRAMES = concat(
  bytesOf("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  ...Array.from({ length: 7000 }, () => [0, 0, 0, 4, 1, 0, 0, 0, 0]),
);
const DRIPS: readonly (readonly [string, Detector, Uint8Array])[] = [
  ["tls: 60 KiB hello in 1-byte records", tls, recordize(buildClientHello({ size: 10_000 }), [1])],
  ["http: 64 KiB of field lines", http, MANY_FIELDS],
  ["http: 64 KiB of target", http, LONG_TARGET],
  ["http: 64 KiB of empty HTTP/2 frames", http, EMPTY_FRAMES],
];
for (const [name, detector, bytes] of DRIPS) {
  Deno.bench({
    name,
    group: "hostile, byte by byte to detect.max_bytes",
    n: 3,
    warmup: 1,
    fn: () => drip(detector, bytes),
  });
}
