/**
 * Finds the line of every key of a TOML text. The parser gives values without their places, so this
 * walks the text once more; it relies on the parser having found the syntax right, and then never
 * reads past a statement.
 *
 * @module
 */

import { parse } from "smol-toml";
import { Scanner } from "./scanner.ts";

/** Keys as one text, which no key can look like. */
function join(path: readonly string[]): string {
  return JSON.stringify(path);
}

/** Keys further down are not asked for, and a key may have as many parts as the text is long. */
const MAX_PATH = 8;

/** Where keys stand. */
export class TomlLines {
  readonly #lines = new Map<string, number>();
  readonly #scanner: Scanner;

  /**
   * @param text TOML text that has been parsed without an error
   */
  constructor(text: string) {
    const scanner = this.#scanner = new Scanner(text);
    let table: readonly string[] = [];
    for (this.#skipBlank(); !scanner.done; this.#skipBlank()) {
      const { at, line } = scanner;
      if (scanner.take(/\[+/y) !== undefined) {
        table = this.#key();
        scanner.take(/\]+/y);
        this.#note(table, line);
      } else {
        this.#note([...table, ...this.#key()], line);
        this.#skipValue();
      }
      // Only a text that was not parsed could stop the walk.
      if (scanner.at === at) return;
    }
  }

  /**
   * Finds the line of a key.
   *
   * @param path The keys from the top
   * @returns The line from 1, of the nearest key around it where the key has none of its own
   */
  of(path: readonly string[]): number {
    for (let length = path.length; length > 0; length--) {
      const line = this.#lines.get(join(path.slice(0, length)));
      if (line !== undefined) return line;
    }
    return 1;
  }

  #note(path: readonly string[], line: number): void {
    // `[a.b]` names `a` too, where nothing did before.
    for (let length = 1; length <= Math.min(path.length, MAX_PATH); length++) {
      const key = join(path.slice(0, length));
      if (!this.#lines.has(key)) this.#lines.set(key, line);
    }
  }

  /** Reads a dotted key and stops behind it, at `=` or `]`. */
  #key(): string[] {
    const parts: string[] = [];
    for (;;) {
      this.#scanner.take(/[ \t.]*/y);
      const quoted = this.#scanner.take(/"(?:[^"\\\n]|\\.)*"|'[^'\n]*'/y);
      const part = quoted ?? this.#scanner.take(/[^\s.=\]"']+/y);
      if (part === undefined) return parts;
      parts.push(quoted === undefined ? part : unquote(quoted));
    }
  }

  #skipValue(): void {
    const scanner = this.#scanner;
    let depth = 0;
    while (!scanner.done) {
      const { next } = scanner;
      if (next === "\n" && depth === 0) return;
      if (next === "#") scanner.take(/[^\n]*/y);
      else if (next === '"' || next === "'") this.#skipString();
      else {
        if (next === "[" || next === "{") depth++;
        if (next === "]" || next === "}") depth--;
        scanner.take(/[\s\S]/y);
      }
    }
  }

  #skipString(): void {
    // Up to two quotes may stand before the three that end a long string (TOML 1.0, String).
    this.#scanner.take(/"""(?:[^\\]|\\[\s\S])*?"{3,5}/y) ??
      this.#scanner.take(/'''[\s\S]*?'{3,5}/y) ??
      this.#scanner.take(/"(?:[^"\\\n]|\\.)*"|'[^'\n]*'/y) ?? this.#scanner.take(/[\s\S]/y);
  }

  #skipBlank(): void {
    this.#scanner.take(/(?:\s+|#[^\n]*)*/y);
  }
}

/** A quoted key is written as a text is. */
function unquote(text: string): string {
  return String(parse(`key = ${text}`).key);
}
