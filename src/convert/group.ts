/**
 * A group of settings that is read name by name: each value with its line, and at the end the names
 * that nobody asked for. Knows no setting and no syntax.
 *
 * @module
 */

import { type Origin, unreadable } from "./plan.ts";

/** A value that holds no others. */
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

/** Real files nest four levels. */
export const MAX_DEPTH = 32;

/** A group of settings; of several with one name, the first counts. */
export abstract class Group {
  /** Where the group begins. */
  readonly own: Origin;
  readonly #entries: readonly Entry[];
  readonly #byName: ReadonlyMap<string, Entry>;
  readonly #asked = new Set<string>();

  /**
   * @param entries What it holds
   * @param own Where it begins
   */
  constructor(entries: readonly Entry[], own: Origin) {
    this.#entries = entries;
    this.#byName = new Map(entries.toReversed().map((entry) => [entry.name, entry]));
    this.own = own;
  }

  /**
   * Writes a setting as those who know its format would.
   *
   * @param name Its name
   * @param value Its value, unless it is absent
   */
  protected abstract directive(name: string, value?: Value): string;

  /**
   * Lists the names.
   *
   * @returns All names, in the order of the text
   */
  names(): readonly string[] {
    return this.#entries.map(({ name }) => name);
  }

  /**
   * Reports where a setting stands.
   *
   * @param name Its name
   * @returns Its line and text; the line of the group if it is absent
   */
  origin(name: string): Origin {
    const entry = this.#byName.get(name);
    return { line: entry?.line ?? this.own.line, directive: this.directive(name, entry?.value) };
  }

  /**
   * Lists the settings that were never asked for.
   *
   * @param idle Reports whether a setting of a value asks for nothing
   * @returns Where they stand
   */
  rest(idle: (name: string, value: Scalar) => boolean = () => false): Origin[] {
    return this.#entries
      .filter(({ name, value }) =>
        !this.#asked.has(name) && !(value.kind === "scalar" && idle(name, value.value))
      )
      .map(({ name, value, line }) => ({ line, directive: this.directive(name, value) }));
  }

  /**
   * Reads a text.
   *
   * @param name Its name
   * @returns The text, unless it is absent
   * @throws {ConfigError} when it is something else
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
   * @returns The number, unless it is absent
   * @throws {ConfigError} when it is something else
   */
  number(name: string): number | undefined {
    const value = this.scalar(name);
    if (value === undefined) return undefined;
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
    throw this.wrong(name, "a whole number");
  }

  /**
   * Reads a yes or no.
   *
   * @param name Its name
   * @returns The value, unless it is absent
   * @throws {ConfigError} when it is something else
   */
  flag(name: string): boolean | undefined {
    const value = this.scalar(name);
    if (value === undefined || typeof value === "boolean") return value;
    throw this.wrong(name, "true or false");
  }

  /**
   * Reads a value of any kind.
   *
   * @param name Its name
   * @returns The value, unless it is absent
   */
  protected ask(name: string): Value | undefined {
    this.#asked.add(name);
    return this.#byName.get(name)?.value;
  }

  /**
   * Reads a value that holds no others.
   *
   * @param name Its name
   * @returns The value, unless it is absent
   * @throws {ConfigError} when it is something else
   */
  protected scalar(name: string): Scalar | undefined {
    const value = this.ask(name);
    if (value === undefined) return undefined;
    if (value.kind !== "scalar") throw this.wrong(name, "a single value");
    return value.value;
  }

  /**
   * Says that a value is of another kind.
   *
   * @param name Its name
   * @param what What was expected
   * @returns The error
   */
  protected wrong(name: string, what: string): Error {
    return unreadable(
      this.origin(name).line,
      `Expected ${what} for ${JSON.stringify(this.directive(name))}; correct it`,
    );
  }
}
