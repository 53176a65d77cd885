/**
 * A position in a text that moves forward by patterns and counts lines. Knows no format.
 *
 * @module
 */

/** A position in a text. */
export class Scanner {
  readonly #text: string;
  #at = 0;
  #line = 1;

  /**
   * @param text The text
   */
  constructor(text: string) {
    this.#text = text;
  }

  /** The line, from 1. */
  get line(): number {
    return this.#line;
  }

  /** The number of characters before the position. */
  get at(): number {
    return this.#at;
  }

  /** Whether the text is over. */
  get done(): boolean {
    return this.#at >= this.#text.length;
  }

  /** The next character; empty at the end. */
  get next(): string {
    return this.#text.charAt(this.#at);
  }

  /** Moves past what a sticky pattern matches here. Returns the match, or `undefined` if there is none. */
  take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found === undefined) return undefined;
    this.#at += found.length;
    for (let i = found.indexOf("\n"); i >= 0; i = found.indexOf("\n", i + 1)) this.#line++;
    return found;
  }
}
