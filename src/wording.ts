/**
 * Describes what is wrong with a text that a person wrote, and quotes such texts in messages. Knows no value
 * and no key.
 *
 * @module
 */

/** What is wrong with a text that should have been a value. */
export interface Fault {
  /** A whole message: sentence case, no final period. */
  readonly fault: string;
  /** What to do about it. */
  readonly hint?: string;
}

/** Reports whether the result of reading a text is a fault instead of a value. */
export function isFault(value: unknown): value is Fault {
  return typeof value === "object" && value !== null && "fault" in value;
}

/** Quotes a value that a user wrote, with control characters escaped, and cut after 80 characters. */
export function quote(text: string): string {
  // JSON does not escape DEL and the C1 controls, which terminals obey.
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)
    .replace(/[\x7f-\x9f]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`);
}

/** Quotes words and joins them as in a sentence: `"a", "b" or "c"`. */
export function listWords(words: readonly string[], last: "or" | "and" = "or"): string {
  const quoted = words.map(quote);
  const end = quoted.pop() ?? "nothing";
  return quoted.length === 0 ? end : `${quoted.join(", ")} ${last} ${end}`;
}

/** Lists the legal words: `there are "a" and "b"`. */
export function thereAre(words: readonly string[]): string {
  return `there ${words.length > 1 ? "are" : "is"} ${listWords(words, "and")}`;
}
