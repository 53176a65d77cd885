/**
 * Patterns of JA4 fingerprints: a whole one, or the beginning of one followed by `*`. Knows text only.
 *
 * @module
 */

import { isJa4, isJa4Start, JA4_LENGTH } from "../wire/ja4.ts";
import { type Fault, quote } from "../wording.ts";
import type { Kind, PatternSet } from "./kind.ts";

const EXAMPLE = "t13d1516h2_8daaf6152771_02713d6af862";

/** Patterns of JA4 fingerprints. */
export const fingerprints: Kind = {
  what: 'a JA4 fingerprint, or the beginning of one with "*" after it',
  listed: "a JA4 fingerprint",
  title: 'JA4 fingerprint, or "prefix*"',
  parse,
  coverers,
  compile: (patterns) => new PrefixSet(patterns),
  read(text) {
    if (isJa4(text)) return { value: text };
    const hint = `give a whole one such as ${quote(EXAMPLE)}`;
    return { fault: `${quote(text)} is no JA4 fingerprint`, hint };
  },
};

function isPattern(text: string): boolean {
  if (!text.endsWith("*")) return isJa4(text);
  return text.length <= JA4_LENGTH && isJa4Start(text.slice(0, -1));
}

function parse(text: string): string | Fault {
  if (isPattern(text)) return text;
  const lower = text.toLowerCase();
  const example = `${quote(EXAMPLE)} or a beginning such as "t13d*"`;
  const fault = `Expected a JA4 fingerprint such as ${example}, got ${quote(text)}`;
  if (isPattern(lower)) return { fault, hint: `did you mean ${quote(lower)}?` };
  if (text !== "" && isPattern(`${text}*`)) {
    return { fault, hint: `did you mean ${quote(`${text}*`)}?` };
  }
  if (/^d(?:[1d]|$)/i.test(text)) return { fault, hint: '"d" is DTLS, which is not detected' };
  return { fault };
}

/** Lists the pattern itself and all shorter beginnings, which cover it. */
function coverers(pattern: string): readonly string[] {
  const text = pattern.endsWith("*") ? pattern.slice(0, -1) : pattern;
  const found = [pattern];
  for (let length = 0; length <= text.length; length++) {
    const shorter = `${text.slice(0, length)}*`;
    if (shorter !== pattern) found.push(shorter);
  }
  return found;
}

/** Texts that match any of some patterns. */
class PrefixSet implements PatternSet {
  readonly #whole = new Set<string>();
  readonly #prefixes: string[] = [];

  constructor(patterns: readonly string[]) {
    for (const pattern of patterns) {
      if (pattern.endsWith("*")) this.#prefixes.push(pattern.slice(0, -1));
      else this.#whole.add(pattern);
    }
  }

  has(text: string): boolean {
    if (this.#whole.has(text)) return true;
    for (const prefix of this.#prefixes) {
      if (text.startsWith(prefix)) return true;
    }
    return false;
  }
}
