/**
 * Guesses the format of a text. Parses nothing.
 *
 * @module
 */

/** The formats that can be converted. */
export const FORMATS = ["rpxy-l4", "sslh", "nginx"] as const;

/** The name of a format. */
export type Format = typeof FORMATS[number];

/** Guesses the format of a text; `undefined` if it looks like none of them. */
export function guessFormat(text: string): Format | undefined {
  if (
    /^[ \t]*(stream|events|http|upstream[ \t]+\S+|map[ \t]+\S+[ \t]+\S+|server)\s*\{/m.test(text)
  ) {
    return "nginx";
  }
  if (/^[ \t]*(listen|protocols)[ \t]*[:=]\s*\(/m.test(text)) return "sslh";
  if (/^[ \t]*(listen_port[ \t]*=|\[[ \t]*protocols\b)/m.test(text)) return "rpxy-l4";
  return undefined;
}
