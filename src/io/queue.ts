/**
 * Waits for room in the accept queue of a Unix socket: if it is full the kernel refuses immediately, while
 * TCP retries by itself. Knows no socket.
 *
 * @module
 */

import { type Attempt, givenUp } from "./attempt.ts";

const FIRST_MS = 5;
const LAST_MS = 50;

/**
 * Tries to connect until there is room.
 *
 * @param connect Tries once
 * @param isFull Reports whether an error means that the queue is full
 * @param attempt Lets the caller give up
 * @returns The connection
 * @throws {Error} if `connect` fails for another reason, or the attempt was given up
 */
export async function whenRoom<T>(
  connect: () => T | Promise<T>,
  isFull: (error: unknown) => boolean,
  attempt: Attempt,
): Promise<T> {
  for (let ms = FIRST_MS;; ms = Math.min(LAST_MS, ms * 2)) {
    if (attempt.givenUp) throw givenUp();
    try {
      return await connect();
    } catch (error) {
      if (!isFull(error)) throw error;
    }
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      attempt.onGiveUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    attempt.onGiveUp = undefined;
  }
}
