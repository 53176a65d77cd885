/**
 * Finds the line of every key of a TOML text. The parser gives values without their places, so this
 * walks the text once more; it relies on the parser having found the syntax right, and then never
 * reads past a statement.
 *
 * @module
 */

/** Keys as one text, which no key can look like. */
function join(path: readonly string[]): string {
  return JSON.stringify(path);
}

/** Where keys stand. */
export class TomlLines {
  readonly #lines = new Map<string, number>();
  readonly #text: string;
  #at = 0;
  #line = 1;

  /**
   * @param text TOML text that has been parsed without an error
   */
  constructor(text: string) {
    this.#text = text;
    let table: readonly string[] = [];
    for (this.#skipBlank(); this.#at < text.length; this.#skipBlank()) {
      const before = this.#at;
      const line = this.#line;
      if (text[this.#at] === "[") {
        while (text[this.#at] === "[") this.#at++;
        table = this.#key();
        while (text[this.#at] === "]") this.#at++;
        this.#note(table, line);
      } else {
        const key = [...table, ...this.#key()];
        this.#note(key, line);
        this.#skipValue();
      }
      // Only a text that was not parsed could stop the walk.
      if (this.#at === before) return;
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
    for (let length = 1; length <= path.length; length++) {
      const key = join(path.slice(0, length));
      if (!this.#lines.has(key)) this.#lines.set(key, line);
    }
  }

  /** Reads a dotted key and stops behind it, at `=` or `]`. */
  #key(): string[] {
    const parts: string[] = [];
    for (;;) {
      this.#skip(/[ \t.]*/y);
      const quoted = this.#skip(/"(?:[^"\\\n]|\\.)*"|'[^'\n]*'/y);
      const part = quoted ?? this.#skip(/[^\s.=\]"']+/y);
      if (part === undefined) return parts;
      parts.push(quoted === undefined ? part : unquote(quoted));
    }
  }

  #skipValue(): void {
    let depth = 0;
    while (this.#at < this.#text.length) {
      const char = this.#text[this.#at];
      if (char === "\n" && depth === 0) return;
      if (char === "#") this.#skip(/[^\n]*/y);
      else if (char === '"' || char === "'") this.#skipString();
      else {
        if (char === "[" || char === "{") depth++;
        if (char === "]" || char === "}") depth--;
        this.#skip(/[\s\S]/y);
      }
    }
  }

  #skipString(): void {
    // Up to two quotes may stand before the three that end a long string (TOML 1.0, String).
    this.#skip(/"""(?:[^\\]|\\[\s\S])*?"{3,5}/y) ?? this.#skip(/'''[\s\S]*?'{3,5}/y) ??
      this.#skip(/"(?:[^"\\\n]|\\.)*"|'[^'\n]*'/y) ?? this.#skip(/[\s\S]/y);
  }

  #skipBlank(): void {
    this.#skip(/(?:\s+|#[^\n]*)*/y);
  }

  #skip(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found === undefined) return undefined;
    this.#at += found.length;
    for (let i = found.indexOf("\n"); i >= 0; i = found.indexOf("\n", i + 1)) this.#line++;
    return found;
  }
}

function unquote(text: string): string {
  if (text.startsWith("'")) return text.slice(1, -1);
  const json = text.replaceAll(/\\U0*([0-9a-fA-F]{1,6})/g, (_, hex) => {
    const code = parseInt(hex, 16);
    return code > 0x10ffff ? "" : JSON.stringify(String.fromCodePoint(code)).slice(1, -1);
  }).replaceAll("\t", "\\t");
  try {
    return String(JSON.parse(json));
  } catch {
    return text;
  }
}
