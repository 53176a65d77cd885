/**
 * First flights of QUIC clients in forms that servers read in different ways, with two names in them. Knows
 * neither shunt nor the servers.
 *
 * @module
 */

import { bytesOf, concat } from "../unit/_hello.ts";
import { buildInitial, buildOpaque, cryptoFrame, type PacketOptions } from "../unit/_quic.ts";
import { capture } from "../unit/detect/_vectors.ts";
import { CryptoStream } from "../../src/wire/crypto_stream.ts";
import { readFrames } from "../../src/wire/quic_frames.ts";
import { InitialKeys } from "../../src/wire/quic_keys.ts";
import { parsePacket } from "../../src/wire/quic_packet.ts";

/** The two hellos that a form is made of. */
interface Hellos {
  /** A hello to a name that may be served. */
  readonly good: Uint8Array;
  /** A hello to a name that is refused. */
  readonly evil: Uint8Array;
}

const NAME = "quic.example.net";
const SIZE = 1200;
/** Where hellos are cut: before the name, which stands near the end. */
const CUT = 200;

/** A hello that servers take, with the connection ID that its transport parameters name. */
const { hello: HELLO, scid: SCID } = readCapture();

function readCapture(): { hello: Uint8Array; scid: Uint8Array } {
  const datagram = capture("quic_v1_initial_deno");
  const packet = parsePacket(datagram, 0)!;
  const payload = new InitialKeys(packet.version, packet.dcid).open(datagram, packet)!;
  const stream = new CryptoStream();
  readFrames(payload, stream);
  const scidAt = 7 + packet.dcid.length;
  return {
    hello: stream.contiguous.slice(),
    scid: datagram.slice(scidAt, scidAt + datagram[scidAt - 1]!),
  };
}

function helloTo(name: string): Uint8Array {
  const hello = HELLO.slice();
  hello.set(bytesOf(name), hello.toHex().indexOf(bytesOf(NAME).toHex()) / 2);
  return hello;
}

const PING = Uint8Array.of(1);

/** Seals frames in a packet of the flight's own connection. */
type Seal = (frames: Uint8Array, opts?: PacketOptions) => Uint8Array;
/** Makes the flight. */
type Form = (seal: Seal, hellos: Hellos) => Uint8Array[];

const small = { size: 0 };
const headOf = (hello: Uint8Array) => cryptoFrame(hello, 0, CUT);
const tailOf = (hello: Uint8Array) => cryptoFrame(hello, CUT);
const damaged = (packet: Uint8Array) => packet.with(-1, packet.at(-1)! ^ 1);
const wide = (frame: Uint8Array, ...type: number[]) => concat(type, frame.subarray(1));

/** A packet whose length leaves no room for a tag. */
function stump(seal: Seal, length: number): Uint8Array {
  const packet = seal(PING, small);
  // A length in two bytes, a number in one, three of frames and the tag.
  return concat(packet.subarray(0, packet.length - 22), [0x40, length], new Uint8Array(length));
}

/** Flights with one name, which is refused, in forms that servers read. */
export const FORMS: Readonly<Record<string, Form>> = {
  "one datagram": (seal, { evil }) => [seal(cryptoFrame(evil))],
  "two datagrams": (seal, { evil }) => [seal(headOf(evil)), seal(tailOf(evil), { number: 1 })],
  "two datagrams in reverse": (
    seal,
    { evil },
  ) => [seal(tailOf(evil), { number: 1 }), seal(headOf(evil))],
  "three datagrams, repeated": (seal, { evil }) => {
    const first = seal(headOf(evil));
    return [first, first, seal(PING, { number: 1 }), seal(tailOf(evil), { number: 2 })];
  },
  "a small second datagram": (
    seal,
    { evil },
  ) => [seal(headOf(evil)), seal(tailOf(evil), { number: 1, ...small })],
  "two bytes a frame": (seal, { evil }) => [
    seal(concat(
      ...Array.from({ length: 150 }, (_, i) => {
        return cryptoFrame(evil, 2 * i, i === 149 ? evil.length : 2 * i + 2);
      }).toReversed(),
    )),
  ],
  "version 2": (seal, { evil }) => [seal(cryptoFrame(evil), { version: "2" })],
  "a type in two bytes": (seal, { evil }) => [seal(wide(cryptoFrame(evil), 0x40, 6))],
  "a type in eight bytes": (
    seal,
    { evil },
  ) => [seal(wide(cryptoFrame(evil), 0xc0, 0, 0, 0, 0, 0, 0, 6))],
  "padding and pings first": (seal, { evil }) => [
    seal(concat(new Uint8Array(20), PING, PING, cryptoFrame(evil))),
  ],
  "a fixed bit that is clear": (seal, { evil }) => [seal(cryptoFrame(evil), { clearBits: 0x40 })],
  "early data first": (
    seal,
    { evil },
  ) => [buildOpaque("zero_rtt", { size: 1100 }), seal(cryptoFrame(evil))],
  "a token": (seal, { evil }) => [seal(cryptoFrame(evil), { token: new Uint8Array(60).fill(3) })],
  "bytes after the packet": (seal, { evil }) => [
    concat(seal(cryptoFrame(evil), small), new Uint8Array(1000).fill(0x55)),
  ],
  "a broken packet before it": (seal, { evil }) => [
    concat(damaged(seal(PING, small)), seal(cryptoFrame(evil), { number: 1 })),
  ],
  "twenty broken packets before it": (seal, { evil }) => [
    concat(...Array(20).fill(damaged(seal(PING, small))), seal(cryptoFrame(evil), { number: 1 })),
  ],
  "a packet of no length before it": (seal, { evil }) => [
    concat(stump(seal, 0), seal(cryptoFrame(evil), { number: 1 })),
  ],
  "a packet of 5 bytes before it": (seal, { evil }) => [
    concat(stump(seal, 5), seal(cryptoFrame(evil), { number: 1 })),
  ],
  "a coalesced packet of another ID": (seal, { evil }) => [
    concat(seal(headOf(evil), small), seal(tailOf(evil), { number: 1, dcid: random(12) })),
  ],
};

/** Flights with two names. The server decides which one counts. */
export const CONTRADICTIONS: Readonly<Record<string, Form>> = {
  "contradiction in a packet, good last": (seal, { good, evil }) => [
    seal(concat(headOf(evil), tailOf(evil), tailOf(good))),
  ],
  "contradiction in a packet, good first": (seal, { good, evil }) => [
    seal(concat(headOf(evil), tailOf(good), tailOf(evil))),
  ],
  "contradiction before the head, good last": (seal, { good, evil }) => [
    seal(tailOf(evil), { number: 0 }),
    seal(tailOf(good), { number: 1 }),
    seal(headOf(evil), { number: 2 }),
  ],
  "contradiction before the head, good first": (seal, { good, evil }) => [
    seal(tailOf(good), { number: 0 }),
    seal(tailOf(evil), { number: 1 }),
    seal(headOf(evil), { number: 2 }),
  ],
  "contradiction before the head, overlapping by half": (seal, { good, evil }) => [
    seal(concat(cryptoFrame(evil, 240), cryptoFrame(good, 220, 301)), { number: 0 }),
    seal(cryptoFrame(good, 0, 240), { number: 1 }),
  ],
  "a number that only a server completes": (seal, { good, evil }) => [
    seal(headOf(evil), { number: 300, numberBytes: 2 }),
    seal(tailOf(evil), { number: 301 }),
    seal(tailOf(good), { number: 302, numberBytes: 2 }),
  ],
  "a number used twice": (seal, { good, evil }) => [
    seal(headOf(evil)),
    seal(tailOf(good)),
    seal(tailOf(evil), { number: 1 }),
  ],
  "a number that is too old": (seal, { good, evil }) => [
    seal(headOf(evil), { number: 5000, numberBytes: 2 }),
    seal(tailOf(good), { number: 0, numberBytes: 2 }),
    seal(tailOf(evil), { number: 5001, numberBytes: 2 }),
  ],
  "another source ID": (seal, { good, evil }) => [
    seal(headOf(evil)),
    seal(tailOf(good), { number: 1, scid: new Uint8Array(8) }),
    seal(tailOf(evil), { number: 2 }),
  ],
  "a datagram that is too large for a server": (seal, { good, evil }) => [
    seal(headOf(evil)),
    seal(tailOf(good), { number: 1, size: 9000 }),
    seal(tailOf(evil), { number: 2 }),
  ],
  "a first datagram that is too large for a server": (seal, { good, evil }) => [
    seal(cryptoFrame(good), { size: 9000 }),
    seal(cryptoFrame(evil), { number: 1 }),
  ],
  "a first datagram that is too small": (seal, { good, evil }) => [
    seal(cryptoFrame(good), { size: 1190 }),
    seal(cryptoFrame(evil), { number: 1 }),
  ],
  "a coalesced packet with a number used twice": (
    seal,
    { good, evil },
  ) => [
    concat(seal(headOf(evil), small), seal(tailOf(good))),
    seal(tailOf(evil), { number: 1 }),
  ],
  "a token that no server made": (seal, { good, evil }) => [
    seal(cryptoFrame(good), { token: new Uint8Array(60).fill(3) }),
    seal(cryptoFrame(evil), { number: 1 }),
  ],
  "another version's packet in between": (seal, { good, evil }) => [
    seal(headOf(evil)),
    seal(tailOf(good), { number: 1, version: "2" }),
    seal(tailOf(evil), { number: 2 }),
  ],
  "reserved bits": (seal, { good, evil }) => [
    seal(headOf(evil)),
    seal(tailOf(good), { number: 1, setBits: 0x0c }),
    seal(tailOf(evil), { number: 2 }),
  ],
  "a frame that does not belong there": (seal, { good, evil }) => [
    seal(headOf(evil)),
    seal(concat([8, 0, 1, 1], tailOf(good)), { number: 1 }),
    seal(tailOf(evil), { number: 2 }),
  ],
  "an acknowledgement of nothing sent": (seal, { good, evil }) => [
    seal(concat([2, 0, 0, 0, 0], cryptoFrame(good))),
    seal(cryptoFrame(evil), { number: 1 }),
  ],
  "two connections": (seal, { good, evil }) => [
    seal(cryptoFrame(evil, 0, CUT)),
    buildInitial(cryptoFrame(good), { dcid: random(8), scid: SCID, size: SIZE }),
    seal(tailOf(evil), { number: 1 }),
  ],
};

function random(size: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(size));
}

/**
 * Makes a flight with a connection ID of its own.
 *
 * @param form Its form
 * @param names The two names, of 16 bytes each
 * @returns Its datagrams
 */
export function makeFlight(form: Form, names: { good: string; evil: string }): Uint8Array[] {
  const dcid = random(12);
  const seal: Seal = (frames, opts) =>
    buildInitial(frames, { dcid, keyId: dcid, scid: SCID, size: SIZE, ...opts });
  return form(seal, { good: helloTo(names.good), evil: helloTo(names.evil) });
}
