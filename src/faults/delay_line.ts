/**
 * A queue that releases nothing before its time, which makes a connection slow or narrow. Knows no socket.
 *
 * @module
 */

import { within } from "../within.ts";
import { delayOf, type FaultDirection } from "./plan.ts";

/** Bytes that wait at most. A caller that adds more has to wait. */
const MAX_WAITING = 262_144;
/** Pieces per second on a narrow connection, so that bytes trickle instead of arriving in bursts. */
const PIECES_PER_SECOND = 20;

interface Entry {
  /** Unset for the end of the stream. */
  readonly bytes: Uint8Array | undefined;
  readonly due: number;
}

/** Bytes leave in order, each part after its delay and no faster than the bandwidth. */
export class DelayLine {
  readonly #direction: FaultDirection;
  readonly #entries: Entry[] = [];
  #waiting = 0;
  #last = 0;
  #closed = false;
  #changed = Promise.withResolvers<void>();

  /** @param direction The faults of this direction */
  constructor(direction: FaultDirection) {
    this.#direction = direction;
  }

  /** When the last entry is due, as a `performance.now()` time. */
  get last(): number {
    return this.#last;
  }

  /** Bytes in the line. */
  get waiting(): number {
    return this.#waiting;
  }

  /**
   * Takes as many bytes as there is room for.
   *
   * @param bytes The bytes; what is taken is copied
   * @returns How many were taken, at least one unless the line is closed
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

  /** Ends the line after its last entry and after `slow_close`. */
  end(): void {
    const delay = delayOf(this.#direction) + this.#direction.config.slow_close;
    this.#last = Math.max(this.#last, performance.now() + delay);
    this.#entries.push({ bytes: undefined, due: this.#last });
    this.#notify();
  }

  /**
   * Waits for the next entry.
   *
   * @returns The bytes, `null` at the end, or `undefined` if the line was closed
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

  /** Drops all entries. */
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
