/**
 * Patterns of host names, for `sni` and `host`: exact, `*.suffix`, `*`. wire/host_name.ts decides what a
 * host name is. Knows text only: no route, no protocol, no DNS.
 *
 * @module
 */

import { isIpLiteral } from "../wire/address.ts";
import { hostName, isHostName } from "../wire/host_name.ts";
import { type Fault, quote } from "../wording.ts";
import type { Kind, PatternSet } from "./kind.ts";

/**
 * Returns the kind of patterns that are host names.
 *
 * @param options Whether an IP literal is a name too: an HTTP host may be one, a TLS server name
 * never is (RFC 6066 §3)
 */
export function hostNames({ ip }: { readonly ip: boolean }): Kind {
  return {
    what: 'a name, "*.suffix" or "*"',
    title: ip ? 'name, IP address, "*.suffix" or "*"' : 'name, "*.suffix" or "*"',
    isName: true,
    parse: (text) => parsePattern(text, { ip }),
    coverers: patternCoverers,
    compile: (patterns) => new NameSet(patterns),
    read(text) {
      if (isIpLiteral(text)) return ip ? { value: text.toLowerCase() } : {};
      const value = hostName(text);
      return value === undefined ? { bad: true } : { value };
    },
  };
}

/** Returns the pattern in lower case without a trailing dot, or what is wrong. */
function parsePattern(text: string, options: { readonly ip: boolean }): string | Fault {
  const pattern = text.toLowerCase().replace(/(?<=[^.*])\.$/, "");
  if (pattern === "*") return pattern;
  if (isIpLiteral(pattern)) {
    if (options.ip) return pattern;
    return {
      fault: `A server name is never an IP address, got ${quote(text)}`,
      hint: 'use a name, or leave "sni" out',
    };
  }
  const name = pattern.startsWith("*.") ? pattern.slice(2) : pattern;
  if (isHostName(name)) return pattern;
  return { fault: `Expected a name, "*.suffix" or "*", got ${quote(text)}`, ...remedy(pattern) };
}

function remedy(pattern: string): { readonly hint?: string } {
  const meant = /^[a-z]+:\/\/([^/]+)/.exec(pattern)?.[1] ?? pattern;
  const name = /^\[?(.*?)\]?(?::[0-9]*)?$/.exec(meant)?.[1] ?? meant;
  const isName = isHostName(name.replace(/^\*\./, "")) || isIpLiteral(name);
  if (name !== pattern && isName) return { hint: `did you mean ${quote(name)}?` };
  if (/[^ -~]/.test(pattern)) return { hint: 'write other letters as clients send them: "xn--…"' };
  if (pattern.includes("*")) return { hint: 'a "*" stands for whole labels at the start' };
  return {};
}

/** Lists the patterns that match every name which a pattern matches, itself included. */
export function patternCoverers(pattern: string): readonly string[] {
  if (pattern === "*") return ["*"];
  const coverers = [pattern, "*"];
  const start = pattern.startsWith("*.") ? 2 : 0;
  for (let dot = pattern.indexOf(".", start); dot >= 0; dot = pattern.indexOf(".", dot + 1)) {
    coverers.push(`*${pattern.slice(dot)}`);
  }
  return coverers;
}

const DOT = 0x2e;
/** Keeps hashes at 30 bits, which the engine stores without allocating. */
const HASH_MASK = 0x3fffffff;

/** Hashes backwards, so that one walk from a name's end meets the hash of each of its suffixes. */
function extend(hash: number, code: number): number {
  return (Math.imul(hash, 31) + code) & HASH_MASK;
}

function hashFromEnd(text: string): number {
  let hash = 0;
  for (let i = text.length - 1; i >= 0; i--) hash = extend(hash, text.charCodeAt(i));
  return hash;
}

/** Returns a name or pattern in the form in which they are compared: lower case, without DNS's trailing dot. */
export function normalizeName(name: string): string {
  const lower = name.toLowerCase();
  return lower.endsWith(".") ? lower.slice(0, -1) : lower;
}

/** Up to this many suffixes are compared one by one, at 10 ns each; a walk costs 2 ns per letter. */
const FEW = 8;

function endsInAny(name: string, suffixes: readonly string[]): boolean {
  for (const suffix of suffixes) {
    // A name as long as the suffix has no label before the suffix's dot.
    if (name.length > suffix.length && name.endsWith(suffix)) return true;
  }
  return false;
}

/** A set of name patterns. */
export class NameSet implements PatternSet {
  readonly #any: boolean;
  readonly #exact = new Set<string>();
  /** With their leading dot. */
  readonly #suffixes: readonly string[];
  /** By their hash from the end; unused if there are few. */
  readonly #byHash = new Map<number, string[]>();
  readonly #longest: number;

  /**
   * @param patterns `name`, `*.suffix` (one or more labels before the suffix) or `*` (any name, but not a
   * missing one), in any letter case
   */
  constructor(patterns: readonly string[]) {
    const names = patterns.map(normalizeName);
    this.#any = names.includes("*");
    this.#suffixes = names.filter((name) => name.startsWith("*.")).map((name) => name.slice(1));
    this.#longest = this.#suffixes.reduce((most, { length }) => Math.max(most, length), 0);
    for (const name of names) if (!name.startsWith("*")) this.#exact.add(name);
    for (const suffix of this.#suffixes) {
      const hash = hashFromEnd(suffix);
      const same = this.#byHash.get(hash);
      if (same === undefined) this.#byHash.set(hash, [suffix]);
      else same.push(suffix);
    }
  }

  /**
   * Reports whether a pattern matches. Names come from clients, so the time grows with the longest pattern
   * at most, not with the number of patterns or the length of the name.
   *
   * @param name The name as detectors report it, in the form of {@linkcode normalizeName}
   */
  has(name: string): boolean {
    if (this.#any || this.#exact.has(name)) return true;
    if (this.#suffixes.length <= FEW) return endsInAny(name, this.#suffixes);
    const stop = Math.max(0, name.length - this.#longest);
    let hash = 0;
    for (let i = name.length - 1; i >= stop; i--) {
      const code = name.charCodeAt(i);
      hash = extend(hash, code);
      if (code !== DOT) continue;
      const same = this.#byHash.get(hash);
      if (same !== undefined && endsInAny(name, same)) return true;
    }
    return false;
  }
}
