/**
 * What covers an element of a condition, as texts to look up rather than to compare with: a name is
 * covered by a few patterns and an address by a few networks, however many there are in a file. Knows
 * conditions; knows no route.
 *
 * @module
 */

import { toNetwork } from "./names.ts";
import type { MatchConfig } from "./schema.ts";

/** The conditions whose elements cover each other; protocols are compared as cells. */
export const CONDITIONS = ["sni", "host", "alpn", "ja4", "source"] as const;

/** One of {@linkcode CONDITIONS}. */
export type Condition = typeof CONDITIONS[number];

/** The elements of one condition. */
export interface Elements {
  /** What each is known by; two with the same key are the same. */
  readonly keys: readonly string[];
  /**
   * Lists the keys of everything that covers an element, itself included.
   *
   * @param key The element's key
   */
  readonly coverers: (key: string) => readonly string[];
}

/** The conditions of a route that has any, by name. */
export type ElementsByCondition = ReadonlyMap<Condition, Elements>;

/**
 * Gives the elements of a route's conditions their keys.
 *
 * @param match The route's conditions
 * @returns Those of {@linkcode CONDITIONS} that the route has
 */
export function elementsOf(match: MatchConfig): ElementsByCondition {
  const elements = new Map<Condition, Elements>();
  for (const condition of CONDITIONS) {
    const values = match[condition];
    if (values === undefined) continue;
    const keys = condition === "source" ? values.map(networkKey) : values;
    elements.set(condition, { keys, coverers: COVERERS[condition] });
  }
  return elements;
}

const COVERERS: Readonly<Record<Condition, (key: string) => readonly string[]>> = {
  sni: patternCoverers,
  host: patternCoverers,
  alpn: (key) => [key],
  ja4: ja4Coverers,
  source: networkCoverers,
};

/**
 * Lists the name patterns that match every name which a pattern matches.
 *
 * @param pattern The pattern: exact, `*.suffix` or `*`
 * @returns The patterns, itself included
 */
export function patternCoverers(pattern: string): readonly string[] {
  if (pattern === "*") return ["*"];
  const coverers = [pattern, "*"];
  const start = pattern.startsWith("*.") ? 2 : 0;
  for (let dot = pattern.indexOf(".", start); dot >= 0; dot = pattern.indexOf(".", dot + 1)) {
    coverers.push(`*${pattern.slice(dot)}`);
  }
  return coverers;
}

/** A whole fingerprint or the beginning of one is covered by all that is shorter. */
function ja4Coverers(pattern: string): readonly string[] {
  const text = pattern.endsWith("*") ? pattern.slice(0, -1) : pattern;
  const coverers = [pattern];
  for (let length = 0; length <= text.length; length++) {
    const shorter = `${text.slice(0, length)}*`;
    if (shorter !== pattern) coverers.push(shorter);
  }
  return coverers;
}

/** The family and the bits of the prefix, so that the beginnings of a key are the wider networks. */
function networkKey(text: string): string {
  const { address, bits } = toNetwork(text);
  let key = "";
  for (const byte of address.toByteArray()) key += byte.toString(2).padStart(8, "0");
  return `${address.kind()} ${key.slice(0, bits)}`;
}

function networkCoverers(key: string): readonly string[] {
  const coverers: string[] = [];
  for (let end = key.indexOf(" ") + 1; end <= key.length; end++) coverers.push(key.slice(0, end));
  return coverers;
}
