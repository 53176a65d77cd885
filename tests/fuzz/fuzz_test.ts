import { assert, assertEquals } from "@std/assert";
import { quic } from "../../src/detect/quic.ts";
import { bytesOf } from "../unit/_hello.ts";
import { shortLongHeader } from "./_flows.ts";
import { type Failure, Run, shrink } from "./_run.ts";
import type { Input, Target } from "./_target.ts";
import { Dice, kin, MAX_INPUT, mutate } from "./mutate.ts";
import { TARGETS } from "./targets.ts";

const SEED = 20_260_101;
/** Inputs per share: about 27,000 in all. */
const INPUTS_PER_SHARE = 20;

function describe({ index, message, input }: Failure): string {
  return `input ${index} of seed ${SEED}: ${message}\n${
    input.map((part) => part.toHex()).join("\n")
  }`;
}

for (const target of TARGETS) {
  Deno.test(`fuzz ${target.name}: keeps its contract on damaged input`, () => {
    const run = new Run(target, SEED);
    run.more(target.share * INPUTS_PER_SHARE);
    assert(run.failure === undefined, run.failure && describe(run.failure));
  });
}

Deno.test("fuzz quic headers: no short long header is QUIC, whatever its lengths say", () => {
  const dice = new Dice(SEED);
  assertEquals(shortLongHeader(dice, 0).toHex(), "c00000000100000000");
  for (let index = 1; index < 64 * 5 * 256; index++) {
    const datagram = shortLongHeader(dice, index);
    const verdict = quic.udp?.([datagram])?.kind;
    // The shortest packet: 7 bytes of header, a length, the 20 that header protection needs.
    const expected = verdict === "need_more" && datagram.length >= 28 ? "need_more" : "no_match";
    if (verdict !== expected) assertEquals(verdict, expected, datagram.toHex());
  }
});

/** A parser that fails on `x`, later than on its first inputs. */
const FAULTY: Target = {
  name: "faulty",
  share: 1,
  make: (dice) => [dice.bytes(40), dice.bytes(40)],
  check: (input) => {
    if (input.some((part) => part.includes(0x78) && part.includes(0x79))) throw new Error("x, y");
  },
};

Deno.test("fuzz: finds a planted fault, repeats it and shrinks it to its bytes", () => {
  const failures = [new Run(FAULTY, 1), new Run(FAULTY, 1)].map((run) => {
    run.more(10_000);
    assert(run.failure !== undefined, "nothing found");
    assertEquals(run.inputs, run.failure.index + 1, "stops at the failure");
    return run.failure;
  });
  const [first, second] = failures;
  assertEquals(first, second);
  assertEquals(first?.message, "Error: x, y");
  assertEquals(first?.input.flatMap((part) => [...part]).toSorted(), [0x78, 0x79]);
});

Deno.test("fuzz: sees a parser that writes into its input, and one that is slow", () => {
  const target = (check: (input: Input) => void): Target => ({ ...FAULTY, check });
  const writer = new Run(target(([bytes]) => void (bytes![3]! ^= 1)), 1);
  writer.more(10);
  assertEquals(writer.failure?.message, "The input was changed");
  const slow = new Run(
    target(() => {
      for (const start = performance.now(); performance.now() - start < 251;);
    }),
    1,
  );
  slow.more(1);
  assert(slow.failure?.message.startsWith("Takes 25"), slow.failure?.message);
});

Deno.test("fuzz: shrinking never gives an input that does not fail", () => {
  const fails = (input: Input) => input.some((part) => part.length >= 7 && part.at(-1) === 9);
  const shrunk = shrink([bytesOf("abc"), Uint8Array.from({ length: 90 }, (_, i) => i % 10)], fails);
  assert(fails(shrunk));
  assertEquals(shrunk.map((part) => part.length), [0, 7]);
});

Deno.test("fuzz: damage leaves the seeds alone, ends in time and can be repeated", () => {
  const seed = bytesOf("GET / HTTP/1.1\r\n\r\n");
  const words = kin([seed], ["Host: "]);
  const [one, other] = [new Dice(7), new Dice(7)];
  for (let i = 0; i < 20_000; i++) {
    const bytes = mutate(seed, one, words);
    assertEquals(bytes, mutate(seed, other, words));
    assert(bytes.length <= MAX_INPUT);
  }
  assertEquals(seed, bytesOf("GET / HTTP/1.1\r\n\r\n"));
});
