/**
 * Sets of texts, whole ones and beginnings with `*` after them, as the condition `ja4` lists them.
 * Knows nothing of what the texts mean.
 *
 * @module
 */

/** Texts that match any of some patterns. */
export class PrefixSet {
  readonly #whole = new Set<string>();
  readonly #prefixes: string[] = [];

  /** @param patterns Whole texts, or beginnings with `*` after them */
  constructor(patterns: readonly string[]) {
    for (const pattern of patterns) {
      if (pattern.endsWith("*")) this.#prefixes.push(pattern.slice(0, -1));
      else this.#whole.add(pattern);
    }
  }

  /**
   * Reports whether a text matches.
   *
   * @param text The text
   * @returns `false` where no pattern takes it
   */
  has(text: string): boolean {
    if (this.#whole.has(text)) return true;
    for (const prefix of this.#prefixes) {
      if (text.startsWith(prefix)) return true;
    }
    return false;
  }
}
