import { assertEquals, assertLess } from "@std/assert";
import { createHmac } from "node:crypto";
import { cpuUsage } from "node:process";
import { quic } from "../../../src/detect/quic.ts";
import { buildClientHello, concat } from "../_hello.ts";
import { buildInitial, cryptoFrame, MIN_DATAGRAM } from "../_quic.ts";

const HELLO = buildClientHello({ sni: "www.example.com", alpn: ["h3"], size: 300 });
const COUNT = 256;
const ROUNDS = 12;

/** Processor time that the fastest of some rounds took, in µs: other work of the machine counts less in it. */
function fastest(work: () => void): number {
  let best = Infinity;
  for (let i = 0; i < ROUNDS; i++) {
    const begun = cpuUsage();
    work();
    const { user, system } = cpuUsage(begun);
    best = Math.min(best, user + system);
  }
  return best;
}

function many(make: (dcid: Uint8Array) => Uint8Array): Uint8Array[] {
  return Array.from({ length: COUNT }, () => make(crypto.getRandomValues(new Uint8Array(8))));
}

/**
 * Returns the cost of one datagram for each of this many flows, in HMACs by `node:crypto`, of 4 to 6 µs.
 */
function costInHmacs(datagrams: readonly Uint8Array[], kind: string): number {
  const key = new Uint8Array(32);
  const hmacs = () => {
    for (let i = 0; i < COUNT; i++) createHmac("sha256", key).update(key).digest();
  };
  const judge = () => {
    for (const datagram of datagrams) assertEquals(quic.udp?.([datagram]).kind, kind);
  };
  const plain = () => {
    for (const _ of datagrams) assertEquals(kind, kind);
  };
  return (fastest(judge) - fastest(plain)) / fastest(hmacs);
}

const honest = (dcid: Uint8Array) => buildInitial(cryptoFrame(HELLO), { size: MIN_DATAGRAM, dcid });

Deno.test("quic cost: a datagram of 40 bytes that looks like an Initial costs next to nothing", () => {
  const short = many((dcid) => {
    const datagram = honest(dcid).slice(0, 40);
    datagram.set([0x40, 22], 16);
    return datagram;
  });
  assertLess(costInHmacs(short, "no_match"), 1);
});

Deno.test("quic cost: a forged Initial of full size costs no more than some HMACs", () => {
  // Sealed but for the last byte: all checks but the tag's pass.
  const forged = many((dcid) => {
    const datagram = honest(dcid);
    datagram[datagram.length - 1]! ^= 1;
    return datagram;
  });
  // 3.5; with what `node:crypto` offers, 12.
  assertLess(costInHmacs(forged, "no_match"), 7);
});

Deno.test("quic cost: keys are derived once for a forged connection ID, and for few IDs of a flow", () => {
  // Reserved bits that are set and next to nothing to authenticate: keys are what costs.
  const forged = many((dcid) =>
    concat(buildInitial(new Uint8Array(9), { dcid, setBits: 4 }), new Uint8Array(MIN_DATAGRAM))
  ).slice(0, 60);
  const first = buildInitial(cryptoFrame(HELLO, 0, 100), { size: MIN_DATAGRAM });
  const apart = fastest(() => {
    for (let i = 0; i < 20; i++) for (const datagram of forged) quic.udp?.([datagram]);
  });
  for (const datagrams of [forged, forged.map(() => forged[0]!)]) {
    const together = fastest(() => {
      for (let i = 0; i < 20; i++) {
        assertEquals(quic.udp?.([first, ...datagrams]).kind, "need_more");
      }
    });
    assertLess(together, 0.6 * apart);
  }
});

Deno.test("quic cost: twice the input costs no more than 2.5 times", () => {
  const byte = (at: number) => cryptoFrame(HELLO, at, at + 1);
  const shapes: Record<string, (size: number) => Uint8Array[]> = {
    "frames of one byte": (size) => [
      buildInitial(concat(...Array.from({ length: size }, (_, i) => byte(i % 290)))),
    ],
    "frames of no byte": (size) => [
      buildInitial(concat(...Array.from({ length: size }, () => cryptoFrame(HELLO, 5, 5)))),
    ],
    "small datagrams": (size) =>
      Array.from(
        { length: size / 250 },
        (_, number) =>
          buildInitial(concat(...Array.from({ length: 250 }, (_, i) => byte(i))), {
            number,
            size: 1200,
          }),
      ),
    "small packets in one datagram": (size) => [
      concat(...Array.from({ length: size / 10 }, (_, i) => buildInitial(byte(i % 290)))),
    ],
    "broken packets in one datagram": (size) => {
      const broken = buildInitial(byte(0));
      broken[broken.length - 1]! ^= 1;
      return [concat(...Array.from({ length: size / 10 }, () => broken))];
    },
  };
  for (const [name, make] of Object.entries(shapes)) {
    const cost = (size: number) => {
      const datagrams = make(size);
      return fastest(() => {
        for (let i = 0; i < 5; i++) {
          // One by one, as they come.
          const flow: Uint8Array[] = [];
          for (const datagram of datagrams) {
            flow.push(datagram);
            quic.udp?.(flow);
          }
        }
      });
    };
    // The machine has other work: what grows by the square does so each time.
    let ratio = Infinity;
    for (let i = 0; i < 20 && ratio >= 2.5; i++) ratio = Math.min(ratio, cost(8000) / cost(4000));
    assertLess(ratio, 2.5, name);
  }
});
