/**
 * The counters of a target and of its upstream, in memory that all workers share. Knows neither.
 *
 * @module
 */

import { Histogram, histogramCells, WAIT_BOUNDS } from "./histogram.ts";

const SESSIONS = 0;
const FLOWS = 1;
const UP = 2;
const DOWN = 3;
const FAILURES = 4;

/** Numbers in a target's counters for each worker: a cache line, so that no worker slows another. */
export const TARGET_CELLS = 8;

/** The counters of one target. Each worker counts in its own cells and reads the others'. */
export class TargetCounters {
  readonly #cells: Float64Array;
  readonly #own: number;

  /**
   * @param cells {@linkcode TARGET_CELLS} numbers by worker; memory of its own unless given
   * @param worker The worker that counts
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
   * Counts bytes that passed since the last call.
   *
   * @param up Bytes to the target
   * @param down Bytes from it
   */
  carry(up: number, down: number): void {
    this.#add(UP, up);
    this.#add(DOWN, down);
  }

  /** Counts a connected session. */
  addSession(): void {
    this.#add(SESSIONS, 1);
  }

  /** Counts an open flow. */
  addFlow(): void {
    this.#add(FLOWS, 1);
  }

  /** Counts a failure to connect, or a connection that broke before its first byte. */
  addFailure(): void {
    this.#add(FAILURES, 1);
  }

  /** Sessions that were connected to it in all workers. */
  get sessions(): number {
    return this.#total(SESSIONS);
  }

  /** Flows that were opened to it in all workers. */
  get flows(): number {
    return this.#total(FLOWS);
  }

  /** Bytes that were sent to it. */
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

/** Numbers in an upstream's times for each worker. */
export const CONNECT_CELLS: number = 2 * histogramCells(WAIT_BOUNDS);

/** Seconds until a target of an upstream was connected, names and retries included. */
export class ConnectTimes {
  readonly tcp: Histogram;
  readonly udp: Histogram;

  /** @param cells {@linkcode CONNECT_CELLS} numbers; memory of its own unless given */
  constructor(cells: Float64Array = new Float64Array(CONNECT_CELLS)) {
    this.tcp = new Histogram(WAIT_BOUNDS, cells);
    this.udp = new Histogram(WAIT_BOUNDS, cells, histogramCells(WAIT_BOUNDS));
  }
}
