import { assert, assertEquals } from "@std/assert";
import type { Watch } from "../../../src/detect/detector.ts";
import { Detection, opens } from "../../../src/detect/mod.ts";
import { buildClientHello, bytesOf, concat } from "../_hello.ts";
import {
  buildAnswer,
  buildInitial,
  buildOpaque,
  buildRetry,
  cryptoFrame,
  DCID,
  MIN_DATAGRAM,
  type PacketOptions,
} from "../_quic.ts";

const HELLO = buildClientHello({ sni: "www.example.com", alpn: ["h3"], size: 1800 });
const OTHER = buildClientHello({ sni: "not.example.com", alpn: ["h3"], size: 1800 });
/** Where hellos are cut, before the name. */
const CUT = 40;

function initial(frames: Uint8Array, opts: PacketOptions = {}): Uint8Array {
  return buildInitial(frames, { size: MIN_DATAGRAM, ...opts });
}

/** Judges datagrams that are a match, and hands out what later ones are held against. */
function watch(...datagrams: Uint8Array[]): Watch {
  const detection = new Detection("udp");
  assertEquals(detection.datagrams(datagrams)?.facts.sni, "www.example.com");
  const found = detection.watch(datagrams);
  assert(found !== undefined);
  assertEquals(detection.watch(datagrams), undefined, "it is forgotten");
  return found;
}

Deno.test("quic watch: passes packets that repeat the hello or have no part of one", () => {
  const one = watch(initial(cryptoFrame(HELLO)));
  for (
    const frames of [
      cryptoFrame(HELLO),
      cryptoFrame(HELLO, 500, 700),
      concat(cryptoFrame(HELLO, 1000), cryptoFrame(HELLO, 0, 1000)),
      bytesOf("\x01"),
      // A second hello follows the first if the server asks for one.
      cryptoFrame(concat(HELLO, OTHER), HELLO.length),
    ]
  ) {
    assert(one.allows(initial(frames, { number: 1 })));
  }
  const broken = initial(cryptoFrame(OTHER), { keyId: bytesOf("wrong") });
  for (const datagram of [broken, buildOpaque("handshake"), bytesOf("noise"), new Uint8Array(0)]) {
    assert(one.allows(datagram));
  }
});

Deno.test("quic watch: stops another hello under the same keys, whatever the datagram is like", () => {
  const forms: PacketOptions[] = [
    {},
    { number: 0 },
    { size: 0 },
    { size: 9000 },
    { scid: bytesOf("other") },
    { token: new Uint8Array(50) },
    // With the server's first answer a client changes the connection ID, but not the keys.
    { dcid: bytesOf("server's"), keyId: DCID },
  ];
  for (const form of forms) {
    const one = watch(initial(cryptoFrame(HELLO)));
    for (const frames of [cryptoFrame(OTHER), cryptoFrame(OTHER, CUT)]) {
      assert(!one.allows(initial(frames, { number: 1, ...form })), JSON.stringify(form));
      assert(!one.allows(concat(buildOpaque("handshake"), initial(frames, form))));
    }
    assert(one.allows(initial(cryptoFrame(HELLO), form)), "the hello itself still passes");
  }
});

Deno.test("quic watch: stops other connections of the flow once they carry another hello", () => {
  const other = { dcid: bytesOf("other id") };
  const begun = initial(cryptoFrame(OTHER, 0, 1000), other);
  const one = watch(initial(cryptoFrame(HELLO, 0, 1000)), begun, initial(cryptoFrame(HELLO, 1000)));
  assert(one.allows(initial(cryptoFrame(OTHER, 0, 1000), other)));
  assert(!one.allows(initial(cryptoFrame(OTHER, 1000), { ...other, number: 1 })));
  assert(!one.allows(initial(bytesOf("\x01"), { ...other, number: 2 })), "and all that follows");

  const same = initial(cryptoFrame(HELLO, 0, 1000), other);
  const two = watch(initial(cryptoFrame(HELLO, 0, 1000)), same, initial(cryptoFrame(HELLO, 1000)));
  assert(two.allows(initial(cryptoFrame(HELLO, 1000), { ...other, number: 1 })));
});

Deno.test("quic watch: stops another hello however the server completed the numbers before", () => {
  const far = { number: 2 ** 31, numberBytes: 4 } as const;
  const table: readonly (readonly [PacketOptions, PacketOptions])[] = [
    // A server that discards the second packet reads the third by the first, or by none at all.
    [far, { number: 1 }],
    [{ number: 300, numberBytes: 2 }, { number: 1 }],
    [{ number: 1060, numberBytes: 2 }, { number: 129 }],
    [far, { number: 2 ** 31 + 100 }],
  ];
  for (const [before, after] of table) {
    const one = watch(
      initial(cryptoFrame(HELLO, 0, CUT)),
      initial(cryptoFrame(HELLO, CUT), { ...before, size: 9000 }),
    );
    assert(!one.allows(initial(cryptoFrame(OTHER, CUT), after)), JSON.stringify([before, after]));
    assert(one.allows(initial(cryptoFrame(HELLO, CUT), after)));
    assert(!one.allows(initial(cryptoFrame(OTHER, CUT), after)));
  }
  // Too many ways to read one: nothing passes.
  const numbers = [1, 2, 3, 4, 5].map((i) =>
    initial(bytesOf("\x01"), {
      number: i * 1000,
      numberBytes: 2,
    })
  );
  const lost = watch(...numbers, initial(cryptoFrame(HELLO)));
  assert(!lost.allows(initial(bytesOf("\x01"), { number: 5100 })));
});

Deno.test("quic watch: the part of a long hello that is not remembered does not pass again", () => {
  const long = buildClientHello({ sni: "www.example.com", alpn: ["h3"], size: 5000 });
  const pieces = [0, 1000, 2000, 3000, 4000].map((from, number) =>
    initial(cryptoFrame(long, from, from + 1000), { number })
  );
  const one = watch(...pieces);
  assertEquals(pieces.map((piece) => one.allows(piece)), [true, true, false, false, false]);
});

Deno.test("quic watch: ends with the hello of a server that answers this connection", () => {
  const other = bytesOf("other id");
  const alike: Uint8Array[] = [
    initial(cryptoFrame(HELLO)),
    // The server has got something, but not yet a whole hello.
    buildInitial(bytesOf("\x02\0\0\0\0"), { sender: "server", size: MIN_DATAGRAM }),
    buildAnswer(other, { dcid: DCID }),
    buildOpaque("handshake"),
    buildOpaque("retry"),
    buildRetry(other),
    buildRetry(DCID).with(20, 0),
    bytesOf("noise"),
    new Uint8Array(0),
  ];
  const answers: Uint8Array[] = [
    buildAnswer(DCID),
    concat(alike[1]!, buildAnswer(DCID, { size: 0, number: 1 }), buildOpaque("handshake")),
    // A server may answer in another version than it was asked in.
    buildAnswer(DCID, { version: "2" }),
    buildRetry(DCID),
    buildRetry(DCID, { token: new Uint8Array(700) }),
  ];
  for (const answer of answers) {
    const one = watch(initial(cryptoFrame(HELLO)));
    for (const datagram of alike) assert(!one.endsWith(datagram));
    assert(one.endsWith(answer));
  }
  const two = watch(
    initial(cryptoFrame(OTHER, 0, 1000), { dcid: other }),
    initial(cryptoFrame(HELLO)),
  );
  assert(!two.endsWith(buildAnswer(DCID)), "not if another connection waits");
  assert(!two.allows(initial(cryptoFrame(OTHER, 1000), { dcid: other, number: 1 })));
  assert(two.endsWith(buildAnswer(other)));
});

Deno.test("quic watch: a connection of version 2 ends with a Retry of its own", () => {
  const one = watch(initial(cryptoFrame(HELLO), { version: "2" }));
  assert(!one.endsWith(buildRetry(DCID)));
  assert(one.endsWith(buildRetry(DCID, { version: "2" })));
});

Deno.test("quic watch: tries a few packets of a datagram that do not open, and passes no more on", () => {
  const broken = buildInitial(bytesOf("\x01"), { keyId: bytesOf("wrong") });
  const datagram = (count: number) => concat(...Array.from({ length: count }, () => broken));
  const one = watch(initial(cryptoFrame(HELLO)));
  assert(one.allows(datagram(8)));
  for (const count of [9, 30]) {
    assert(!one.allows(datagram(count)));
    assert(!one.allows(concat(datagram(count), initial(cryptoFrame(OTHER)))));
  }
});

Deno.test("quic watch: follows the packets of its connections", () => {
  const one = watch(initial(cryptoFrame(HELLO)));
  for (const number of [0, 3]) assert(one.follows(initial(bytesOf("\x01"), { number })));
  const strange = [
    initial(cryptoFrame(HELLO), { dcid: bytesOf("other id") }),
    initial(cryptoFrame(HELLO), { version: "2" }),
    initial(cryptoFrame(HELLO), { keyId: bytesOf("wrong") }),
    buildOpaque("handshake"),
    bytesOf("noise"),
    new Uint8Array(0),
  ];
  for (const datagram of strange) assert(!one.follows(datagram));
});

Deno.test("quic watch: datagrams that open a connection are recognised by header and size", () => {
  assertEquals(opens(initial(cryptoFrame(HELLO))), "connection");
  assertEquals(opens(initial(cryptoFrame(HELLO), { version: "2" })), "connection");
  assertEquals(opens(initial(bytesOf("\x01"), { size: 0 })), "more");
  assertEquals(opens(bytesOf("noise".repeat(300))), "nothing");
  assertEquals(opens(new Uint8Array(0)), "nothing");
});
