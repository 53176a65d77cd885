import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { InitialKeys } from "../../../src/wire/quic_keys.ts";
import { parsePacket } from "../../../src/wire/quic_packet.ts";
import { bytesOf, concat } from "../_hello.ts";
import { buildInitial, type PacketOptions } from "../_quic.ts";
import { capture } from "../detect/_vectors.ts";

const FRAMES = bytesOf("sixteen or more bytes of frames");

/** Opens the packet at the start of a datagram with the keys of its own connection ID. */
function open(datagram: Uint8Array): Uint8Array | undefined {
  const packet = parsePacket(datagram, 0);
  assert(packet !== undefined);
  const payload = new InitialKeys(packet.version, packet.dcid).open(datagram, packet);
  return payload && Uint8Array.from(payload);
}

Deno.test("quic keys: opens the published packets", () => {
  for (const name of ["quic_v1_initial_rfc9001_a2", "quic_v2_initial_rfc9369_a2"]) {
    const payload = open(capture(name));
    // 1,162 bytes of frames in both, the first a CRYPTO frame of 241 bytes (RFC 9001 §A.2).
    assertEquals(payload?.length, 1162, name);
    assertEquals(payload?.subarray(0, 8), Uint8Array.of(6, 0, 0x40, 0xf1, 1, 0, 0, 0xed), name);
    assertEquals(payload?.subarray(245), new Uint8Array(1162 - 245), name);
  }
});

Deno.test("quic keys: opens packets of every shape", () => {
  const shapes: PacketOptions[] = [
    {},
    { version: "2" },
    { dcid: new Uint8Array(0) },
    { dcid: new Uint8Array(20).fill(9), scid: new Uint8Array(3) },
    { token: new Uint8Array(100).fill(1) },
    ...([1, 2, 3, 4] as const).map((numberBytes) => ({ numberBytes, number: 2 ** 7 - 1 })),
    { numberBytes: 4, number: 0x7654_3210 },
  ];
  for (const opts of shapes) {
    const datagram = concat(buildInitial(FRAMES, opts), [1, 2, 3]);
    const before = datagram.slice();
    assertEquals(open(datagram), FRAMES, JSON.stringify(opts));
    assertEquals(datagram, before, "the datagram is left as it is");
  }
});

Deno.test("quic keys: opens several packets of one connection in any order", () => {
  const keys = new InitialKeys("1", new Uint8Array(8));
  for (const number of [3, 0, 2, 3]) {
    const datagram = buildInitial(FRAMES, { dcid: new Uint8Array(8), number });
    const packet = parsePacket(datagram, 0);
    assert(packet !== undefined);
    assertEquals(Uint8Array.from(keys.open(datagram, packet) ?? []), FRAMES);
  }
});

Deno.test("quic keys: opens an empty packet", () => {
  assertEquals(open(buildInitial(new Uint8Array(0), { numberBytes: 4 })), new Uint8Array(0));
});

Deno.test("quic keys: refuses packets sealed with other keys or reserved bits", () => {
  assertEquals(open(buildInitial(FRAMES, { keyId: Uint8Array.of(1) })), undefined);
  for (const setBits of [4, 8, 12]) {
    assertEquals(open(buildInitial(FRAMES, { setBits })), undefined);
  }
});

Deno.test("quic keys: refuses a packet with any bit changed", () => {
  const datagram = buildInitial(FRAMES, { token: bytesOf("token"), scid: bytesOf("scid") });
  fc.assert(fc.property(fc.nat(datagram.length * 8 - 1), (bit) => {
    const changed = datagram.slice();
    changed[bit >> 3]! ^= 1 << (bit & 7);
    if (parsePacket(changed, 0) !== undefined) assertEquals(open(changed), undefined);
  }));
});
