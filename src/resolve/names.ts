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

/** Up to so many suffixes are compared one by one: 10 ns each, where a walk costs 2 ns a letter. */
const FEW = 8;

function endsInAny(name: string, suffixes: readonly string[]): boolean {
  for (const suffix of suffixes) {
    // A name as long as the suffix has no label before the suffix's dot.
    if (name.length > suffix.length && name.endsWith(suffix)) return true;
  }
  return false;
}

/** A set of name patterns. */
export class NameSet {
  readonly #any: boolean;
  readonly #exact = new Set<string>();
  /** With their leading dot. */
  readonly #suffixes: readonly string[];
  /** By their hash from the end; unused where they are few. */
  readonly #byHash = new Map<number, string[]>();
  readonly #longest: number;

  /**
   * @param patterns `name`, `*.suffix` (one or more labels before the suffix) or `*` (any name, but
   * there has to be one), in any letter case
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
   * Reports whether a pattern matches. Takes time in proportion to the longest pattern at most,
   * whatever the number of patterns and the length of the name: names come from clients.
   *
   * @param name The name as detectors report it and {@linkcode normalizeName} makes it
   * @returns Whether a pattern matches
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
