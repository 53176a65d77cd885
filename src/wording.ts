/**
 * What is wrong with a text that somebody wrote, and how messages quote such texts. Knows no value
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

/**
 * Reports whether reading a text gave a fault in the place of a value.
 *
 * @param value What reading gave
 */
export function isFault(value: unknown): value is Fault {
  return typeof value === "object" && value !== null && "fault" in value;
}

/**
 * Quotes a value that a user wrote, with control characters escaped and an end to its length.
 *
 * @param text The value
 * @returns The quoted text
 */
export function quote(text: string): string {
  // JSON leaves DEL and the C1 controls as they are, which terminals obey.
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)
    .replace(/[\x7f-\x9f]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`);
}

/**
 * Joins words as a sentence does: `"a", "b" or "c"`.
 *
 * @param words The words, not yet quoted
 * @param last The word before the last one
 * @returns The text
 */
export function listWords(words: readonly string[], last: "or" | "and" = "or"): string {
  const quoted = words.map(quote);
  const end = quoted.pop() ?? "nothing";
  return quoted.length === 0 ? end : `${quoted.join(", ")} ${last} ${end}`;
}

/**
 * Says which words are legal: `there are "a" and "b"`.
 *
 * @param words The words
 * @returns The text
 */
export function thereAre(words: readonly string[]): string {
  return `there ${words.length > 1 ? "are" : "is"} ${listWords(words, "and")}`;
}
