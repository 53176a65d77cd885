/**
 * Values in lines of text: quoted where they have to be, since clients choose many of them. Knows no
 * line.
 *
 * @module
 */

const PLAIN = /^[\w.:/@+%*[\]-]+$/;

/**
 * Writes a value as a word, or in quotes.
 *
 * @param value A value
 * @returns Text that cannot end its line or be taken for another field
 */
export function textValue(value: unknown): string {
  const text = plainText(value);
  return PLAIN.test(text) ? text : quoted(text);
}

/**
 * Writes a value for a place between quotes.
 *
 * @param value A value
 * @returns Text that cannot end its line or its quotes; together with them it is JSON
 */
export function quotedValue(value: unknown): string {
  const text = plainText(value);
  return PLAIN.test(text) ? text : quoted(text).slice(1, -1);
}

function plainText(value: unknown): string {
  return Array.isArray(value) ? value.join(",") : String(value);
}

function quoted(text: string): string {
  // JSON leaves DEL, the C1 controls and what turns the direction of text, which terminals obey.
  return JSON.stringify(text).replace(
    /[\x7f-\x9f\u2028-\u202e\u2066-\u2069]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
