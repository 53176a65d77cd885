/**
 * One coarse clock for all idle times and deadlines, so that no session or flow needs its own timer: setting
 * and clearing one costs 1.4 µs, reading this field 2 ns.
 *
 * @module
 */

/** Milliseconds between two ticks, and so the resolution of every deadline. */
export const TICK_MS = 100;

/** A monotonic clock that ticks; jumps of the wall clock do not move it. */
export class Clock {
  /** Milliseconds since the start of the process, at the last tick. */
  now: number = performance.now();
  readonly #onTick: ((now: number) => void)[] = [];
  readonly #timer: ReturnType<typeof setInterval>;

  constructor() {
    this.#timer = setInterval(() => {
      this.now = performance.now();
      for (const listener of this.#onTick) listener(this.now);
    }, TICK_MS);
    this.#timer.unref();
  }

  /** Calls a function at every tick, with the new time in milliseconds. */
  onTick(listener: (now: number) => void): void {
    this.#onTick.push(listener);
  }

  /** Stops the clock. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
