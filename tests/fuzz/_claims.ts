/**
 * What verdicts and facts promise, whatever the bytes were. Knows detectors by their names only.
 *
 * @module
 */

import { fail } from "@std/assert";
import { isIP } from "node:net";
import type { Facts, Verdict } from "../../src/detect/detector.ts";
import { PROTOCOLS } from "../../src/detect/mod.ts";
import { isJa4 } from "../../src/wire/ja4.ts";

/** Every vector of a hello at its longest, and its header. */
const MAX_HELLO = 131_500;
/** Lower-case labels, of which the last is no number; written apart from the judge of names. */
const NAME = /^(?=.{1,253}$)(?:(?![-.])[a-z0-9_-]{1,63}(?<!-)(?:\.(?!$)|$))+$/;
const NUMBER = /(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)$/;
/** One character per byte: a name may contain control characters (RFC 7301 §3.1). A cut one ends in "…". */
const BYTES = /^[^\u0100-\uffff]{1,32}…?$/;
const MAX_PROTOCOLS = 8;

/** The facts that protocols may have, and the form of their versions. */
const SAYS: Readonly<Record<string, { readonly keys: string; readonly version?: RegExp }>> = {
  tls: { keys: "sni alpn ja4 tls_version hello_bytes" },
  http: { keys: "host version", version: /^(?:[0-9]\.[0-9]{1,6}|2|)$/ },
  ssh: { keys: "version", version: /^(?:2\.0|1\.[0-9]{1,2})$/ },
  postgres: { keys: "" },
  socks5: { keys: "" },
  socks4: { keys: "" },
  quic: { keys: "sni alpn ja4 tls_version hello_bytes version", version: /^[12]$/ },
  wireguard: { keys: "" },
  unknown: { keys: "" },
};

/** Reports whether a protocol that is not listed above may have a fact: not if only others have it. */
function maySay(protocol: string, key: string): boolean {
  const owners = PROTOCOLS.filter(({ facts }) => facts.some((fact) => fact === key));
  return owners.length === 0 || owners.some(({ name }) => name === protocol);
}

/**
 * Claims that facts are ones that their protocol may have, in the form and length that routes rely on.
 *
 * @param protocol A detector's name or `unknown`
 * @param facts The facts
 * @throws {AssertionError} If they are not
 */
export function claimFacts(protocol: string, facts: Facts): void {
  claimProtocol(protocol);
  const says = SAYS[protocol];
  for (const key of Object.keys(facts)) {
    const may = says === undefined ? maySay(protocol, key) : says.keys.split(" ").includes(key);
    if (!may) fail(`"${protocol}" says "${key}"`);
  }
  const { sni, alpn, host, version, ja4, tls_version = "1.3", hello_bytes = 45 } = facts;
  // HTTP is certain before its version if the target is long.
  const spelt = version ?? (protocol === "http" ? "" : undefined);
  if (says !== undefined && (spelt === undefined ? says.version : !says.version?.test(spelt))) {
    fail(`"${protocol}" says version "${version}"`);
  }
  if (sni !== undefined && !isName(sni)) {
    fail(`Server name ${JSON.stringify(sni)} is not one`);
  }
  if (host !== undefined && !isHost(host)) {
    fail(`Host ${JSON.stringify(host)} is not one`);
  }
  if (sni?.endsWith(".") || host?.endsWith(".")) fail(`A name ends in a dot: "${sni ?? host}"`);
  if (alpn !== undefined && !isShown(alpn)) {
    fail(`ALPN ${JSON.stringify(alpn)} has what cannot be offered`);
  }
  if (ja4 !== undefined && !(isJa4(ja4) && ja4[0] === CARRIERS[protocol])) {
    fail(`Fingerprint ${JSON.stringify(ja4)} is not one`);
  }
  if (!/^1\.[0-3]$/.test(tls_version)) fail(`TLS version ${JSON.stringify(tls_version)}`);
  if (!(hello_bytes >= 45 && hello_bytes <= MAX_HELLO)) fail(`Hello of ${hello_bytes} bytes`);
}

/** The first character of a fingerprint, by protocol. */
const CARRIERS: Readonly<Record<string, string>> = { tls: "t", quic: "q" };

function isName(name: string): boolean {
  return NAME.test(name) && !NUMBER.test(name);
}

function isHost(host: string): boolean {
  return isName(host) || (isIP(host) !== 0 && host === host.toLowerCase());
}

function isShown(alpn: readonly string[]): boolean {
  return alpn.length > 0 && alpn.length <= MAX_PROTOCOLS && alpn.every((name) => BYTES.test(name));
}

/**
 * Claims that two sets of facts are the same.
 *
 * @param a The one
 * @param b The other
 * @param where When they came to differ
 * @throws {AssertionError} If they are not
 */
export function claimSameFacts(a: Facts, b: Facts, where: string): void {
  const same = a === b || (a.sni === b.sni && a.host === b.host && a.version === b.version &&
    a.ja4 === b.ja4 && a.tls_version === b.tls_version && a.hello_bytes === b.hello_bytes &&
    a.alpn?.join() === b.alpn?.join());
  if (!same) fail(`Facts differ ${where}: ${JSON.stringify(a)}, ${JSON.stringify(b)}`);
}

/**
 * Claims that a detector gives the same verdict for a session as for its bytes alone.
 *
 * @param remembered The verdict for the session
 * @param fresh The verdict for the bytes
 * @throws {AssertionError} If the two differ
 */
export function claimSameVerdict(remembered: Verdict, fresh: Verdict): void {
  const [a, b] = [remembered, fresh].map((verdict) => JSON.stringify(verdict));
  if (a !== b) fail(`Says ${a} of a session, ${b} of the same bytes`);
}

/** The verdicts of one detector on input that grows. */
export class VerdictClaims {
  readonly #protocol: string;
  #settled: Verdict | undefined;
  #wanted = 0;

  /** @param protocol The detector's name */
  constructor(protocol: string) {
    this.#protocol = protocol;
  }

  /**
   * Claims that a verdict is sound and consistent with earlier ones: settled facts stay, it asks for more
   * bytes than it was given, and does not match below the number that it asked for.
   *
   * @param verdict The verdict
   * @param given Number of bytes that it is about
   * @throws {AssertionError} If it is not
   */
  take(verdict: Verdict, given: number): void {
    const { kind } = verdict;
    const settled = this.#settled;
    if (settled !== undefined && kind !== settled.kind) {
      fail(`Changed from "${settled.kind}" to "${kind}" at ${given} bytes`);
    }
    switch (verdict.kind) {
      case "need_more":
        if (!(verdict.bytes > given)) fail(`${given} bytes ask for ${verdict.bytes}`);
        if (verdict.certain !== undefined) claimFacts(this.#protocol, verdict.certain);
        this.#wanted = verdict.bytes;
        return;
      case "match":
        if (given < this.#wanted) fail(`Matches ${given} bytes, asked for ${this.#wanted}`);
        claimFacts(this.#protocol, verdict.facts);
        if (settled?.kind === "match") {
          claimSameFacts(settled.facts, verdict.facts, `at ${given} bytes`);
        }
    }
    this.#settled = verdict;
  }
}

/**
 * Claims that the registry may return a name.
 *
 * @param protocol The name
 * @throws {AssertionError} If it may not
 */
export function claimProtocol(protocol: string): void {
  const known = protocol === "unknown" || PROTOCOLS.some(({ name }) => name === protocol);
  if (!known) fail(`Protocol "${protocol}" is not in the registry`);
}
