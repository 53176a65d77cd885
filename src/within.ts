/**
 * Waits with a time limit. Knows nothing about what it waits for.
 *
 * @module
 */

import { abortable } from "@std/async/abortable";

const LATE = new Error("It takes too long");

/**
 * Waits for work, but no longer than `ms`. The work goes on if it is late.
 *
 * @throws {unknown} what `work` rejects with in time
 */
export async function within(ms: number, work: Promise<unknown>): Promise<void> {
  try {
    await inTime(work, ms, LATE);
  } catch (error) {
    if (error !== LATE) throw error;
  }
}

/**
 * Waits for a result, which has to come within `ms`. Unlike std's `deadline` it leaves no timer behind
 * once the result is there, so that it can be called often with a long time.
 *
 * @param work What to wait for; it goes on if it is late
 * @param late The error that is thrown if it is late
 * @param onLate Takes a result that comes afterwards
 * @throws {unknown} `late`, or what `work` rejects with in time
 */
export async function inTime<T>(
  work: Promise<T>,
  ms: number,
  late: Error,
  onLate: (result: T) => void = () => {},
): Promise<T> {
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(late), ms);
  try {
    return await abortable(work, over.signal);
  } finally {
    clearTimeout(timer);
    if (over.signal.aborted) work.then(onLate, () => {});
  }
}
