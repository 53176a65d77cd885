import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { CryptoStream } from "../../../src/wire/crypto_stream.ts";
import { readFrames } from "../../../src/wire/quic_frames.ts";
import { bytesOf, concat } from "../_hello.ts";
import { cryptoFrame, encodeVarint } from "../_quic.ts";

const MESSAGE = bytesOf("a handshake message");

const NOTHING = new Uint8Array(0);
const PADDING = new Uint8Array(20);
const PING = Uint8Array.of(1);
const ACK = concat([2], encodeVarint(9), encodeVarint(70), encodeVarint(2), [1, 0, 2, 0, 1]);
const ACK_ECN = concat([3], encodeVarint(9), [0, 0, 9], encodeVarint(300), [1, 2]);
const CLOSE = concat([0x1c], encodeVarint(0x10a), [6], encodeVarint(4), bytesOf("\x06why"));

function read(...frames: Uint8Array[]): string | undefined {
  const stream = new CryptoStream();
  if (!readFrames(concat(...frames), stream)) return undefined;
  return new TextDecoder().decode(stream.contiguous);
}

Deno.test("quic frames: finds CRYPTO frames among all that an Initial packet may hold", () => {
  const head = cryptoFrame(MESSAGE, 0, 7);
  const tail = cryptoFrame(MESSAGE, 7);
  const table = [
    [head, tail],
    [tail, head],
    [PADDING, head, PADDING, tail, PADDING],
    [PING, head, PING, PING, tail],
    [ACK, tail, ACK, head],
    [ACK_ECN, head, ACK_ECN, tail],
    [CLOSE, head, CLOSE, tail],
    [head, cryptoFrame(MESSAGE, 3, 3), cryptoFrame(MESSAGE, 3, 9), head, tail],
  ];
  for (const frames of table) assertEquals(read(...frames), "a handshake message");
});

Deno.test("quic frames: stops at a frame that does not belong there", () => {
  const frame = cryptoFrame(MESSAGE);
  for (let type = 0; type < 256; type++) {
    // 0x40 and the next byte are a type in two bytes.
    if ([0, 1, 2, 3, 6, 0x1c, 0x40].includes(type)) continue;
    assertEquals(read(Uint8Array.of(type), frame), "", `before type ${type}`);
    assertEquals(read(frame, Uint8Array.of(type), frame), "a handshake message");
  }
});

Deno.test("quic frames: reads types in more bytes than they need", () => {
  const frame = cryptoFrame(MESSAGE).subarray(1);
  for (const size of [2, 4, 8] as const) {
    const type = (value: number) => encodeVarint(value, size);
    for (const before of [NOTHING, type(0), type(1), concat(type(2), ACK.subarray(1))]) {
      assertEquals(read(before, type(6), frame), "a handshake message", `${size} bytes`);
    }
    assertEquals(read(type(8), type(6), frame), "", `${size} bytes`);
  }
});

Deno.test("quic frames: stops at a frame that passes the end", () => {
  const frame = cryptoFrame(MESSAGE);
  const huge = encodeVarint(2 ** 61, 8);
  const table = [
    concat([2], huge, huge, huge, [0]),
    concat([2, 0, 0], encodeVarint(2 ** 31), [0]),
    concat([0x1c, 0, 0], huge, [1]),
    concat([6, 0], huge, [1]),
    concat([6], huge, huge),
    ...[ACK, ACK_ECN, CLOSE, frame].flatMap((whole) =>
      Array.from({ length: whole.length - 1 }, (_, i) => whole.subarray(0, i + 1))
    ),
  ];
  for (const tail of table) {
    assertEquals(read(tail), "", `${tail}`);
    assertEquals(read(frame, tail), "a handshake message", `${tail}`);
  }
});

Deno.test("quic frames: reports contradictory data", () => {
  const other = bytesOf("a handshake massage");
  assertEquals(read(cryptoFrame(MESSAGE), cryptoFrame(other, 2, 12)), "a handshake message");
  assertEquals(read(cryptoFrame(MESSAGE), cryptoFrame(other, 12)), undefined);
});

Deno.test("quic frames: never throws on noise", () => {
  const stream = new CryptoStream();
  const known = fc.constantFrom(ACK, ACK_ECN, CLOSE, PING, cryptoFrame(MESSAGE));
  const parts = fc.array(fc.oneof(known, fc.uint8Array({ maxLength: 12 })));
  fc.assert(fc.property(parts, (frames) => {
    stream.reset();
    assert(typeof readFrames(concat(...frames), stream) === "boolean");
  }));
});
