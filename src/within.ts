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
