/**
 * Near misses: which of the legal words was probably meant. Knows edit distance, and nothing of
 * configuration.
 *
 * @module
 */

/** Longer words than any key or name: comparing them costs time and suggests nothing. */
const MAX_LENGTH = 64;

/**
 * Counts the single-character edits between two words (Levenshtein), a swap of neighbours being one.
 *
 * @param a One word
 * @param b The other word
 * @returns The number of edits
 */
export function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let best = Math.min(previous[j]! + 1, row[j - 1]! + 1, previous[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, before[j - 2]! + 1);
      }
      row.push(best);
    }
    before = previous;
    previous = row;
  }
  return previous[b.length]!;
}

/**
 * Finds the word that was probably meant: up to a third of it mistyped, or cut short.
 *
 * @param word What was written
 * @param candidates What is legal
 * @returns The nearest candidate, or `undefined` where none is near
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
    const distance = cutShort ? 1 : editDistance(written, legal);
    const allowed = Math.max(1, Math.floor(legal.length / 3));
    if (distance <= allowed && distance < legal.length && distance < least) {
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
