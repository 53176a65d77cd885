/**
 * What a hello costs grows with its size and no faster: twice the bytes take 2.5 times as long at most.
 *
 * @module
 */

import { assertLess } from "@std/assert";
import { Detection } from "../../../src/detect/mod.ts";
import { RouteWants, wantsAll } from "../../../src/facts/wants.ts";
import {
  buildClientHello,
  bytesOf,
  concat,
  type Extension,
  prefixed,
  recordize,
} from "../_hello.ts";

const ASKED = new RouteWants();
ASKED.add({ alpn: Array.from({ length: 200 }, (_, i) => `asked-${i}`) });
const NONE = new Uint8Array(0);

function alpn(size: number, name: number): Uint8Array {
  const one = prefixed(1, new Uint8Array(name).fill(0x61));
  const names = concat(...new Array(Math.floor(size / one.length)).fill(one));
  return buildClientHello({ sni: "a.example", after: [[16, prefixed(2, names)]] });
}

/** Hellos of about this many bytes that cost more than others. */
const WORST: Readonly<Record<string, (size: number) => Uint8Array>> = {
  "ALPN names of 1 byte": (size) => recordize(alpn(size, 1)),
  "ALPN names of 255 bytes": (size) => recordize(alpn(size, 255)),
  "empty extensions": (size) => {
    const after = Array.from({ length: size / 4 }, (_, i): Extension => [1000 + i, NONE]);
    return recordize(buildClientHello({ after }));
  },
  "extensions that count for no fingerprint": (size) =>
    recordize(buildClientHello({ after: new Array<Extension>(size / 4).fill([0x0a0a, NONE]) })),
  "cipher suites": (size) =>
    recordize(buildClientHello({ suites: Array.from({ length: size / 2 }, (_, i) => i) })),
  "server names": (size) => {
    const one = concat([0], prefixed(2, bytesOf("a.example")));
    const names = concat(...new Array(Math.floor(size / one.length)).fill(one));
    return recordize(buildClientHello({ after: [[0, prefixed(2, names)]] }));
  },
  "records of 1 byte": (size) => recordize(buildClientHello({ size: size / 6 }), [1]),
};

/** Detects byte by byte, as serve does: a detector that waits for more is not asked earlier. */
function detect(bytes: Uint8Array): void {
  const detection = new Detection("tcp", wantsAll(ASKED));
  for (let length = 1; length <= bytes.length; length++) {
    if (detection.stream(bytes.subarray(0, length)) !== undefined) return;
  }
}

/** The least time of several tries, in milliseconds. */
function timed(work: () => void): number {
  let least = Infinity;
  for (let tries = 0; tries < 7; tries++) {
    const start = performance.now();
    for (let times = 0; times < 3; times++) work();
    least = Math.min(least, performance.now() - start);
  }
  return least;
}

for (const [name, make] of Object.entries(WORST)) {
  for (const how of ["whole", "byte by byte"]) {
    Deno.test(`hello cost: twice as many ${name} cost at most 2.5 times as much, ${how}`, () => {
      const [half, all] = [make(24_000), make(48_000)];
      const work = (bytes: Uint8Array) => () =>
        how === "whole" ? void new Detection("tcp", wantsAll(ASKED)).stream(bytes) : detect(bytes);
      // What others do on the machine meanwhile is in one ratio and not in the next.
      let least = Infinity;
      for (let tries = 0; tries < 20 && least > 2.5; tries++) {
        const before = timed(work(half));
        least = Math.min(least, timed(work(all)) / before);
      }
      assertLess(least, 2.5);
    });
  }
}
