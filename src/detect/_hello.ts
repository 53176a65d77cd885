/**
 * Turns a ClientHello into a verdict, for TLS and QUIC. Knows neither records nor packets.
 *
 * @module
 */

import type { AlpnSet } from "../wire/alpn.ts";
import { type ClientHello, parseClientHello } from "../wire/client_hello.ts";
import { type Carrier, ja4 } from "../wire/ja4.ts";
import type { FactName, Facts, Verdict } from "./detector.ts";

/** The facts of a hello that routes can ask for. */
export const HELLO_FACTS: readonly FactName[] = ["sni", "alpn", "ja4", "tls_version"];

/** Versions as `openssl` and `curl` write them, by number (RFC 8446 §4.2.1). */
const VERSIONS: ReadonlyMap<number, string> = new Map([
  [0x0304, "1.3"],
  [0x0303, "1.2"],
  [0x0302, "1.1"],
  [0x0301, "1.0"],
]);

/** The verdict on a message. */
export type HelloVerdict =
  | Extract<Verdict, { readonly kind: "match" }>
  | { readonly kind: "need_more"; readonly bytes: number }
  | { readonly kind: "invalid" };

/**
 * Reads handshake bytes that certainly belong to a ClientHello.
 *
 * @param message The bytes, from the message's first on
 * @param asked The protocol names that routes ask for
 * @param carrier What carried the message
 * @returns A match with its facts, and with an end if they are in doubt; otherwise the parser's result
 */
export function judgeHello(
  message: Uint8Array,
  asked: AlpnSet | undefined,
  carrier: Carrier,
): HelloVerdict {
  const hello = parseClientHello(message, asked);
  if (hello.kind !== "hello") return hello;
  const facts = helloFacts(message, hello, carrier);
  const { doubt } = hello;
  return doubt === undefined ? { kind: "match", facts } : { kind: "match", facts, end: doubt };
}

/**
 * Returns the facts of a ClientHello, without those that are in doubt.
 *
 * @param message The message
 * @param hello The result of parsing it
 * @param carrier What carried it
 * @returns Its facts
 */
export function helloFacts(message: Uint8Array, hello: ClientHello, carrier: Carrier): Facts {
  const facts: { -readonly [K in keyof Facts]: Facts[K] } = {};
  const { sni, alpn, doubt } = hello;
  const version = VERSIONS.get(hello.version);
  if (doubt !== "malformed") {
    const fingerprint = ja4(message, hello, carrier);
    if (sni !== undefined) facts.sni = sni;
    if (alpn !== undefined) facts.alpn = alpn;
    if (fingerprint !== undefined) facts.ja4 = fingerprint;
    if (version !== undefined) facts.tls_version = version;
  }
  facts.hello_bytes = hello.bytes;
  return facts;
}
