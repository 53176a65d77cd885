/**
 * A place in a text that moves forward by patterns and counts lines. Knows no format.
 *
 * @module
 */

/** A place in a text. */
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

  /**
   * Reports where the place is.
   *
   * @returns The line, from 1
   */
  get line(): number {
    return this.#line;
  }

  /**
   * Reports how far the place has come.
   *
   * @returns The number of characters before it
   */
  get at(): number {
    return this.#at;
  }

  /**
   * Reports whether the text is over.
   *
   * @returns `true` at the end
   */
  get done(): boolean {
    return this.#at >= this.#text.length;
  }

  /**
   * Looks at the next character.
   *
   * @returns The character; empty at the end
   */
  get next(): string {
    return this.#text.charAt(this.#at);
  }

  /**
   * Moves past what a pattern matches here.
   *
   * @param pattern A sticky pattern
   * @returns What was passed, or `undefined` where the pattern does not match
   */
  take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found === undefined) return undefined;
    this.#at += found.length;
    for (let i = found.indexOf("\n"); i >= 0; i = found.indexOf("\n", i + 1)) this.#line++;
    return found;
  }
}
