/**
 * The counters of connections whose sessions have ended while bytes still have to arrive. Knows no socket.
 *
 * @module
 */

/** Why a connection was reset with undelivered bytes. */
export const RESET_TEXTS = {
  limit: "Its session was ended by `idle_timeout`, `drain_timeout` or a fault",
  stalled: "No more bytes arrived for 30 s after its session had ended",
  displaced: "Another connection needed its place, and its bytes had been stuck for the longest " +
    "time",
  shutdown: "Bytes were still to be delivered when shunt ended",
} as const;

/** A key of {@linkcode RESET_TEXTS}. */
export type ResetCause = keyof typeof RESET_TEXTS;

/** The keys of {@linkcode RESET_TEXTS}. */
export const RESET_CAUSES: readonly ResetCause[] = Object.keys(RESET_TEXTS) as ResetCause[];

const CONNECTIONS = 0;
const BYTES = 1;
const RESETS = 2;

/** Numbers in the counters of one worker. */
export const LINGER_CELLS: number = RESETS + RESET_CAUSES.length;

/** The counters of one worker, or the sum over all. The numbers may lie in shared memory. */
export class LingerCounters {
  readonly #cells: Float64Array;

  /** @param cells {@linkcode LINGER_CELLS} numbers; memory of its own unless given */
  constructor(cells: Float64Array = new Float64Array(LINGER_CELLS)) {
    this.#cells = cells;
  }

  /** Lingering connections now. */
  get connections(): number {
    return this.#cells[CONNECTIONS]!;
  }

  set connections(value: number) {
    this.#cells[CONNECTIONS] = value;
  }

  /** Their bytes that still have to arrive. */
  get bytes(): number {
    return this.#cells[BYTES]!;
  }

  set bytes(value: number) {
    this.#cells[BYTES] = value;
  }

  /**
   * Counts a connection that was reset with undelivered bytes.
   *
   * @param cause Why
   */
  reset(cause: ResetCause): void {
    const cell = RESETS + RESET_CAUSES.indexOf(cause);
    this.#cells[cell] = this.#cells[cell]! + 1;
  }

  /** Connections that were reset, by cause. */
  get resets(): Readonly<Record<ResetCause, number>> {
    return Object.fromEntries(
      RESET_CAUSES.map((cause, i) => [cause, this.#cells[RESETS + i]!]),
    ) as Record<ResetCause, number>;
  }

  /** Resets the gauges of a worker that is gone; its totals stay. */
  clear(): void {
    this.#cells.fill(0, CONNECTIONS, RESETS);
  }
}
