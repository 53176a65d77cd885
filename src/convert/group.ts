/**
 * A group of settings that is read by name. It keeps the line of each value, and records which names were
 * read. Knows no setting and no syntax.
 *
 * @module
 */

import { type Origin, unreadable } from "./plan.ts";

/** A value that contains no others. */
export type Scalar = string | number | boolean | Date;

/** One value. */
export type Value =
  | { readonly kind: "scalar"; readonly value: Scalar; readonly line: number }
  | { readonly kind: "list"; readonly items: readonly Value[]; readonly line: number }
  | { readonly kind: "group"; readonly settings: readonly Entry[]; readonly line: number };

/** A name with its value. */
export interface Entry {
  readonly name: string;
  readonly value: Value;
  readonly line: number;
}

/** Limits recursion. Real files nest four levels. */
export const MAX_DEPTH = 32;

/** A group of settings. If several have the same name, the first counts. */
export abstract class Group {
  /** Where the group begins. */
  readonly own: Origin;
  readonly #entries: readonly Entry[];
  readonly #byName: ReadonlyMap<string, Entry>;
  readonly #read = new Set<string>();

  /**
   * @param entries Its settings
   * @param own Where it begins
   */
  constructor(entries: readonly Entry[], own: Origin) {
    this.#entries = entries;
    this.#byName = new Map(entries.toReversed().map((entry) => [entry.name, entry]));
    this.own = own;
  }

  /** Writes a setting in the style of its format, without a value if it is absent. */
  protected abstract directive(name: string, value?: Value): string;

  /** Returns all names, in the order of the text. */
  names(): readonly string[] {
    return this.#entries.map(({ name }) => name);
  }

  /** Returns a setting's line and text; the group's line if it is absent. */
  origin(name: string): Origin {
    const entry = this.#byName.get(name);
    return { line: entry?.line ?? this.own.line, directive: this.directive(name, entry?.value) };
  }

  /**
   * Lists the settings that were not read.
   *
   * @param idle Reports whether a setting has no effect with a value
   * @returns Their lines and texts
   */
  rest(idle: (name: string, value: Scalar) => boolean = () => false): Origin[] {
    return this.#entries
      .filter(({ name, value }) =>
        !this.#read.has(name) && !(value.kind === "scalar" && idle(name, value.value))
      )
      .map(({ name, value, line }) => ({ line, directive: this.directive(name, value) }));
  }

  /**
   * Reads a text.
   *
   * @param name Its name
   * @returns The text; `undefined` if it is absent
   * @throws {ConfigError} if it is something else
   */
  text(name: string): string | undefined {
    const value = this.scalar(name);
    if (value === undefined || typeof value === "string") return value;
    throw this.wrong(name, "a text");
  }

  /**
   * Reads a whole number.
   *
   * @param name Its name
   * @returns The number; `undefined` if it is absent
   * @throws {ConfigError} if it is something else
   */
  number(name: string): number | undefined {
    const value = this.scalar(name);
    if (value === undefined) return undefined;
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
    throw this.wrong(name, "a whole number");
  }

  /**
   * Reads a boolean.
   *
   * @param name Its name
   * @returns The value; `undefined` if it is absent
   * @throws {ConfigError} if it is something else
   */
  flag(name: string): boolean | undefined {
    const value = this.scalar(name);
    if (value === undefined || typeof value === "boolean") return value;
    throw this.wrong(name, "true or false");
  }

  /** Reads a value of any kind; `undefined` if it is absent. */
  protected ask(name: string): Value | undefined {
    this.#read.add(name);
    return this.#byName.get(name)?.value;
  }

  /**
   * Reads a value that contains no others.
   *
   * @param name Its name
   * @returns The value; `undefined` if it is absent
   * @throws {ConfigError} if it is something else
   */
  protected scalar(name: string): Scalar | undefined {
    const value = this.ask(name);
    if (value === undefined) return undefined;
    if (value.kind !== "scalar") throw this.wrong(name, "a single value");
    return value.value;
  }

  /** Makes the error of a value of another kind than the expected one. */
  protected wrong(name: string, what: string): Error {
    return unreadable(
      this.origin(name).line,
      `Expected ${what} for ${JSON.stringify(this.directive(name))}; correct it`,
    );
  }
}
