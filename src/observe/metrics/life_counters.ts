/**
 * The counters of a listener's sessions, or of its flows. Knows neither.
 *
 * @module
 */

import { DETECT_ENDS, type DetectEnd } from "../../detect/ends.ts";
import { PROTOCOLS } from "../../detect/mod.ts";
import { PSEUDO_PROTOCOLS } from "../../facts/mod.ts";
import { Histogram, histogramCells, LIFE_BOUNDS, WAIT_BOUNDS } from "./histogram.ts";
import { CLOSE_REASONS, type CloseReason } from "../reasons.ts";

/**
 * The protocols that sessions and flows are counted by: those of the registry, `unknown`, `silent`, and
 * `none` if no route needed the protocol.
 */
export const COUNTED_PROTOCOLS: readonly string[] = [
  ...PROTOCOLS.map(({ name }) => name),
  ...PSEUDO_PROTOCOLS.map(({ name }) => name),
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

/** Numbers in the counters. */
export const LIFE_CELLS: number = SECONDS + histogramCells(LIFE_BOUNDS);

/** Counts sessions, or flows. */
export class LifeCounters {
  /** Seconds of detection, if the protocol was needed. */
  readonly detectSeconds: Histogram;
  /** Seconds of sessions or flows that were admitted and have ended. */
  readonly seconds: Histogram;
  readonly #cells: Float64Array;
  readonly #matches: Float64Array;

  /**
   * @param cells {@linkcode LIFE_CELLS} numbers
   * @param matches One number per route of the listener
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

  /** Counts the start of one. */
  begin(): void {
    this.#add(TOTAL, 1);
    this.#add(ACTIVE, 1);
  }

  /**
   * Counts the end of one.
   *
   * @param reason Why it ended
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
   * Counts bytes that passed since the last call.
   *
   * @param up Bytes from the client to the target
   * @param down Bytes from the target to the client
   */
  carry(up: number, down: number): void {
    this.#add(UP, up);
    this.#add(DOWN, down);
  }

  /** Counts the protocol of one; `none` unless given. */
  detect(protocol: string = "none"): void {
    const index = PROTOCOL_INDEX.get(protocol);
    if (index !== undefined) this.#add(DETECTED + index, 1);
  }

  /**
   * Counts a detection that ended before all facts were read.
   *
   * @param end The cause
   */
  endDetection(end: DetectEnd): void {
    this.#add(DETECT_ENDED + END_INDEX[end], 1);
  }

  /**
   * Counts the route of one.
   *
   * @param route The route's index
   */
  match(route: number): void {
    if (route < this.#matches.length) this.#matches[route] = this.#matches[route]! + 1;
  }

  /** Number started, including refused ones. */
  get total(): number {
    return this.#cells[TOTAL]!;
  }

  /** Number of running ones. */
  get active(): number {
    return this.#cells[ACTIVE]!;
  }

  /** Bytes from clients to targets; those of running ones are 100 ms old, or a second with many flows. */
  get bytesUp(): number {
    return this.#cells[UP]!;
  }

  /** Bytes from targets to clients, likewise. */
  get bytesDown(): number {
    return this.#cells[DOWN]!;
  }

  /** Number of ended ones, by {@linkcode CLOSE_REASONS}. */
  get closes(): Float64Array {
    return this.#cells.subarray(CLOSES, DETECTED);
  }

  /** Number by protocol, by {@linkcode COUNTED_PROTOCOLS}. */
  get detected(): Float64Array {
    return this.#cells.subarray(DETECTED, DETECT_ENDED);
  }

  /** Detections that ended before all facts were read, by {@linkcode DETECT_ENDS}. */
  get detectEnds(): Float64Array {
    return this.#cells.subarray(DETECT_ENDED, DETECT_SECONDS);
  }

  /** Number by route of the listener. */
  get matches(): Float64Array {
    return this.#matches;
  }
}
