import { assert, assertEquals, assertLess } from "@std/assert";
import fc from "fast-check";
import { tls } from "../../../src/detect/tls.ts";
import type { Verdict } from "../../../src/detect/detector.ts";
import {
  buildClientHello,
  bytesOf,
  concat,
  type Extension,
  factsOf,
  prefixed,
  recordize,
} from "../_hello.ts";
import { ask, assertMatches, assertSoundOnNoise } from "./_stream.ts";
import { capture } from "./_vectors.ts";

const SNI = "www.example.com";
const ALPN = ["h2", "http/1.1"];

Deno.test("detect tls: matches what real clients send, and not a byte earlier", () => {
  // The fingerprints are not this code's: see the test of JA4.
  const clients = {
    tls_openssl_client: {
      sni: SNI,
      alpn: ALPN,
      ja4: "t13d3111h2_e8f1e7e78f70_1f22a2ca17c4",
      tls_version: "1.3",
      hello_bytes: 334,
    },
    tls_openssl_tls12_no_sni: {
      ja4: "t12i280600_d943125447b4_e7e480e5a997",
      tls_version: "1.2",
      hello_bytes: 183,
    },
    tls_curl_client: {
      sni: "shunt.example.test",
      alpn: ALPN,
      ja4: "t13d3112h2_e8f1e7e78f70_b26ce05bbdd6",
      tls_version: "1.3",
      hello_bytes: 512,
    },
    tls_deno_client: {
      sni: "localhost",
      alpn: ALPN,
      ja4: "t13d1011h2_61a7ad8aa9b6_f9531d972513",
      tls_version: "1.3",
      hello_bytes: 253,
    },
  };
  for (const [name, facts] of Object.entries(clients)) assertMatches(tls, capture(name), facts);
});

Deno.test("detect tls: joins a hello out of records of any size", () => {
  const hello = buildClientHello({ sni: SNI, alpn: ALPN, size: 517 });
  for (const sizes of [[1], [2], [3, 1, 100, 7], [4, 16_384], [500, 1], [5, 1, 1, 1, 600]]) {
    assertMatches(tls, recordize(hello, sizes), { ...factsOf(hello), sni: SNI, alpn: ALPN });
  }
});

Deno.test("detect tls: takes post-quantum hellos and larger ones", () => {
  for (const size of [1800, 4096, 16_384, 16_385, 40_000]) {
    const hello = buildClientHello({ sni: SNI, alpn: ALPN, size });
    assertEquals(hello.length, size);
    const facts = { ...factsOf(hello), sni: SNI, alpn: ALPN, hello_bytes: size };
    assertMatches(tls, recordize(hello), facts);
  }
});

Deno.test("detect tls: finds the end of a hello inside a record that goes on", () => {
  const hello = buildClientHello({ sni: SNI });
  const bytes = recordize(concat(hello, bytesOf("more handshake")));
  const verdict = ask(tls, bytes.subarray(0, 5 + hello.length));
  assertEquals(verdict, { kind: "match", facts: { ...factsOf(hello), sni: SNI } });
});

Deno.test("detect tls: takes every record version below 16.0, and every version of a hello", () => {
  const bytes = recordize(buildClientHello({ sni: SNI }));
  for (const [major, minor] of [[3, 0], [3, 4], [3, 5], [3, 255], [0, 0], [2, 1], [15, 3]]) {
    bytes.set([major!, minor!], 1);
    assertEquals(ask(tls, bytes).kind, "match", `${major}.${minor}`);
  }
  bytes.set([16, 0], 1);
  assertEquals(ask(tls, bytes).kind, "no_match");
  bytes.set([3, 1], 1);
  for (const version of [[3, 0], [2, 0], [5, 1], [0, 0], [0xfe, 0xfd]]) {
    bytes.set(version, 9);
    const verdict = ask(tls, bytes);
    assert(verdict.kind === "match");
    assertEquals([verdict.facts.sni, verdict.end], [SNI, undefined], `${version}`);
  }
});

Deno.test("detect tls: is certain once the handshake header is whole", () => {
  const bytes = recordize(buildClientHello({ sni: SNI }));
  assertEquals(ask(tls, bytes.subarray(0, 8)), { kind: "need_more", bytes: 9 });
  const certain = { kind: "need_more" as const, bytes: bytes.length, certain: {} };
  assertEquals(ask(tls, bytes.subarray(0, 9)), certain);
});

Deno.test("detect tls: is asked a few dozen times by a client that sends bytes in 1-byte records", () => {
  const bytes = recordize(buildClientHello({ sni: SNI, size: 1800 }), [1]);
  let calls = 0;
  for (let given = 1; given < bytes.length; calls++) {
    const verdict = ask(tls, bytes.subarray(0, given));
    assert(verdict.kind === "need_more");
    given = verdict.bytes;
  }
  assertLess(calls, 60);
});

Deno.test("detect tls: rejects as soon as a byte cannot belong to a hello's first record", () => {
  const cases: readonly (readonly number[])[] = [
    [0x17],
    [0x16, 16],
    [0x14, 3, 3, 0, 3],
    [0x15, 3, 1, 0, 3],
    [0x15, 3, 1, 0, 2, 1, 0, 0x17],
    [0x16, 3, 1, 0, 0, 0x16, 3, 1, 0, 100, 2],
    [0x16, 3, 1, 0x40, 1],
    [0x16, 3, 1, 0, 100, 2],
    [0x16, 3, 1, 0, 100, 1, 0, 0, 40],
    [0x16, 3, 1, 0, 100, 1, 3, 0, 0],
  ];
  for (const bytes of cases) {
    assertEquals(ask(tls, Uint8Array.from(bytes)).kind, "no_match", `${bytes}`);
    assertEquals(ask(tls, Uint8Array.from(bytes.slice(0, -1))).kind, "need_more", `${bytes}`);
  }
});

Deno.test("detect tls: skips empty records, alerts and ChangeCipherSpec before and in a hello", () => {
  const hello = buildClientHello({ sni: SNI, alpn: ALPN });
  const facts = { ...factsOf(hello), sni: SNI, alpn: ALPN };
  const empty = [22, 3, 1, 0, 0];
  const alert = [21, 3, 1, 0, 2, 1, 0x29];
  const change = [20, 3, 3, 0, 1, 1];
  const skipped = concat(empty, alert, empty, change, alert);
  const records = recordize(hello, [3, 60, 1, 400]);
  assertMatches(tls, concat(skipped, records), facts);
  const [first, second] = [records.subarray(0, 8), records.subarray(8)];
  assertMatches(tls, concat(empty, first, skipped, second), facts);
  assertMatches(tls, concat(first, skipped, empty, skipped, second), facts);
  assertMatches(tls, concat(new Uint8Array(64 * 5).map((_, i) => empty[i % 5]!), records), facts);
});

Deno.test("detect tls: skips a limited number of records, however they come", () => {
  const hello = buildClientHello({ sni: SNI });
  const empty = (count: number) => concat(...new Array(count).fill([22, 3, 1, 0, 0]));
  const parts = [recordize(hello).subarray(0, 0), recordize(hello.subarray(0, 50))];
  const rest = recordize(hello.subarray(50));
  assertEquals(ask(tls, concat(empty(65), parts[1]!, rest)).kind, "no_match");
  const many = concat(parts[1]!, empty(65), rest, empty(9000));
  let [calls, given, verdict] = [0, 1, ask(tls, many.subarray(0, 1))];
  for (; verdict.kind === "need_more"; calls++) {
    given = verdict.bytes;
    verdict = ask(tls, many.subarray(0, given));
  }
  assertEquals(verdict, { kind: "match", facts: {}, end: "malformed" });
  assertLess(calls, 80);
  assertLess(given, 1000);
});

/** What a detector says at the end of input that it wants all of. */
function lastOf(bytes: Uint8Array): Verdict {
  let hint = 0;
  for (let length = 1; length < bytes.length; length++) {
    const verdict = ask(tls, bytes.subarray(0, length));
    if (verdict.kind !== "need_more") return verdict;
    assert(verdict.bytes >= hint, "the bytes asked for never shrink");
    hint = verdict.bytes;
  }
  return ask(tls, bytes);
}

Deno.test("detect tls: a hello that has begun and contradicts itself is TLS in doubt", () => {
  const malformed = { kind: "match", facts: {}, end: "malformed" } as const;
  const first = recordize(buildClientHello({ sni: SNI }), [50]).subarray(0, 55);
  const rest = new Uint8Array(200);
  for (const second of [[22, 3, 1, 0x40, 1], [22, 16], [21, 3, 1, 0, 3], [20, 3, 1, 9, 9]]) {
    assertEquals(lastOf(concat(first, second, rest)), malformed, `${second}`);
  }
  for (const second of [[23, 3, 1, 0, 9], [0]]) {
    assertEquals(lastOf(concat(first, second, rest)).kind, "no_match", `${second}`);
  }
  const name = prefixed(2, concat([0, 0, 9], bytesOf("short")));
  assertEquals(lastOf(recordize(buildClientHello({ after: [[0, name]] }))), malformed);
});

/** Data of a server_name extension with these host names. */
function serverNames(...names: readonly string[]): Uint8Array {
  return prefixed(2, concat(...names.map((name) => concat([0], prefixed(2, bytesOf(name))))));
}

Deno.test("detect tls: an invalid server name is in doubt, and no other fact is", () => {
  for (const sni of ["*.a.example", "a..example", ".a.example", "a/b.example", "a.example:443"]) {
    const hello = buildClientHello({ sni, alpn: ALPN });
    const facts = { ...factsOf(buildClientHello({ sni, alpn: ALPN })), alpn: ALPN };
    assertEquals(ask(tls, recordize(hello)), { kind: "match", facts, end: "bad_name" }, sni);
    assertEquals("sni" in facts, false);
  }
});

Deno.test("detect tls: an IP address in the place of a name is no name, and not in doubt", () => {
  for (const sni of ["192.0.2.7", "2001:db8::1", "::ffff:192.0.2.7", ""]) {
    const verdict = ask(tls, recordize(buildClientHello({ sni })));
    assert(verdict.kind === "match");
    assertEquals([verdict.facts.sni, verdict.end], [undefined, undefined], sni);
  }
});

Deno.test("detect tls: several server names, or an extension twice, leave all facts in doubt", () => {
  const one = serverNames("one.example");
  const protocols: Extension = [16, Uint8Array.of(0, 3, 2, 0x68, 0x32)];
  const cases: readonly (readonly Extension[])[] = [
    [[0, serverNames("one.example", "two.example")]],
    [[0, serverNames("one.example", "one.example")]],
    [[0, one], [0, serverNames("two.example")]],
    [[0, new Uint8Array(0)], [0, one]],
    [[0, one], protocols, protocols],
    [[0, one], [43, Uint8Array.of(2, 3, 4)], [43, Uint8Array.of(2, 3, 1)]],
  ];
  for (const after of cases) {
    const verdict = ask(tls, recordize(buildClientHello({ after })));
    assert(verdict.kind === "match");
    const { facts, end } = verdict;
    assertEquals([Object.keys(facts), end], [["hello_bytes"], "malformed"]);
  }
});

Deno.test("detect tls: gives the same facts for any hello in any records, whatever follows", () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 6 });
  const names = fc.array(fc.string({ minLength: 1, maxLength: 20, unit: "binary-ascii" }), {
    minLength: 1,
    maxLength: 5,
  });
  const after = fc.uint8Array({ maxLength: 40 });
  const cut = fc.double({ min: 0, max: 0.999, noNaN: true });
  fc.assert(fc.property(sizes, names, after, cut, (sizes, alpn, after, cut) => {
    const hello = buildClientHello({ sni: "A.Example", alpn, size: 300 });
    const bytes = recordize(hello, sizes);
    const facts = { ...factsOf(hello), sni: "a.example", alpn };
    assertEquals(ask(tls, concat(bytes, after)), { kind: "match", facts });
    const given = Math.floor(cut * (bytes.length - 1)) + 1;
    if (given === bytes.length) return;
    const verdict = ask(tls, bytes.subarray(0, given));
    assert(verdict.kind === "need_more" && verdict.bytes > given && verdict.bytes <= bytes.length);
  }));
});

Deno.test("detect tls: names the highest version offered, unless it is unknown", () => {
  const cases: readonly (readonly [number, string | undefined])[] = [
    [0x0304, "1.3"],
    [0x0303, "1.2"],
    [0x0302, "1.1"],
    [0x0301, "1.0"],
    [0x0300, undefined],
    [0x7f1c, undefined],
  ];
  for (const [number, version] of cases) {
    const data = Uint8Array.of(4, 0x0a, 0x0a, number >> 8, number & 255);
    const verdict = ask(tls, recordize(buildClientHello({ after: [[43, data]] })));
    assert(verdict.kind === "match");
    assertEquals(verdict.facts.tls_version, version);
    assertEquals("tls_version" in verdict.facts, version !== undefined);
  }
});

Deno.test("detect tls: stays sound on noise and damaged hellos", () => {
  const hello = buildClientHello({ sni: SNI, alpn: ALPN });
  assertSoundOnNoise(tls, [recordize(hello), recordize(hello, [1]), recordize(hello, [60, 7])]);
});

Deno.test("detect tls: hellos of many records leave no garbage of their size", () => {
  const bytes = recordize(buildClientHello({ sni: "a.example", size: 60_000 }), [16_000]);
  assertEquals(ask(tls, bytes).kind, "match");
  const before = Deno.memoryUsage().external;
  for (let i = 0; i < 200; i++) ask(tls, bytes);
  assertLess(Deno.memoryUsage().external - before, 1_000_000);
});
