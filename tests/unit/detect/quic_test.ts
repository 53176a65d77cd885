import { assert, assertEquals, assertLess } from "@std/assert";
import fc from "fast-check";
import type { Facts, Verdict } from "../../../src/detect/detector.ts";
import type { DetectEnd } from "../../../src/detect/ends.ts";
import { quic } from "../../../src/detect/quic.ts";
import { buildClientHello, bytesOf, concat, factsOf } from "../_hello.ts";
import {
  buildInitial,
  buildOpaque,
  cryptoFrame,
  DCID,
  encodeVarint,
  MIN_DATAGRAM,
  type PacketOptions,
} from "../_quic.ts";
import { capture } from "./_vectors.ts";

const HELLO = buildClientHello({ sni: "www.example.com", alpn: ["h3"], size: 1800 });
const FACTS: Facts = {
  ...factsOf(HELLO, "q"),
  sni: "www.example.com",
  alpn: ["h3"],
  hello_bytes: 1800,
  version: "1",
};
const MATCH: Verdict = { kind: "match", facts: FACTS };
const NO_MATCH: Verdict = { kind: "no_match" };
const PADDED = { size: MIN_DATAGRAM };
const OTHER = { dcid: bytesOf("other id") };

/** The hello in two datagrams. */
const FIRST = initial([[0, 1000]]);
const SECOND = initial([[1000]], { number: 1 });

type Range = readonly [from: number, to?: number];

/** An Initial packet with these pieces of the hello, as long as a datagram has to be. */
function initial(pieces: readonly Range[], opts: PacketOptions = {}, hello = HELLO): Uint8Array {
  const frames = pieces.map(([from, to]) => cryptoFrame(hello, from, to));
  return buildInitial(concat(...frames), { ...PADDED, ...opts });
}

function judge(datagrams: readonly Uint8Array[]): Verdict {
  const verdict = quic.udp?.(datagrams);
  assert(verdict !== undefined);
  return verdict;
}

function ends(end: DetectEnd): Verdict {
  return { kind: "match", facts: { version: "1" }, end };
}

/** Asks after each datagram, and about all of them at once, and expects the same. */
function ask(...datagrams: Uint8Array[]): Verdict {
  const flow: Uint8Array[] = [];
  let verdict: Verdict = NO_MATCH;
  for (const datagram of datagrams) {
    flow.push(datagram);
    verdict = judge(flow);
    assertEquals(judge(flow), verdict, "asking again changes nothing");
    assertEquals(judge([...flow]), verdict, "a new array changes nothing");
  }
  return verdict;
}

function waits(datagrams: readonly Uint8Array[], certain?: Facts): Verdict {
  const bytes = 1 + datagrams.reduce((sum, datagram) => sum + datagram.length, 0);
  return { kind: "need_more", bytes, ...(certain && { certain }) };
}

Deno.test("detect quic: matches the published packets and what a real client sends", () => {
  const alpn = ["alpn"];
  // Fingerprints: a Python script of its own over the handshake bytes, as in the test of JA4.
  const published = {
    ja4: "q13d0211an_62ed6f6ca7ad_4d634acda6c0",
    tls_version: "1.3",
    hello_bytes: 241,
  };
  const table = {
    quic_v1_initial_rfc9001_a2: { sni: "example.com", alpn, ...published, version: "1" },
    quic_v2_initial_rfc9369_a2: { sni: "example.com", alpn, ...published, version: "2" },
    quic_v1_initial_deno: {
      sni: "quic.example.net",
      alpn: ["h3", "hq-29"],
      ja4: "q13d0312h3_55b375c5d22e_16aff4c164e8",
      tls_version: "1.3",
      hello_bytes: 301,
      version: "1",
    },
  };
  for (const [name, facts] of Object.entries(table)) {
    assertEquals(ask(capture(name)), { kind: "match", facts }, name);
  }
});

Deno.test("detect quic: leaves out the facts that a hello lacks", () => {
  const hello = buildClientHello({});
  for (const version of ["1", "2"] as const) {
    const facts = { ...factsOf(hello, "q"), version };
    assertEquals(ask(initial([[0]], { version }, hello)), { kind: "match", facts });
    assert(!("sni" in facts) && !("alpn" in facts));
  }
});

Deno.test("detect quic: is certain before the hello is complete, then joins its datagrams", () => {
  assertEquals(ask(FIRST), waits([FIRST], { version: "1" }));
  assertEquals(ask(FIRST, SECOND), MATCH);
  assertEquals(ask(SECOND), waits([SECOND], { version: "1" }));
  assertEquals(ask(SECOND, FIRST), MATCH);
  assertEquals(ask(FIRST, FIRST, FIRST, SECOND), MATCH, "repeated");
});

Deno.test("detect quic: takes frames scattered, repeated and overlapping among others", () => {
  const ping = Uint8Array.of(1);
  const first = concat(
    cryptoFrame(HELLO, 1500, 1700),
    ping,
    cryptoFrame(HELLO, 40, 300),
    new Uint8Array(50),
    cryptoFrame(HELLO, 250, 700),
    ping,
    ping,
  );
  const second = concat(cryptoFrame(HELLO, 690, 1550), cryptoFrame(HELLO, 0, 41));
  const third = concat(cryptoFrame(HELLO, 1600), ping, cryptoFrame(HELLO, 0, 300));
  const flight = [first, second, third].map((frames, number) =>
    buildInitial(frames, { ...PADDED, number })
  );
  assertEquals(ask(...flight), MATCH);
  assertEquals(ask(...flight.toReversed()), MATCH);
  assertEquals(ask(...flight.slice(0, 2)), waits(flight.slice(0, 2), { version: "1" }));
});

Deno.test("detect quic: takes hellos of 16 KiB and more in many datagrams", () => {
  for (const size of [16_384, 60_000]) {
    const hello = buildClientHello({ sni: "www.example.com", alpn: ["h3"], size });
    const flight: Uint8Array[] = [];
    for (let at = 0; at < size; at += 1100) {
      flight.push(initial([[at, Math.min(at + 1100, size)]], { number: flight.length }, hello));
    }
    const match = { kind: "match" as const, facts: { ...FACTS, hello_bytes: size } };
    assertEquals(judge(flight), match);
    assertEquals(judge(flight.toReversed()), match);
    assertEquals(judge(flight.slice(1)).kind, "need_more");
  }
});

Deno.test("detect quic: reads packets coalesced in one datagram, each from its own offset", () => {
  const small = { size: 0 };
  const head = initial([[0, 500]], small);
  const tail = initial([[500]], { number: 1 });
  const early = buildOpaque("zero_rtt");
  const handshake = buildOpaque("handshake");
  assertEquals(ask(concat(head, tail)), MATCH);
  assertEquals(ask(concat(tail, head)), MATCH);
  assertEquals(ask(concat(head, early, handshake, tail)), MATCH);
  assertEquals(ask(concat(early, head, tail)), MATCH);
});

Deno.test("detect quic: ignores bytes after the last packet of a datagram", () => {
  const all = initial([[0]]);
  const tails: readonly Uint8Array[] = [
    new Uint8Array(100),
    Uint8Array.of(0xff),
    bytesOf("\x40 short header"),
    initial([[0]], OTHER),
    initial([[0]], { keyId: bytesOf("wrong") }),
    initial([[0]], { version: "2" }),
    FIRST.subarray(0, 100),
  ];
  for (const tail of tails) {
    assertEquals(ask(concat(all, tail)), MATCH);
    const broken = concat(FIRST, tail);
    assertEquals(ask(broken), waits([broken], { version: "1" }));
    assertEquals(ask(broken, SECOND), MATCH);
  }
});

Deno.test("detect quic: ignores later datagrams that it cannot open", () => {
  const noise = [
    new Uint8Array(0),
    bytesOf("noise"),
    buildOpaque("zero_rtt"),
    buildOpaque("handshake"),
    initial([[1000]], { keyId: bytesOf("wrong") }),
    initial([[0, 10]], OTHER),
  ];
  for (const datagram of noise) assertEquals(ask(FIRST, datagram, SECOND), MATCH);
});

Deno.test("detect quic: keeps connections that share a flow apart", () => {
  const hello = buildClientHello({ sni: "other.example.com", size: 1800 });
  const other = [
    initial([[0, 900]], OTHER, hello),
    initial([[900]], { ...OTHER, number: 1 }, hello),
  ] as const;
  assertEquals(ask(FIRST, other[0], SECOND), MATCH);
  assertEquals(ask(FIRST, other[0], other[1]), {
    kind: "match",
    facts: { ...factsOf(hello, "q"), sni: "other.example.com", version: "1" },
  });
});

Deno.test("detect quic: follows no more than four connections of a flow, and then believes no name", () => {
  const begun = ["a", "b", "c"].map((id) => initial([[0, 1000]], { dcid: bytesOf(id) }));
  assertEquals(ask(...begun, initial([[0]], OTHER)), MATCH);
  assertEquals(ask(...begun, FIRST, initial([[0]], OTHER)).kind, "need_more");
  assertEquals(ask(...begun, FIRST, initial([[0]], OTHER), SECOND), ends("datagrams"));
});

Deno.test("detect quic: forged connection IDs count among those that are followed", () => {
  const keyId = bytesOf("wrong");
  const forged = ["a", "b", "c"].map((id) => initial([[0]], { dcid: bytesOf(id), keyId }));
  assertEquals(ask(FIRST, ...forged, SECOND), MATCH);
  assertEquals(ask(FIRST, ...forged, ...forged, SECOND), MATCH, "repeated");
  assertEquals(ask(FIRST, ...forged, initial([[0]], OTHER), SECOND), ends("datagrams"));
});

Deno.test("detect quic: keeps versions apart that share a connection ID", () => {
  const second = initial([[1000]], { number: 1, version: "2" });
  const first = initial([[0, 1000]], { version: "2" });
  assertEquals(ask(FIRST, second), waits([FIRST, second], { version: "1" }));
  assertEquals(ask(FIRST, second, first), { kind: "match", facts: { ...FACTS, version: "2" } });
});

Deno.test("detect quic: looks at no datagram of a flow twice", () => {
  const first = FIRST.slice();
  const flow: Uint8Array[] = [first];
  assertEquals(judge(flow).kind, "need_more");
  first.fill(0, 100);
  flow.push(SECOND);
  assertEquals(judge(flow), MATCH);
});

Deno.test("detect quic: waits on early data for the Initial packet, without certainty", () => {
  for (const version of ["1", "2"] as const) {
    const early = buildOpaque("zero_rtt", { version, size: 1180 });
    assertEquals(ask(early), waits([early]));
    assertEquals(ask(early, early), waits([early, early]));
    const match = { kind: "match" as const, facts: { ...FACTS, version } };
    assertEquals(ask(early, early, initial([[0]], { version })), match);
    assertEquals(ask(early, bytesOf("noise")), NO_MATCH);
    assertEquals(ask(early, initial([[0]], { version, keyId: bytesOf("wrong") })), NO_MATCH);
  }
});

Deno.test("detect quic: does not take an unproven packet as certain", () => {
  const changed = (at: number, ...bytes: number[]) => {
    const copy = initial([[0]]);
    copy.set(bytes, at);
    return copy;
  };
  const cases: Record<string, Uint8Array> = {
    "an empty datagram": new Uint8Array(0),
    "nine bytes": Uint8Array.of(0xc0, 0, 0, 0, 1, 0, 0, 0, 0),
    "a short header": changed(0, 0x40),
    "a Handshake packet": buildOpaque("handshake"),
    "a Handshake packet and early data": concat(buildOpaque("handshake"), buildOpaque("zero_rtt")),
    "a Retry": buildOpaque("retry"),
    "version negotiation": changed(1, 0, 0, 0, 0),
    "draft 29": changed(1, 0xff, 0, 0, 29),
    "a greased version": changed(1, 0xba, 0xba, 0xba, 0xba),
    "an Initial packet with a bit changed": changed(600, 0),
    "an Initial packet of another connection's keys": initial([[0]], { keyId: bytesOf("wrong") }),
    "early data and a forged Initial packet": concat(
      buildOpaque("zero_rtt"),
      initial([[0]], { keyId: bytesOf("wrong") }),
    ),
  };
  for (const [name, datagram] of Object.entries(cases)) {
    assertEquals(ask(datagram), NO_MATCH, name);
    assertEquals(ask(datagram, initial([[0]])), NO_MATCH, `${name}, then an Initial packet`);
  }
});

Deno.test("detect quic: makes no keys for a datagram that is too short to begin a connection", () => {
  const hello = buildClientHello({ sni: "www.example.com" });
  for (const size of [0, 40, MIN_DATAGRAM - 1]) {
    const short = initial([[0]], { size }, hello);
    assertLess(short.length, MIN_DATAGRAM);
    assertEquals(ask(short), NO_MATCH, `${size} bytes`);
  }
  assertEquals(ask(initial([[0]], PADDED, hello)).kind, "match");
  assertEquals(
    ask(concat(initial([[0]], { size: 0 }, hello), new Uint8Array(MIN_DATAGRAM))).kind,
    "match",
  );
});

Deno.test("detect quic: reads datagrams of any size of a connection that has begun", () => {
  // quinn and quic-go hold only a connection's first datagram to its size.
  const short = initial([[1000]], { number: 1, size: 0 });
  assertLess(short.length, MIN_DATAGRAM);
  assertEquals(ask(FIRST, short), MATCH);
  assertEquals(ask(FIRST, initial([[0]], { ...OTHER, size: 0 }), SECOND), MATCH, "of another");
});

Deno.test("detect quic: reads on after packets that do not open, whatever they are", () => {
  const small = { size: 0 };
  const good = initial([[0]]);
  const short = initial([[0, 9]], small);
  const broken = short.with(-1, short.at(-1)! ^ 1);
  // The length of a packet that is too short to be one, in a header as Initial packets have it.
  const stump = concat(short.subarray(0, 16), [5, 1, 2, 3, 4, 5]);
  const other = initial([[0, 9]], { ...small, keyId: bytesOf("wrong") });
  const handshake = buildOpaque("handshake");
  for (const before of [broken, other, stump, concat(broken, handshake), concat(stump, stump)]) {
    assertEquals(ask(concat(before, good)), MATCH);
  }
  const many = Array.from({ length: 30 }, () => broken);
  assertEquals(ask(concat(...many, good)), MATCH);
  // A server that takes a connection by its first packet opens all of them with the same keys.
  const stray = initial([[1000]], { number: 1, size: 0, keyId: DCID, dcid: bytesOf("other id") });
  assertEquals(ask(concat(initial([[0, 1000]], small), stray)), MATCH);
});

Deno.test("detect quic: takes Initial packets whose fixed bit is clear, as quinn does", () => {
  assertEquals(ask(initial([[0]], { clearBits: 0x40 })), MATCH);
});

Deno.test("detect quic: completes packet numbers as servers do", () => {
  const flight = [
    initial([[0, 600]], { number: 0xffff_fffe, numberBytes: 4 }),
    initial([[600, 1200]], { number: 0xffff_ffff, numberBytes: 1 }),
    initial([[1200]], { number: 0x1_0000_0001, numberBytes: 2 }),
  ];
  assertEquals(ask(...flight), MATCH);
  assertEquals(
    ask(initial([[0, 600]], { number: 300, numberBytes: 2 }), initial([[600]], { number: 299 })),
    MATCH,
  );
});

Deno.test("detect quic: opens packets that name another connection with the keys of one that has begun", () => {
  // Servers that go by addresses do.
  const stray = initial([[1000]], { number: 1, keyId: DCID, dcid: bytesOf("other id") });
  assertEquals(ask(FIRST, stray), MATCH);
  assertEquals(
    ask(FIRST, initial([[1000]], { number: 1, keyId: DCID, dcid: bytesOf("b"), size: 0 })),
    MATCH,
  );
});

Deno.test("detect quic: believes no name if packet numbers leave too many candidates", () => {
  const jumps = [1, 2, 3, 4, 5].map((i) => initial([[0, 9]], { number: i * 1000, numberBytes: 2 }));
  assertEquals(ask(...jumps, initial([[0]], { number: 6000, numberBytes: 2 })), MATCH);
  assertEquals(
    ask(
      ...jumps,
      initial([[0]], { number: 5100 }),
      initial([[0]], { number: 6000, numberBytes: 2 }),
    ),
    ends("datagrams"),
  );
});

Deno.test("detect quic: reads frame types in more bytes than they need", () => {
  const frame = cryptoFrame(HELLO).subarray(1);
  for (const type of [[0x40, 6], [0x80, 0, 0, 6], [0xc0, 0, 0, 0, 0, 0, 0, 6]]) {
    for (const before of [[], [0x40, 0], [0x40, 1, 0x80, 0, 0, 0]]) {
      const datagram = buildInitial(concat(before, type, frame), PADDED);
      assertEquals(ask(datagram), MATCH, `${type}`);
    }
  }
});

Deno.test("detect quic: is certain even if the hello cannot be read", () => {
  const version = "1";
  const tooLong = HELLO.slice();
  tooLong.set([1, 1, 0x20, 0]);
  const contradiction = concat(cryptoFrame(HELLO, 0, 200), cryptoFrame(tooLong, 0, 4));
  for (
    const [frames, end] of [
      [cryptoFrame(bytesOf("\x02\x00\x00\x40 a ServerHello")), "malformed"],
      [cryptoFrame(tooLong), "max_bytes"],
      [contradiction, "malformed"],
      [concat(cryptoFrame(HELLO), cryptoFrame(tooLong, 0, 4)), "malformed"],
    ] as const
  ) {
    assertEquals(ask(buildInitial(frames, PADDED)), ends(end));
  }
  for (const frames of [bytesOf("\x01\x00"), concat([0x1c, 0, 0, 0]), bytesOf("\x08 unknown")]) {
    const datagram = buildInitial(frames, PADDED);
    assertEquals(ask(datagram), waits([datagram], { version }), "no hello yet");
    assertEquals(ask(datagram, initial([[0]])), MATCH);
  }
});

Deno.test("detect quic: gives up on a hello that never ends", () => {
  const flow: Uint8Array[] = [];
  let verdict: Verdict = NO_MATCH;
  do {
    flow.push(initial([[0, 1000]], { number: flow.length }));
    verdict = judge(flow);
  } while (verdict.kind === "need_more" && flow.length < 1000);
  assertEquals(verdict, ends("datagrams"));
  assertEquals(flow.length, 64);
  const large = [0, 1, 2].map((number) => initial([[0, 9]], { number, size: 60_000 }));
  assertEquals(judge(large.slice(0, 2)).kind, "need_more");
  assertEquals(judge(large), ends("datagrams"));
  const early = Array.from({ length: 64 }, () => buildOpaque("zero_rtt"));
  assertEquals(judge(early), NO_MATCH);
  assertEquals(judge(early.slice(1)).kind, "need_more");
});

Deno.test("detect quic: a frame far ahead and thousands of tiny ones do no harm", () => {
  const far = concat([6], encodeVarint(2 ** 61), encodeVarint(3), [1, 2, 3]);
  const tiny = Array.from(HELLO, (_, at) => cryptoFrame(HELLO, at, at + 1)).toReversed();
  const flight = [concat(far, ...tiny.slice(0, 900)), concat(...tiny.slice(900), far)];
  assertEquals(ask(...flight.map((frames) => buildInitial(frames))), MATCH);
});

Deno.test("detect quic: finds the same facts however the hello is cut and shuffled", () => {
  const size = HELLO.length;
  const pieces = fc.record({
    cuts: fc.array(fc.nat(size), { maxLength: 12 }),
    overlap: fc.nat(40),
    repeats: fc.array(fc.tuple(fc.nat(size), fc.nat(100)), { maxLength: 3 }),
    datagrams: fc.integer({ min: 1, max: 4 }),
    order: fc.array(fc.nat(), { minLength: 16, maxLength: 16 }),
    version: fc.constantFrom("1" as const, "2" as const),
  });
  fc.assert(fc.property(pieces, ({ cuts, overlap, repeats, datagrams, order, version }) => {
    const edges = [0, ...cuts.toSorted((a, b) => a - b), size];
    const ranges: Range[] = edges.slice(1).map((
      to,
      i,
    ) => [edges[i]!, Math.min(to + overlap, size)]);
    ranges.push(...repeats.map(([at, length]): Range => [at, Math.min(at + length, size)]));
    const shuffled = ranges.map((range, i) => [order[i % 16]! + i, range] as const)
      .toSorted(([a], [b]) => a - b).map(([, range]) => range);
    const flight = Array.from({ length: datagrams }, (_, number) => {
      const own = shuffled.filter((_, i) => (order[15 - (i % 16)]! + i) % datagrams === number);
      return initial(own, { number, version });
    });
    assertEquals(judge(flight), { kind: "match", facts: { ...FACTS, version } });
  }));
});

Deno.test("detect quic: one changed bit never leads to another name", () => {
  for (const name of ["quic_v1_initial_rfc9001_a2", "quic_v2_initial_rfc9369_a2"]) {
    const vector = capture(name);
    fc.assert(fc.property(fc.nat(vector.length * 8 - 1), (bit) => {
      const changed = vector.slice();
      changed[bit >> 3]! ^= 1 << (bit & 7);
      const verdict = judge([changed]);
      assert(verdict.kind === "no_match" || verdict.kind === "need_more", `bit ${bit}`);
      if (verdict.kind === "need_more") assertEquals(verdict.certain, undefined, `bit ${bit}`);
    }));
  }
});

Deno.test("detect quic: takes no truncated packet", () => {
  const vector = capture("quic_v1_initial_rfc9001_a2");
  for (let size = 0; size < vector.length; size++) {
    assertEquals(judge([vector.subarray(0, size)]), NO_MATCH, `${size} bytes`);
  }
});

Deno.test("detect quic: never throws on noise, and never asks for fewer bytes than it has", () => {
  const noise = fc.uint8Array({ maxLength: 100 });
  const head = fc.constantFrom(
    [],
    [0xc0, 0, 0, 0, 1],
    [0xd0, 0, 0, 0, 1, 8, ...DCID, 0],
    [0xc0, 0, 0, 0, 1, 8, ...DCID, 0, 0, 0x40, 0x20],
    [0xd0, 0x6b, 0x33, 0x43, 0xcf],
  );
  const forged = fc.tuple(head, noise).map(([start, tail]) => concat(start, tail));
  const sealed = noise.map((frames) => buildInitial(frames));
  const datagram = fc.oneof(noise, forged, sealed, fc.constantFrom(FIRST, SECOND));
  fc.assert(fc.property(fc.array(datagram, { minLength: 1, maxLength: 6 }), (datagrams) => {
    const verdict = ask(...datagrams);
    if (verdict.kind === "need_more") assertEquals(waits(datagrams, verdict.certain), verdict);
  }));
});
