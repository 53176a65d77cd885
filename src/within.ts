/**
 * Waiting that has an end. Knows nothing of what is waited for.
 *
 * @module
 */

/**
 * Waits for something, but no longer than some time.
 *
 * @param ms Milliseconds
 * @param work What to wait for; it goes on where it is late
 * @throws {unknown} what `work` rejects with in time
 */
export async function within(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    await Promise.race([work, new Promise((resolve) => timer = setTimeout(resolve, ms))]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Waits for a result, which has to come in some time.
 *
 * @param work What to wait for; it goes on if it is late
 * @param ms Milliseconds
 * @param late The error that is thrown then
 * @param onLate Takes a result that comes afterwards
 * @returns The result
 * @throws {unknown} `late`, or what `work` rejects with in time
 */
export async function inTime<T>(
  work: Promise<T>,
  ms: number,
  late: Error,
  onLate: (result: T) => void = () => {},
): Promise<T> {
  let isLate = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const over = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      isLate = true;
      reject(late);
    }, ms);
  });
  try {
    return await Promise.race([work, over]);
  } finally {
    clearTimeout(timer);
    if (isLate) work.then(onLate, () => {});
  }
}
