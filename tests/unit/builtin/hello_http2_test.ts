import { assert, assertEquals } from "@std/assert";
import { bytes, frame, frames, INFO, kinds, PING, PREFACE, SETTINGS, talk, text } from "./_talk.ts";

Deno.test("hello http2: answers each stream with a response of its own", () => {
  // Method GET and path "/" are entries 2 and 4 of the static table (RFC 7541, appendix A).
  const { reply, closed } = talk([
    bytes(PREFACE + SETTINGS + frame(1, 5, 1, [0x82, 0x84]) + PING + frame(1, 5, 3, [0x82, 0x84])),
  ]);
  assertEquals(kinds(reply), ["4/0/0", "4/1/0", "1/4/1", "0/1/1", "6/1/0", "1/4/3", "0/1/3"]);
  const [first, second] = frames(reply).filter(({ type }) => type === 0);
  assertEquals(JSON.parse(text(first?.payload)), { ...INFO, method: "GET", path: "/" });
  assertEquals(JSON.parse(text(second?.payload)), { ...INFO });
  assertEquals(closed, false);
});

Deno.test("hello http2: reads a padded first block with a priority", () => {
  const block = [2, 0, 0, 0, 0, 16, 0x82, 0x84, 0, 0];
  const { reply } = talk([bytes(PREFACE + SETTINGS + frame(1, 0x2d, 1, block))]);
  assertEquals(JSON.parse(text(frames(reply).at(-1)?.payload)).path, "/");
});

Deno.test("hello http2: returns window for the body that it discards", () => {
  const { reply } = talk([
    bytes(PREFACE + SETTINGS + frame(1, 4, 1, [0x83, 0x84])),
    bytes(frame(0, 0, 1, [1, 2, 3]) + frame(0, 0, 1, []) + frame(0, 1, 1, [4])),
  ]);
  assertEquals(kinds(reply).slice(2), ["8/0/0", "8/0/1", "8/0/0", "1/4/1", "0/1/1"]);
  assertEquals(JSON.parse(text(frames(reply).at(-1)?.payload)).method, "POST");
});

const NONSENSE: readonly (readonly [string, string, number])[] = [
  ["no SETTINGS first", PING, 1],
  ["a stream with an even number", SETTINGS + frame(1, 5, 2, [0x82]), 1],
  ["fields of stream 0", SETTINGS + frame(1, 5, 0, [0x82]), 1],
  ["data of a stream that was never opened", SETTINGS + frame(0, 0, 1, [1]), 1],
  ["data of stream 0", SETTINGS + frame(0, 0, 0, [1]), 1],
  ["a push", SETTINGS + frame(5, 4, 1, [0, 0, 0, 2]), 1],
  ["a PING of 7 bytes", SETTINGS + frame(6, 0, 0, [1, 2, 3, 4, 5, 6, 7]), 6],
  ["a PING of a stream", SETTINGS + frame(6, 0, 1, [1, 2, 3, 4, 5, 6, 7, 8]), 1],
  ["SETTINGS cut short", frame(4, 0, 0, [1, 2, 3]), 6],
  ["SETTINGS of a stream", frame(4, 0, 1, []), 1],
  ["a CONTINUATION of nothing", SETTINGS + frame(9, 4, 1, []), 1],
  ["a block with a gap", SETTINGS + frame(1, 1, 1, [0x82]) + PING, 1],
  ["a block continued elsewhere", SETTINGS + frame(1, 1, 1, [0x82]) + frame(9, 4, 3, []), 1],
  ["a block without end", SETTINGS + frame(1, 1, 1, [0x82]) + frame(9, 0, 1, []).repeat(9), 11],
  ["a frame above 16 KiB", SETTINGS + "\x00\x40\x01\x00\x00\x00\x00\x00\x01", 6],
  [
    "more requests at once than announced",
    SETTINGS + Array.from({ length: 101 }, (_, i) => frame(1, 4, 2 * i + 1, [0x82])).join(""),
    11,
  ],
  ["a flood of PINGs", SETTINGS + PING.repeat(70_000), 11],
];

for (const [name, sent, code] of NONSENSE) {
  Deno.test(`hello http2: goes away at ${name}`, () => {
    const { reply, closed } = talk([bytes(PREFACE + sent)]);
    const last = frames(reply).at(-1);
    assertEquals([last?.type, last?.payload[7], closed], [7, code, true]);
    assert(reply.length < 1_100_000);
  });
}

Deno.test("hello http2: ignores windows, resets, priorities and unknown frames", () => {
  const { reply, closed } = talk([
    bytes(
      PREFACE + SETTINGS + frame(4, 1, 0, []) + frame(8, 0, 0, [0, 0, 0, 1]) + frame(6, 1, 0, [
        ...[1, 2, 3, 4, 5, 6, 7, 8],
      ]),
    ),
    bytes(frame(2, 0, 1, [0, 0, 0, 0, 1]) + frame(3, 0, 1, [0, 0, 0, 0]) + frame(99, 0, 0, [1])),
  ]);
  assertEquals([kinds(reply), closed], [["4/0/0", "4/1/0"], false]);
});

Deno.test("hello http2: ends when the client goes away", () => {
  const { reply, closed } = talk([
    bytes(PREFACE + SETTINGS + frame(7, 0, 0, [0, 0, 0, 0, 0, 0, 0, 0])),
  ]);
  assertEquals([kinds(reply), closed], [["4/0/0", "4/1/0"], true]);
});
