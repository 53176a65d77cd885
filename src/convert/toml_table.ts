/**
 * A TOML table that is read key by key: each value with its line, and at the end the keys that
 * nobody asked for. Knows no key.
 *
 * @module
 */

import { type Item, type Origin, unreadable } from "./plan.ts";
import type { TomlLines } from "./toml_lines.ts";

/** A table of a TOML text. */
export class TomlTable {
  readonly #values: ReadonlyMap<string, unknown>;
  readonly #lines: TomlLines;
  readonly #path: readonly string[];
  readonly #asked = new Set<string>();

  /**
   * @param value The table as the parser gives it
   * @param place Where it stands
   */
  constructor(
    value: object,
    { lines, path }: { readonly lines: TomlLines; readonly path: readonly string[] },
  ) {
    this.#values = new Map(Object.entries(value));
    this.#lines = lines;
    this.#path = path;
  }

  /**
   * Reports where the table itself stands.
   *
   * @returns Its line and key
   */
  own(): Origin {
    return { line: this.#lines.of(this.#path), directive: this.#path.join(".") };
  }

  /**
   * Reports where a key stands.
   *
   * @param key The key
   * @returns Its line and its path
   */
  origin(key: string): Origin {
    const path = [...this.#path, key];
    return { line: this.#lines.of(path), directive: path.join(".") };
  }

  /**
   * Lists the keys.
   *
   * @returns All keys, in the order of the text
   */
  keys(): readonly string[] {
    return [...this.#values.keys()];
  }

  /**
   * Lists the keys that were never asked for.
   *
   * @returns Where they stand
   */
  rest(): Origin[] {
    return this.keys().filter((key) => !this.#asked.has(key)).map((key) => this.origin(key));
  }

  /**
   * Reads a text.
   *
   * @param key The key
   * @returns The text, unless the key is absent
   * @throws {ConfigError} when it is something else
   */
  text(key: string): string | undefined {
    const value = this.#ask(key);
    if (value === undefined || typeof value === "string") return value;
    throw this.#wrong(key, "a text");
  }

  /**
   * Reads a whole number.
   *
   * @param key The key
   * @returns The number, unless the key is absent
   * @throws {ConfigError} when it is something else
   */
  number(key: string): number | undefined {
    const value = this.#ask(key);
    if (value === undefined) return undefined;
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
    throw this.#wrong(key, "a whole number");
  }

  /**
   * Reads a yes or no.
   *
   * @param key The key
   * @returns The value, unless the key is absent
   * @throws {ConfigError} when it is something else
   */
  flag(key: string): boolean | undefined {
    const value = this.#ask(key);
    if (value === undefined || typeof value === "boolean") return value;
    throw this.#wrong(key, "true or false");
  }

  /**
   * Reads a list of texts, also a single one.
   *
   * @param key The key
   * @returns The texts, unless the key is absent
   * @throws {ConfigError} when it is something else
   */
  texts(key: string): readonly Item<string>[] | undefined {
    const value = this.#ask(key);
    if (value === undefined) return undefined;
    const list: readonly unknown[] = Array.isArray(value) ? value : [value];
    return list.map((item) => {
      if (typeof item !== "string") throw this.#wrong(key, "a list of texts");
      return { value: item, from: this.origin(key) };
    });
  }

  /**
   * Reads a table.
   *
   * @param key The key
   * @returns The table, unless the key is absent
   * @throws {ConfigError} when it is something else
   */
  table(key: string): TomlTable | undefined {
    const value = this.#ask(key);
    if (value === undefined) return undefined;
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw this.#wrong(key, "a table");
    }
    return new TomlTable(value, { lines: this.#lines, path: [...this.#path, key] });
  }

  #ask(key: string): unknown {
    this.#asked.add(key);
    return this.#values.get(key);
  }

  #wrong(key: string, what: string): Error {
    const { line, directive } = this.origin(key);
    return unreadable(line, `Expected ${what} for ${JSON.stringify(directive)}; correct it`);
  }
}
