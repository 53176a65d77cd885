/**
 * A queue from which nothing comes before its time: what makes a connection slow or narrow. Knows no
 * socket.
 *
 * @module
 */

import { within } from "../within.ts";
import { delayOf, type FaultDirection } from "./plan.ts";

/** Bytes that wait at the most; whoever puts more in has to wait. */
const MAX_WAITING = 262_144;
/** A narrow connection gives so many pieces a second, so that it trickles instead of stuttering. */
const PIECES_PER_SECOND = 20;

interface Entry {
  /** Unset for the end. */
  readonly bytes: Uint8Array | undefined;
  readonly due: number;
}

/** What comes in leaves in order, each part after its delay and no faster than the bandwidth. */
export class DelayLine {
  readonly #direction: FaultDirection;
  readonly #entries: Entry[] = [];
  #waiting = 0;
  #last = 0;
  #closed = false;
  #changed = Promise.withResolvers<void>();

  /** @param direction What is done to what comes in */
  constructor(direction: FaultDirection) {
    this.#direction = direction;
  }

  /** When the last entry is due, as `performance.now()` tells the time. */
  get last(): number {
    return this.#last;
  }

  /** Bytes in the line. */
  get waiting(): number {
    return this.#waiting;
  }

  /**
   * Takes what there is room for.
   *
   * @param bytes The bytes; what is taken is copied
   * @returns How many were taken, at least one unless it is closed
   */
  async put(bytes: Uint8Array): Promise<number> {
    while (this.#waiting >= MAX_WAITING && !this.#closed) await this.#change();
    if (this.#closed) return 0;
    const taken = bytes.slice(0, MAX_WAITING - this.#waiting);
    const { bandwidth } = this.#direction.config;
    const due = performance.now() + delayOf(this.#direction);
    const piece = bandwidth === undefined
      ? taken.length
      : Math.max(1, Math.floor(bandwidth / PIECES_PER_SECOND));
    for (let at = 0; at < taken.length; at += piece) {
      const part = taken.subarray(at, at + piece);
      const takes = bandwidth === undefined ? 0 : part.length / bandwidth * 1000;
      this.#last = Math.max(due, this.#last + takes);
      this.#entries.push({ bytes: part, due: this.#last });
    }
    this.#waiting += taken.length;
    this.#notify();
    return taken.length;
  }

  /** Ends the line after what is in it, and after `slow_close`. */
  end(): void {
    const delay = delayOf(this.#direction) + this.#direction.config.slow_close;
    this.#last = Math.max(this.#last, performance.now() + delay);
    this.#entries.push({ bytes: undefined, due: this.#last });
    this.#notify();
  }

  /**
   * Waits for what comes next.
   *
   * @returns The bytes, `null` at the end, or `undefined` where the line was closed
   */
  async next(): Promise<Uint8Array | null | undefined> {
    for (;;) {
      if (this.#closed) return undefined;
      const entry = this.#entries[0];
      const left = entry === undefined ? Infinity : entry.due - performance.now();
      if (entry !== undefined && left <= 0) {
        this.#entries.shift();
        this.#waiting -= entry.bytes?.length ?? 0;
        this.#notify();
        return entry.bytes ?? null;
      }
      await this.#change(left);
    }
  }

  /** Lets go of what is in the line. */
  close(): void {
    this.#closed = true;
    this.#entries.length = 0;
    this.#waiting = 0;
    this.#notify();
  }

  #notify(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }

  /** Waits until something changes, or for some milliseconds. */
  async #change(ms = Infinity): Promise<void> {
    if (ms === Infinity) return await this.#changed.promise;
    await within(Math.ceil(ms), this.#changed.promise);
  }
}
