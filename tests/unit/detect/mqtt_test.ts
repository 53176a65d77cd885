import { assertEquals } from "@std/assert";
import { mqtt } from "../../../src/detect/mqtt.ts";
import { bytesOf, concat } from "../_hello.ts";
import { ask, assertMatches, assertSoundOnNoise } from "./_stream.ts";
import { capture } from "./_vectors.ts";

const MQTT = bytesOf("\0\x04MQTT");
const MQISDP = bytesOf("\0\x06MQIsdp");

/** A CONNECT packet up to its flags. */
function head(
  { name = MQTT, level = 4, flags = 2, length = [40] }: {
    readonly name?: Uint8Array;
    readonly level?: number;
    readonly flags?: number;
    readonly length?: readonly number[];
  } = {},
): Uint8Array {
  return concat([0x10], length, name, [level, flags]);
}

Deno.test("detect mqtt: matches what mosquitto's client sends, once the flags are there", () => {
  for (
    const [name, flagsAt, version] of [
      ["mqtt31_mosquitto", 11, "3.1"],
      ["mqtt311_mosquitto_will", 9, "3.1.1"],
      ["mqtt5_mosquitto", 9, "5"],
    ] as const
  ) {
    const bytes = capture(name);
    assertEquals(ask(mqtt, bytes), { kind: "match", facts: { version } });
    assertMatches(mqtt, bytes.subarray(0, flagsAt + 1), { version });
  }
});

Deno.test("detect mqtt: takes lengths of up to four bytes, and what mosquitto's bridges send", () => {
  for (const length of [[12], [0xff, 0x7f], [0x8c, 0x80, 0], [0xff, 0xff, 0xff, 0x7f]]) {
    assertMatches(mqtt, head({ length }), { version: "3.1.1" });
  }
  assertMatches(mqtt, head({ level: 0x84 }), { version: "3.1.1" });
  assertMatches(mqtt, head({ name: MQISDP, level: 0x83 }), { version: "3.1" });
});

Deno.test("detect mqtt: takes every combination of flags that a broker does", () => {
  const taken = (level: number, name = MQTT) =>
    Array.from({ length: 256 }, (_, flags) => flags)
      .filter((flags) => ask(mqtt, head({ name, level, flags })).kind === "match");
  const willQos3 = (flags: number) => (flags & 0x18) === 0x18;
  const passwordAlone = (flags: number) => (flags & 0xc0) === 0x40;
  const all = Array.from({ length: 256 }, (_, flags) => flags).filter((flags) => !willQos3(flags));
  const even = all.filter((flags) => flags % 2 === 0);
  assertEquals(taken(3, MQISDP), all.filter((flags) => !passwordAlone(flags)));
  assertEquals(taken(4), even.filter((flags) => !passwordAlone(flags)));
  assertEquals(taken(5), even);
});

Deno.test("detect mqtt: says no as soon as a byte cannot be of a CONNECT packet", () => {
  const cases: Readonly<Record<string, Uint8Array>> = {
    "another packet": Uint8Array.of(0x30),
    "flags in the type": Uint8Array.of(0x11),
    "a length of five bytes": Uint8Array.of(0x10, 0xff, 0xff, 0xff, 0xff),
    "a length that holds no packet": Uint8Array.of(0x10, 11),
    "a length of zero": Uint8Array.of(0x10, 0),
    "another name's length": Uint8Array.of(0x10, 40, 0, 5),
    "a name in other letters": Uint8Array.of(0x10, 40, 0, 4, 0x6d),
    "a name that goes on": concat([0x10, 40], MQTT.subarray(0, 5), [0x58]),
    "version 3.1 by the new name": concat([0x10, 40], MQTT, [3]),
    "version 3.1.1 by the old name": concat([0x10, 40], MQISDP, [4]),
    "level 6": concat([0x10, 40], MQTT, [6]),
    "version 5 without properties": concat([0x10, 12], MQTT, [5]),
    "version 3.1 without a client": concat([0x10, 13, 0], [6]),
  };
  for (const [what, bytes] of Object.entries(cases)) {
    assertEquals(ask(mqtt, bytes).kind, "no_match", what);
    if (bytes.length < 2) continue;
    assertEquals(ask(mqtt, bytes.subarray(0, -1)).kind, "need_more", `${what}, a byte before`);
  }
});

Deno.test("detect mqtt: stays sound on noise and damaged packets", () => {
  assertSoundOnNoise(mqtt, [head(), head({ name: MQISDP, level: 3 }), head({ level: 5 })]);
});
