import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { parsePacket, varint, varintSize } from "../../../src/wire/quic_packet.ts";
import { concat } from "../_hello.ts";
import { buildInitial, buildOpaque, DCID, encodeVarint } from "../_quic.ts";

const NOTHING = new Uint8Array(0);

Deno.test("quic packet: reads variable-length integers", () => {
  // RFC 9000 §A.1
  const table = [
    [[0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c], 151288809941952652],
    [[0x9d, 0x7f, 0x3e, 0x7d], 494878333],
    [[0x7b, 0xbd], 15293],
    [[0x25], 37],
    [[0x40, 0x25], 37],
  ] as const;
  for (const [encoded, value] of table) {
    const bytes = Uint8Array.from([0xff, ...encoded, 0xff]);
    assertEquals(varint(bytes, 1), value);
    assertEquals(varintSize(bytes, 1), encoded.length);
    const short = bytes.subarray(0, encoded.length);
    assertEquals(varint(short, 1), -1, "passes the end");
    assertEquals(varint(bytes, bytes.length), -1);
  }
});

Deno.test("quic packet: returns kind, version, connection ID and bounds", () => {
  for (const version of ["1", "2"] as const) {
    for (const scid of [NOTHING, new Uint8Array(20).fill(7)]) {
      const initial = buildInitial(NOTHING, {
        version,
        scid,
        token: new Uint8Array(70),
        size: 300,
      });
      const early = buildOpaque("zero_rtt", { version, scid });
      const handshake = buildOpaque("handshake", { version, scid });
      let start = 0;
      const datagram = concat(initial, early, handshake);
      for (const [kind, { length }] of Object.entries({ initial, zero_rtt: early, handshake })) {
        const packet = parsePacket(datagram, start);
        assert(packet !== undefined);
        const { numberAt, ...rest } = packet;
        assertEquals(
          rest,
          { kind, version, dcid: DCID, start, end: start + length } as typeof rest,
        );
        const header = 15 + scid.length + (kind === "initial" ? 74 : 2);
        assertEquals(numberAt - start, header);
        start += length;
      }
      assertEquals(parsePacket(datagram, start), undefined);
    }
  }
});

Deno.test("quic packet: takes connection IDs of 0 to 20 bytes", () => {
  for (let size = 0; size < 30; size++) {
    const dcid = new Uint8Array(size).fill(3);
    for (const opts of [{ dcid }, { scid: dcid }]) {
      const packet = parsePacket(buildInitial(NOTHING, opts), 0);
      assertEquals(packet !== undefined, size <= 20, `${size} bytes`);
    }
  }
});

Deno.test("quic packet: rejects packets that no client of version 1 or 2 sends first", () => {
  const initial = buildInitial(NOTHING, { size: 200 });
  const changed = (at: number, ...bytes: number[]) => {
    const copy = initial.slice();
    copy.set(bytes, at);
    return copy;
  };
  const cases: Record<string, Uint8Array> = {
    "no byte": NOTHING,
    "eight bytes": Uint8Array.of(0xc0, 0, 0, 0, 1, 0, 0, 0),
    "seven bytes": Uint8Array.of(0xc0, 0, 0, 0, 1, 0, 0),
    "a short header": changed(0, 0x40),
    "a Retry": buildOpaque("retry"),
    "a Retry of version 2": buildOpaque("retry", { version: "2" }),
    "version negotiation": changed(1, 0, 0, 0, 0),
    "draft 29": changed(1, 0xff, 0, 0, 0x1d),
    "a greased version": changed(1, 0x1a, 0x2a, 0x3a, 0x4a),
    "a token past the end": changed(15, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
    "a length past the end": changed(16, 0x7f, 0xff),
  };
  for (const [name, bytes] of Object.entries(cases)) {
    assertEquals(parsePacket(bytes, 0), undefined, name);
  }
});

Deno.test("quic packet: lets a client clear the fixed bit, with a token and without", () => {
  for (const token of [new Uint8Array(9), NOTHING]) {
    const packet = buildInitial(NOTHING, { clearBits: 0x40, token });
    assertEquals(parsePacket(packet, 0)?.kind, "initial");
  }
});

Deno.test("quic packet: returns the end of a packet that is too short to be opened", () => {
  const packet = buildInitial(NOTHING, { size: 200 });
  packet.set([0x40, 19], 16);
  assertEquals(parsePacket(packet, 0)?.end, 18 + 19);
  packet.set([0x40, 0], 16);
  assertEquals(parsePacket(packet, 0)?.end, 18);
});

Deno.test("quic packet: takes no truncated packet", () => {
  const packet = buildInitial(NOTHING, { size: 200, token: new Uint8Array(5) });
  for (let size = 0; size < packet.length; size++) {
    assertEquals(parsePacket(packet.subarray(0, size), 0), undefined, `${size} bytes`);
  }
});

Deno.test("quic packet: stays within the datagram on noise", () => {
  const noise = fc.uint8Array({ maxLength: 80 });
  const start = fc.constantFrom([], [0xc0, 0, 0, 0, 1], [0xd0, 0x6b, 0x33, 0x43, 0xcf]);
  fc.assert(fc.property(start, noise, fc.nat(3), (head, tail, skip) => {
    const bytes = concat(new Uint8Array(skip), head, tail);
    const packet = parsePacket(bytes, skip);
    if (packet === undefined) return;
    assert(packet.start === skip && packet.numberAt > skip);
    assert(packet.numberAt <= packet.end && packet.end <= bytes.length);
  }));
  fc.assert(fc.property(fc.nat(2 ** 31), (value) => {
    assertEquals(varint(encodeVarint(value), 0), value);
  }));
});
