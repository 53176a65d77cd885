/**
 * Sets of name patterns as `sni` and `host` conditions use them: exact, `*.suffix`, `*`. Knows text
 * only: no route, no protocol, no DNS.
 *
 * @module
 */

const DOT = 0x2e;
/** Keeps hashes in 30 bits, which the engine holds without allocating. */
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

/**
 * Brings a name or pattern into the form that is compared.
 *
 * @param name The name in any letter case, with or without the trailing dot of DNS
 * @returns Lower case, without a trailing dot
 */
export function normalizeName(name: string): string {
  const lower = name.toLowerCase();
  return lower.endsWith(".") ? lower.slice(0, -1) : lower;
}

/** A set of name patterns. */
export class NameSet {
  readonly #exact = new Set<string>();
  /** Suffixes with their leading dot, by their hash from the end. */
  readonly #suffixes = new Map<number, string[]>();
  #longest = 0;
  #any = false;

  /**
   * @param patterns `name`, `*.suffix` (one or more labels before the suffix) or `*` (any name, but
   * there has to be one), in any letter case
   */
  constructor(patterns: readonly string[]) {
    for (const pattern of patterns) {
      const name = normalizeName(pattern);
      if (name === "*") this.#any = true;
      else if (name.startsWith("*.")) this.#addSuffix(name.slice(1));
      else this.#exact.add(name);
    }
  }

  #addSuffix(suffix: string): void {
    const hash = hashFromEnd(suffix);
    const same = this.#suffixes.get(hash);
    if (same === undefined) this.#suffixes.set(hash, [suffix]);
    else same.push(suffix);
    this.#longest = Math.max(this.#longest, suffix.length);
  }

  /**
   * Tells whether a pattern matches. Takes time in proportion to the name's length at most, whatever
   * the number of patterns and of labels: names come from clients.
   *
   * @param name The name in any letter case, without a trailing dot
   * @returns Whether a pattern matches
   */
  has(name: string): boolean {
    if (this.#any) return true;
    const text = name.toLowerCase();
    if (this.#exact.has(text)) return true;
    // A suffix's dot at 0 would leave no label before it.
    const stop = Math.max(1, text.length - this.#longest);
    let hash = 0;
    for (let i = text.length - 1; i >= stop; i--) {
      const code = text.charCodeAt(i);
      hash = extend(hash, code);
      if (code === DOT && this.#endsIn(text, hash)) return true;
    }
    return false;
  }

  #endsIn(text: string, hash: number): boolean {
    const same = this.#suffixes.get(hash);
    if (same === undefined) return false;
    for (const suffix of same) {
      if (text.endsWith(suffix)) return true;
    }
    return false;
  }
}
