/**
 * Finds which of the legal words was probably meant. Knows nothing about configuration.
 *
 * @module
 */

import { levenshteinDistance } from "@std/text/levenshtein-distance";

/** No key or name is longer. Comparing longer words would cost time and suggest nothing. */
const MAX_LENGTH = 64;

/**
 * Counts the single-character edits between two words (Levenshtein). A swap of neighbours counts as one:
 * std counts two, which is too many for words as short as `tls`.
 */
export function editDistance(a: string, b: string): number {
  const distance = levenshteinDistance(a, b);
  return distance === 2 && isSwap(a, b) ? 1 : distance;
}

/** Reports whether two different words become equal if two neighbours in one of them swap places. */
function isSwap(a: string, b: string): boolean {
  let i = 0;
  while (a[i] === b[i]) i++;
  return a.slice(i + 2) === b.slice(i + 2) && a[i] === b[i + 1] && a[i + 1] === b[i];
}

/**
 * Finds the word that was probably meant: up to a third of it mistyped, or cut short.
 *
 * @param word What was written
 * @param candidates What is legal
 * @returns The nearest candidate, or `undefined` if none is near
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  if (word.length > MAX_LENGTH) return undefined;
  const written = plain(word);
  let found: string | undefined;
  let least = Infinity;
  for (const candidate of candidates) {
    if (candidate.length > MAX_LENGTH) continue;
    const legal = plain(candidate);
    const cutShort = written.length >= 3 && legal.startsWith(written);
    const allowed = Math.max(1, Math.floor(legal.length / 3));
    const most = Math.min(allowed, legal.length - 1, least - 1);
    if (!cutShort && Math.abs(written.length - legal.length) > most) continue;
    const distance = cutShort ? 1 : editDistance(written, legal);
    if (distance <= most) {
      found = candidate;
      least = distance;
    }
  }
  return found;
}

/** Letter case and the choice of `-` or `_` are the most common slips, so they cost no edit. */
function plain(word: string): string {
  return word.toLowerCase().replaceAll("-", "_");
}
