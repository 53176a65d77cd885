/**
 * Patterns of JA4 fingerprints (`ja4`): what is legal. Knows no key and no route.
 *
 * @module
 */

import { isJa4, isJa4Start, JA4_LENGTH } from "../wire/ja4.ts";

/**
 * Reports whether text can be asked for as a JA4 fingerprint: a whole one, or a beginning and `*`.
 *
 * @param text The text
 * @returns `false` where no fingerprint meets it
 */
export function isJa4Pattern(text: string): boolean {
  if (!text.endsWith("*")) return isJa4(text);
  return text.length <= JA4_LENGTH && isJa4Start(text.slice(0, -1));
}
