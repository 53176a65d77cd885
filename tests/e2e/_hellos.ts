/**
 * ClientHellos that shunt routes: an ordinary one, and those that make it keep as much as they can. Knows
 * TLS, not shunt.
 *
 * @module
 */

import { buildClientHello, type Extension, recordize } from "../unit/_hello.ts";

/** The name that they ask for. */
export const HELLO_NAME = "one.example";

/** A name of the maximum length (RFC 1035 §2.3.4), in the same zone. */
const LONG_NAME = `${"a".repeat(63)}.${"b".repeat(63)}.${"c".repeat(63)}.${
  "d".repeat(46)
}.${HELLO_NAME}`;

/** What a hello may have with its records, where `detect.max_bytes` is 64 KiB. */
const MOST = 60_000;

function names(count: number, length: number): string[] {
  return Array.from({ length: count }, (_, i) => `${i}`.padStart(length, "x").slice(-length));
}

function records(options: Parameters<typeof buildClientHello>[0]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(recordize(buildClientHello(options)));
}

/** What a browser sends, as for its size. */
export const ORDINARY_HELLO: Uint8Array<ArrayBuffer> = records({
  sni: HELLO_NAME,
  alpn: ["h2", "http/1.1"],
  size: 517,
});

/** What an attacker sends, by what there is most of. */
export const WORST_HELLOS: Readonly<Record<string, Uint8Array<ArrayBuffer>>> = {
  "long names": records({ sni: LONG_NAME, alpn: names(8, 255) }),
  "many long protocol names": records({ sni: LONG_NAME, alpn: names(MOST / 256 | 0, 255) }),
  "many short protocol names": records({ sni: LONG_NAME, alpn: names(MOST / 4 | 0, 3) }),
  "protocol names of one byte": records({ sni: LONG_NAME, alpn: names(MOST / 2 | 0, 1) }),
  "many extensions": records({
    sni: LONG_NAME,
    alpn: names(8, 32),
    after: Array.from(
      { length: MOST / 8 | 0 },
      (_, i): Extension => [0x1000 + i, new Uint8Array(2)],
    ),
  }),
  "many cipher suites": records({
    sni: LONG_NAME,
    alpn: names(8, 32),
    suites: Array.from({ length: 25_000 }, (_, i) => i + 1),
  }),
  padding: records({ sni: LONG_NAME, alpn: names(8, 32), size: MOST }),
};
