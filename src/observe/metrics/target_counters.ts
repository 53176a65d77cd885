/**
 * What shunt counts of a target and of its upstream, in memory that all workers share. Knows neither.
 *
 * @module
 */

import { Histogram, histogramCells, WAIT_BOUNDS } from "./histogram.ts";

const SESSIONS = 0;
const FLOWS = 1;
const UP = 2;
const DOWN = 3;
const FAILURES = 4;

/** Numbers that a target's counters take for each worker: a cache line, so that none slows another. */
export const TARGET_CELLS = 8;

/** The counters of one target: each worker counts in cells of its own and reads the others'. */
export class TargetCounters {
  readonly #cells: Float64Array;
  readonly #own: number;

  /**
   * @param cells {@linkcode TARGET_CELLS} numbers by worker; memory of its own unless given
   * @param worker Whose cells it counts in
   */
  constructor(cells: Float64Array = new Float64Array(TARGET_CELLS), worker: number = 0) {
    this.#cells = cells;
    this.#own = worker * TARGET_CELLS;
  }

  #add(cell: number, amount: number): void {
    this.#cells[this.#own + cell] = this.#cells[this.#own + cell]! + amount;
  }

  #total(cell: number): number {
    let total = 0;
    for (let i = cell; i < this.#cells.length; i += TARGET_CELLS) total += this.#cells[i]!;
    return total;
  }

  /**
   * Counts what went through since it was last counted.
   *
   * @param up Bytes to the target
   * @param down Bytes from it
   */
  carry(up: number, down: number): void {
    this.#add(UP, up);
    this.#add(DOWN, down);
  }

  /** A session is connected. */
  addSession(): void {
    this.#add(SESSIONS, 1);
  }

  /** A flow is open. */
  addFlow(): void {
    this.#add(FLOWS, 1);
  }

  /** It could not be connected to, or broke before its first byte. */
  addFailure(): void {
    this.#add(FAILURES, 1);
  }

  /** Sessions that were connected to it, of all workers. */
  get sessions(): number {
    return this.#total(SESSIONS);
  }

  /** Flows that were opened to it, of all workers. */
  get flows(): number {
    return this.#total(FLOWS);
  }

  /** Bytes that it was sent. */
  get bytesUp(): number {
    return this.#total(UP);
  }

  /** Bytes that it sent. */
  get bytesDown(): number {
    return this.#total(DOWN);
  }

  /** How often it failed real traffic. */
  get failures(): number {
    return this.#total(FAILURES);
  }
}

/** Numbers that an upstream's times take for each worker. */
export const CONNECT_CELLS: number = 2 * histogramCells(WAIT_BOUNDS);

/** Seconds that it took until a target of an upstream was connected, names and retries included. */
export class ConnectTimes {
  readonly tcp: Histogram;
  readonly udp: Histogram;

  /** @param cells {@linkcode CONNECT_CELLS} numbers; memory of its own unless given */
  constructor(cells: Float64Array = new Float64Array(CONNECT_CELLS)) {
    this.tcp = new Histogram(WAIT_BOUNDS, cells);
    this.udp = new Histogram(WAIT_BOUNDS, cells, histogramCells(WAIT_BOUNDS));
  }
}
