/**
 * The counters of a listener's sessions, or of its flows. Knows neither.
 *
 * @module
 */

import { DETECT_ENDS, type DetectEnd } from "../../detect/ends.ts";
import { PROTOCOLS } from "../../detect/mod.ts";
import { Histogram, histogramCells, LIFE_BOUNDS, WAIT_BOUNDS } from "./histogram.ts";
import { CLOSE_REASONS, type CloseReason } from "../reasons.ts";

/**
 * What a session or flow can be counted as: the registry's protocols, `unknown` and `silent`, and
 * `none` where no route asked for the protocol.
 */
export const COUNTED_PROTOCOLS: readonly string[] = [
  ...PROTOCOLS.map(({ name }) => name),
  "unknown",
  "silent",
  "none",
];

const PROTOCOL_INDEX: ReadonlyMap<string, number> = new Map(
  COUNTED_PROTOCOLS.map((name, i) => [name, i]),
);
const REASON_INDEX = Object.fromEntries(
  CLOSE_REASONS.map((reason, i) => [reason, i]),
) as Record<CloseReason, number>;
const END_INDEX = Object.fromEntries(
  DETECT_ENDS.map((end, i) => [end, i]),
) as Record<DetectEnd, number>;

const TOTAL = 0;
const ACTIVE = 1;
const UP = 2;
const DOWN = 3;
const CLOSES = 4;
const DETECTED = CLOSES + CLOSE_REASONS.length;
const DETECT_ENDED = DETECTED + COUNTED_PROTOCOLS.length;
const DETECT_SECONDS = DETECT_ENDED + DETECT_ENDS.length;
const SECONDS = DETECT_SECONDS + histogramCells(WAIT_BOUNDS);

/** Numbers that they take. */
export const LIFE_CELLS: number = SECONDS + histogramCells(LIFE_BOUNDS);

/** Counts sessions, or flows. */
export class LifeCounters {
  /** Seconds that detection took, where the protocol was asked for. */
  readonly detectSeconds: Histogram;
  /** Seconds that those lasted which were admitted and have ended. */
  readonly seconds: Histogram;
  readonly #cells: Float64Array;
  readonly #matches: Float64Array;

  /**
   * @param cells {@linkcode LIFE_CELLS} numbers
   * @param matches One number a route of the listener
   */
  constructor(cells: Float64Array, matches: Float64Array) {
    this.#cells = cells;
    this.#matches = matches;
    this.detectSeconds = new Histogram(WAIT_BOUNDS, cells, DETECT_SECONDS);
    this.seconds = new Histogram(LIFE_BOUNDS, cells, SECONDS);
  }

  #add(cell: number, amount: number): void {
    this.#cells[cell] = this.#cells[cell]! + amount;
  }

  /** One begins. */
  begin(): void {
    this.#add(TOTAL, 1);
    this.#add(ACTIVE, 1);
  }

  /**
   * One ends.
   *
   * @param reason Why
   */
  end(reason: CloseReason): void {
    this.#add(ACTIVE, -1);
    this.#add(CLOSES + REASON_INDEX[reason], 1);
  }

  /** Counts everything still alive as ended by `worker_died`. */
  endAll(): void {
    this.#add(CLOSES + REASON_INDEX.worker_died, this.active);
    this.#cells[ACTIVE] = 0;
  }

  /**
   * Counts what went through since it was last counted.
   *
   * @param up Bytes from the client to the target
   * @param down Bytes from the target to the client
   */
  carry(up: number, down: number): void {
    this.#add(UP, up);
    this.#add(DOWN, down);
  }

  /**
   * Counts what one turned out to be.
   *
   * @param protocol Its protocol; `none` unless given
   */
  detect(protocol: string = "none"): void {
    const index = PROTOCOL_INDEX.get(protocol);
    if (index !== undefined) this.#add(DETECTED + index, 1);
  }

  /**
   * Counts what ended the detection of one before all was read.
   *
   * @param end The cause
   */
  endDetection(end: DetectEnd): void {
    this.#add(DETECT_ENDED + END_INDEX[end], 1);
  }

  /**
   * Counts which route one took.
   *
   * @param route The route's place in the list
   */
  match(route: number): void {
    if (route < this.#matches.length) this.#matches[route] = this.#matches[route]! + 1;
  }

  /** Begun, refused ones included. */
  get total(): number {
    return this.#cells[TOTAL]!;
  }

  /** There now. */
  get active(): number {
    return this.#cells[ACTIVE]!;
  }

  /** Bytes from clients to targets; of those that live, as of 100 ms ago, or a second with many flows. */
  get bytesUp(): number {
    return this.#cells[UP]!;
  }

  /** Bytes from targets to clients; likewise. */
  get bytesDown(): number {
    return this.#cells[DOWN]!;
  }

  /** Ended, by {@linkcode CLOSE_REASONS}. */
  get closes(): Float64Array {
    return this.#cells.subarray(CLOSES, DETECTED);
  }

  /** What they turned out to be, by {@linkcode COUNTED_PROTOCOLS}. */
  get detected(): Float64Array {
    return this.#cells.subarray(DETECTED, DETECT_ENDED);
  }

  /** Detections that ended before all was read, by {@linkcode DETECT_ENDS}. */
  get detectEnds(): Float64Array {
    return this.#cells.subarray(DETECT_ENDED, DETECT_SECONDS);
  }

  /** How many took each route of the listener. */
  get matches(): Float64Array {
    return this.#matches;
  }
}
