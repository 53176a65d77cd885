/**
 * What attackers send: the worst first bytes of each protocol. Knows no socket.
 *
 * @module
 */

import { buildClientHello, bytesOf, concat, prefixed, recordize } from "../unit/_hello.ts";
import { buildInitial, cryptoFrame, DCID, MIN_DATAGRAM } from "../unit/_quic.ts";
import { between, type Random } from "./random.ts";

/**
 * Makes noise.
 *
 * @param random The source of chance
 * @param length How much
 */
export function noise(random: Random, length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(length).map(() => between(random, 0, 255));
}

/** A hello of nearly 60 KB that routes by its name: 235 ALPN names of 255 bytes. */
export const FAT_HELLO: Uint8Array = recordize(buildClientHello({
  sni: "fat.tls.soak.test",
  alpn: Array.from({ length: 235 }, (_, i) => `${i}`.padEnd(255, "a")),
}));

/** An ordinary hello, to be sent in halves. */
export const HELLO: Uint8Array = recordize(buildClientHello({ sni: "half.tls.soak.test" }));

/** A hello that is longer than detection may hold. */
export const PADDED_HELLO: Uint8Array = recordize(
  buildClientHello({ before: padding(5), sni: "late.tls.soak.test" }),
);

function padding(extensions: number): [number, Uint8Array][] {
  return Array.from({ length: extensions }, (_, i) => [0xfe00 + i, new Uint8Array(13_000)]);
}

/** A hello with an invalid server name. */
export const NAMELESS_HELLO: Uint8Array = recordize(
  buildClientHello({ sni: "*.tls.soak.test" }),
);

/** The head of a request with 511 short fields, one byte each, and no end. */
export const MANY_FIELDS: Uint8Array = bytesOf(`GET / HTTP/1.1\r\n${"a:\r\n".repeat(511)}`);

/** An HTTP/2 request whose header block refers 15,000 times to a host in its table. */
export const REFERENCES: Uint8Array = (() => {
  const host = concat(
    [0x40],
    prefixed(1, bytesOf("host")),
    [0x7f, 0x7b],
    new Uint8Array(250).fill(97),
  );
  const block = concat([0x82, 0x86, 0x84], host, new Uint8Array(15_000).fill(0xbe));
  const frame = (type: number, flags: number, stream: number, payload: Uint8Array) =>
    concat(prefixed(3, payload).subarray(0, 3), [type, flags, 0, 0, 0, stream], payload);
  return concat(
    bytesOf("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    frame(4, 0, 0, new Uint8Array()),
    frame(1, 4, 1, block),
  );
})();

/** A PROXY header of version 2 whose last TLV runs over its end. */
export const OVERRUN_HEADER: Uint8Array = concat(
  [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a, 0x21, 0x11, 0, 17],
  [192, 0, 2, 1, 192, 0, 2, 2, 1, 0, 1, 187, 2, 255, 255, 1, 1],
);

const hello = buildClientHello({ sni: "q.tls.soak.test", alpn: ["h3"] });
const initial = buildInitial(cryptoFrame(hello), { size: MIN_DATAGRAM });

/**
 * Makes a datagram that looks like a QUIC Initial but is not valid: its connection ID is new, its
 * protection is not.
 *
 * @param random The source of chance
 */
export function forgedInitial(random: Random): Uint8Array<ArrayBuffer> {
  const forged = new Uint8Array(initial);
  forged.set(noise(random, DCID.length), 6);
  return forged;
}

/**
 * Makes one of 40 bytes.
 *
 * @param random The source of chance
 */
export function stub(random: Random): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(40);
  bytes.set([0xc0, 0, 0, 0, 1, 8]);
  bytes.set(noise(random, 8), 6);
  bytes.set([0, 0, 0x40, 22], 14);
  bytes.set(noise(random, 22), 18);
  return bytes;
}
