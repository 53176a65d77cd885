/**
 * A race of attempts on the addresses of one name (RFC 8305 §5). Knows neither what an address is nor
 * what is attempted.
 *
 * @module
 */

import { Attempt, givenUp } from "./attempt.ts";

/** RFC 8305 §5 recommends 250 ms between attempts on the addresses of one name. */
export const ATTEMPT_DELAY_MS = 250;

/** How a race is run. */
export interface RaceOptions<A, T> {
  /** Tries one address. */
  readonly start: (address: A, attempt: Attempt) => T | Promise<T>;
  /** Closes what another address has given meanwhile. */
  readonly onLate: (late: T) => void;
  /** Gives the whole race up. */
  readonly attempt: Attempt;
  /** Milliseconds until the next address is tried as well; {@linkcode ATTEMPT_DELAY_MS} unless given. */
  readonly delay?: number;
  /** Attempts at once: one more cancels the oldest. Any number unless given. */
  readonly atOnce?: number;
}

/**
 * Tries addresses in turn, the next one early if one is slow or fails. The first that succeeds wins, and
 * the others are given up.
 *
 * @param addresses The addresses in the order in which they are tried; at least one
 * @param options How to try one
 * @returns What the first address to succeed gives, at once if a single one does so
 * @throws {unknown} the last failure, or the error of an attempt that was given up
 */
export function race<A, T>(
  addresses: readonly A[],
  { start, onLate, attempt, delay = ATTEMPT_DELAY_MS, atOnce = Infinity }: RaceOptions<A, T>,
): T | Promise<T> {
  if (attempt.givenUp) throw givenUp();
  if (addresses.length === 1) return start(addresses[0]!, attempt);
  return new Promise((resolve, reject) => {
    const running = new Set<Attempt>();
    let next = 0;
    let settled = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const settle = () => {
      settled = true;
      clearTimeout(timer);
      attempt.onGiveUp = undefined;
      for (const other of running) other.giveUp();
    };
    const succeeded = (own: Attempt, value: T) => {
      if (settled) return onLate(value);
      running.delete(own);
      settle();
      resolve(value);
    };
    const failed = (own: Attempt, error: unknown) => {
      // One that had to make room is not followed by another at once.
      if (!running.delete(own) || settled) return;
      if (next < addresses.length) return tryNext();
      if (running.size > 0) return;
      settle();
      reject(error);
    };
    const tryNext = () => {
      clearTimeout(timer);
      const address = addresses[next++]!;
      const [oldest] = running;
      if (oldest !== undefined && running.size >= atOnce) {
        running.delete(oldest);
        oldest.giveUp();
      }
      const own = new Attempt();
      running.add(own);
      // A promise of its own: what fails at once must not start the next within this call.
      Promise.resolve().then(() => start(address, own)).then(
        (value) => succeeded(own, value),
        (error: unknown) => failed(own, error),
      );
      if (next < addresses.length) timer = setTimeout(tryNext, delay);
    };
    attempt.onGiveUp = () => {
      settle();
      reject(givenUp());
    };
    tryNext();
  });
}
