/**
 * Defines what a kind of pattern is: how a pattern is written, what it covers, and how several become a
 * set. Knows no fact and no route.
 *
 * @module
 */

import { type Fault, isFault } from "../wording.ts";

/** The value of a fact. */
export type FactValue = string | readonly string[] | number;

/** Patterns of one condition, compiled. */
export interface PatternSet {
  /** Reports whether any pattern matches a value, as detectors report it. */
  has(value: FactValue): boolean;
}

/** A value that a person typed, as read. */
export interface Reading {
  /** The value as a detector reports it; unset if no client can have it. */
  readonly value?: string;
  /** Whether detection would report `bad_name`. */
  readonly bad?: boolean;
}

/** A kind of pattern. */
export interface Kind {
  /** What a pattern looks like, for messages: `a name, "*.suffix" or "*"`. */
  readonly what: string;
  /** The same for messages about a list, if it differs. */
  readonly listed?: string;
  /** What a pattern looks like, for the JSON Schema. */
  readonly title: string;
  /** A regular expression for the JSON Schema. */
  readonly pattern?: string;
  /** Whether values are host names, which `bad_name` leaves in doubt. */
  readonly isName?: boolean;
  /** Checks a pattern. Returns it in the form that the other functions take, or what is wrong. */
  parse(text: string): string | Fault;
  /** Returns the key of a pattern; two patterns with the same key match the same. Unset: the pattern itself. */
  key?(pattern: string): string;
  /** Lists the keys of all patterns that match every value that this one matches, itself included. */
  coverers(key: string): readonly string[];
  compile(patterns: readonly string[]): PatternSet;
  /** Reads a value, not a pattern, that a person typed. */
  read(text: string): Reading | Fault;
}

/**
 * Returns the kind of patterns that are whole words, which cover nothing but themselves.
 *
 * @param about How a word is written and checked
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
