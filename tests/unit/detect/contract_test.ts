import { assertEquals, assertThrows } from "@std/assert";
import { type Detector, NO_MATCH, type Step } from "../../../src/detect/detector.ts";
import { DETECTORS } from "../../../src/detect/mod.ts";
import { bytesOf } from "../_hello.ts";
import { assertContract, damaged, RULES } from "./_contract.ts";
import { captureNames, ownerOf, type Vector, vectorsOf } from "./_vectors.ts";

const NOISE = 150;
const EVERYTHING = DETECTORS.flatMap(vectorsOf);

Deno.test("contract: each protocol has bytes of its clients, and all bytes are a protocol's", () => {
  for (const detector of DETECTORS) {
    const missing = vectorsOf(detector).length === 0;
    assertEquals(missing, false, `Add tests/testdata/${detector.name}_CLIENT.hex`);
  }
  assertEquals(captureNames().filter((name) => ownerOf(name) === undefined), []);
});

Deno.test("contract: src/detect/detector.ts numbers as many rules as are checked", async () => {
  const url = new URL("../../../src/detect/detector.ts", import.meta.url);
  const numbers = (await Deno.readTextFile(url)).matchAll(/^ \* ([0-9]+)\. /gm);
  assertEquals([...numbers].map(([, number]) => Number(number)), RULES.map((_, i) => i + 1));
});

for (const detector of DETECTORS) {
  for (const [i, [words]] of RULES.entries()) {
    Deno.test(`contract: ${detector.name} keeps rule ${i + 1}: ${words}`, () => {
      for (const vector of vectorsOf(detector)) {
        assertContract({ detector, vector, own: true }, [i + 1]);
      }
      const heard = EVERYTHING.filter(({ transport }) => detector[transport] !== undefined);
      for (const vector of damaged(heard, NOISE)) {
        assertContract({ detector, vector, own: false }, [i + 1]);
      }
    });
  }
}

const HELLO: Vector = { name: "XYZ", transport: "tcp", parts: [bytesOf("XYZ!")] };
const XYZ = HELLO.parts[0]!;
const MATCH = { kind: "match", facts: {} } as const;

/** A detector that keeps all rules, but for what is given here. */
function sound(change: Partial<Detector> = {}): Detector {
  return {
    name: "xyz",
    tcp(bytes) {
      for (let i = 0; i < Math.min(4, bytes.length); i++) if (bytes[i] !== XYZ[i]) return NO_MATCH;
      return bytes.length < 4 ? { kind: "need_more", bytes: 4 } : MATCH;
    },
    ...change,
  };
}

let calls = 0;

const STEP: Step = {
  name: "hello",
  consumed: 1,
  says: new Uint8Array(1),
  then: [],
  target: [],
};

/** A fault against each rule. */
const FAULTY: Readonly<Record<number, Detector>> = {
  1: sound({
    tcp(bytes) {
      if (bytes.length === 3) throw new RangeError("Out of bounds");
      return bytes.length < 4 ? { kind: "need_more", bytes: 4 } : MATCH;
    },
  }),
  2: sound({ tcp: (bytes) => new Uint8Array(bytes.buffer)[bytes.length] === 0 ? MATCH : NO_MATCH }),
  3: sound({ tcp: ({ length }) => length < 4 ? { kind: "need_more", bytes: length } : MATCH }),
  4: sound({ tcp: ({ length }) => length < 4 ? { kind: "need_more", bytes: 5 } : MATCH }),
  5: sound({ tcp: ({ length }) => ({ kind: "match", facts: { hello_bytes: length } }) }),
  6: sound({ tcp: () => calls++ % 2 === 0 ? MATCH : NO_MATCH }),
  7: sound({ tcp: () => ({ kind: "match", facts: { sni: "a.example" } }) }),
  8: sound({ tcp: ({ length }) => ({ kind: "need_more", bytes: length + 1 }) }),
  9: sound(),
  10: sound({ tcp: () => ({ kind: "match", facts: {}, step: { ...STEP, then: [FAULTY[10]!] } }) }),
};

for (const [i, [words]] of RULES.entries()) {
  Deno.test(`contract: a detector that breaks rule ${i + 1} is found: ${words}`, () => {
    const detector = FAULTY[i + 1]!;
    // The ninth is broken by what is a client's of a protocol that is there.
    const vector = i + 1 === 9 ? EVERYTHING[0]! : HELLO;
    const subject = { detector, vector, own: true };
    assertThrows(() => assertContract(subject, [i + 1]), Error, `breaks rule ${i + 1},`);
    if (i + 1 !== 9) assertContract({ ...subject, detector: sound() }, [i + 1]);
  });
}
