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
 * @param most Where the count may stop: any greater number is as good as another
 * @returns The number of edits, or one greater than `most` if it is
 */
export function editDistance(a: string, b: string, most = Infinity): number {
  if (Math.abs(a.length - b.length) > most) return most + 1;
  let before = new Int32Array(b.length + 1);
  let previous = Int32Array.from(before, (_, j) => j);
  let row = new Int32Array(b.length + 1);
  let leastBefore = 0;
  for (let i = 1; i <= a.length; i++) {
    row[0] = i;
    let least = i;
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let best = Math.min(previous[j]! + 1, row[j - 1]! + 1, previous[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, before[j - 2]! + 1);
      }
      row[j] = best;
      if (best < least) least = best;
    }
    // A swap reaches back two rows, so both have to be too far off.
    if (least > most && leastBefore > most) return most + 1;
    leastBefore = least;
    [before, previous, row] = [previous, row, before];
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
    const allowed = Math.max(1, Math.floor(legal.length / 3));
    const most = Math.min(allowed, legal.length - 1, least - 1);
    const distance = cutShort ? 1 : editDistance(written, legal, most);
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
