/**
 * What a ClientHello tells a detector, TLS's or QUIC's. Knows neither records nor packets.
 *
 * @module
 */

import type { ClientHello } from "../wire/client_hello.ts";
import { type Carrier, ja4 } from "../wire/ja4.ts";
import type { Facts } from "./detector.ts";

/** Versions as `openssl` and `curl` take them, by their numbers (RFC 8446 §4.2.1). */
const VERSIONS: ReadonlyMap<number, string> = new Map([
  [0x0304, "1.3"],
  [0x0303, "1.2"],
  [0x0302, "1.1"],
  [0x0301, "1.0"],
]);

/**
 * Says what a ClientHello tells.
 *
 * @param message The message
 * @param hello What parsing it gave
 * @param carrier What it came by
 * @returns Its facts
 */
export function helloFacts(message: Uint8Array, hello: ClientHello, carrier: Carrier): Facts {
  const facts: { -readonly [K in keyof Facts]: Facts[K] } = {};
  const fingerprint = ja4(message, hello, carrier);
  const version = VERSIONS.get(hello.version);
  if (hello.sni !== undefined) facts.sni = hello.sni;
  if (hello.alpn !== undefined) facts.alpn = hello.alpn;
  if (fingerprint !== undefined) facts.ja4 = fingerprint;
  if (version !== undefined) facts.tls_version = version;
  facts.hello_bytes = hello.bytes;
  return facts;
}
