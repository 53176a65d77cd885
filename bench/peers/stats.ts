/**
 * Medians and ratios of interleaved rounds. Knows numbers, not what they measure.
 *
 * @module
 */

/** Whether more or less of a figure is better. */
export type Better = "more" | "less";

/**
 * Finds the median.
 *
 * @param values Any number of values
 * @returns The median; undefined if there are none
 */
export function median(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle];
  if (upper === undefined || sorted.length % 2 === 1) return upper;
  return ((sorted[middle - 1] ?? upper) + upper) / 2;
}

/**
 * Finds the best value.
 *
 * @param values Any number of values
 * @param better Which is better
 * @returns The best; undefined if there are none
 */
export function best(values: readonly number[], better: Better): number | undefined {
  if (values.length === 0) return undefined;
  return better === "more" ? Math.max(...values) : Math.min(...values);
}

/**
 * Compares one participant with the best of others in each round and takes the median, so that a slow round
 * on a shared machine cancels out.
 *
 * @param own The participant's value in each round, undefined if it failed
 * @param others The same for each other one
 * @param better Which is better, to find the best of the others
 * @param floor Smaller values count as this much, so that noise around zero makes no ratio
 * @returns The ratio; undefined if no round has both
 */
export function ratioToBest(
  own: readonly (number | undefined)[],
  others: readonly (readonly (number | undefined)[])[],
  { better, floor = 0 }: { readonly better: Better; readonly floor?: number },
): number | undefined {
  const ratios: number[] = [];
  for (const [round, value] of own.entries()) {
    const rivals = others.map((other) => other[round]).filter((x) => x !== undefined);
    const rival = best(rivals, better);
    if (value === undefined || rival === undefined) continue;
    const [above, below] = [Math.max(value, floor), Math.max(rival, floor)];
    if (below > 0) ratios.push(above / below);
  }
  return median(ratios);
}
