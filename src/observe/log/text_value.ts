/**
 * Writes values in lines of text, quoted if necessary, since clients choose many of them. Knows no line.
 *
 * @module
 */

const PLAIN = /^[\w.:/@+%*[\]-]+$/;

/** Writes a value as a word, or in quotes. The result cannot end its line or look like another field. */
export function textValue(value: unknown): string {
  const text = plainText(value);
  return PLAIN.test(text) ? text : quoted(text);
}

/**
 * Writes a value for a place between quotes. The result cannot end its line or its quotes; together with
 * them it is JSON.
 */
export function quotedValue(value: unknown): string {
  const text = plainText(value);
  return PLAIN.test(text) ? text : quoted(text).slice(1, -1);
}

function plainText(value: unknown): string {
  return Array.isArray(value) ? value.join(",") : String(value);
}

function quoted(text: string): string {
  // JSON does not escape DEL, the C1 controls and characters that change the direction of text, which
  // terminals obey.
  return JSON.stringify(text).replace(
    /[\x7f-\x9f\u2028-\u202e\u2066-\u2069]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
