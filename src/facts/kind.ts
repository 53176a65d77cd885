/**
 * What a kind of pattern is: how one is written, what it covers, and how many become a set. Knows no
 * fact and no route.
 *
 * @module
 */

import { type Fault, isFault } from "../wording.ts";

/** The value of a fact. */
export type FactValue = string | readonly string[] | number;

/** Patterns of one condition, compiled. */
export interface PatternSet {
  /**
   * Reports whether a value matches.
   *
   * @param value The value as detectors report it
   * @returns `false` if no pattern takes it
   */
  has(value: FactValue): boolean;
}

/** What reading a value that a person typed gives. */
export interface Reading {
  /** The value as a detector reports it; unset if no client can have it. */
  readonly value?: string;
  /** Whether detection would report `bad_name`. */
  readonly bad?: boolean;
}

/** A kind of pattern. */
export interface Kind {
  /** What one looks like, for messages: `a name, "*.suffix" or "*"`. */
  readonly what: string;
  /** The same for a list of them, if it is another. */
  readonly listed?: string;
  /** What one looks like, for the JSON Schema. */
  readonly title: string;
  /** A regular expression for the JSON Schema. */
  readonly pattern?: string;
  /** Whether values are host names, which `bad_name` leaves in doubt. */
  readonly isName?: boolean;
  /** Checks a pattern. Returns it in the form that all else takes, or what is wrong. */
  parse(text: string): string | Fault;
  /** Returns what a pattern is known by: two with the same key take the same. Unset: itself. */
  key?(pattern: string): string;
  /** Lists the keys of all patterns that take every value that this one takes, itself included. */
  coverers(key: string): readonly string[];
  /** Makes a set. */
  compile(patterns: readonly string[]): PatternSet;
  /** Reads a value, not a pattern, that a person typed. */
  read(text: string): Reading | Fault;
}

/**
 * Returns the kind of patterns that are whole words, which cover nothing but themselves.
 *
 * @param about How one is written and checked
 */
export function words(about: Pick<Kind, "what" | "title" | "pattern" | "parse">): Kind {
  return {
    ...about,
    coverers: (key) => [key],
    compile: (patterns) => new WordSet(patterns),
    read(text) {
      const value = about.parse(text);
      return isFault(value) ? value : { value };
    },
  };
}

/** A set of words, for values that are one word or several. */
class WordSet implements PatternSet {
  readonly #words: ReadonlySet<string>;

  constructor(words: readonly string[]) {
    this.#words = new Set(words);
  }

  has(value: string | readonly string[]): boolean {
    if (typeof value === "string") return this.#words.has(value);
    for (const word of value) {
      if (this.#words.has(word)) return true;
    }
    return false;
  }
}
