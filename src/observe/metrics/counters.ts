/**
 * The counters of a listener, as plain numbers: what begins, why it ends, what is dropped, how many bytes
 * pass. Knows no socket and no log.
 *
 * @module
 */

import { LIFE_CELLS, LifeCounters } from "./life_counters.ts";
import { CLOSE_REASONS, type CloseReason, DROP_REASONS, type DropReason } from "../reasons.ts";

const FLOWS = LIFE_CELLS;
const ACCEPT_ERRORS = 2 * LIFE_CELLS;
const DROPS = ACCEPT_ERRORS + 1;

/** Numbers in the counters of one listener. */
export const COUNTER_CELLS: number = DROPS + DROP_REASONS.length;

/** Makes an object of drops by reason, whose properties are cells of an array. */
function dropsOver(cells: Float64Array): Record<DropReason, number> {
  const drops = {} as Record<DropReason, number>;
  DROP_REASONS.forEach((name, i) =>
    Object.defineProperty(drops, name, {
      enumerable: true,
      get: () => cells[DROPS + i],
      set: (value: number) => cells[DROPS + i] = value,
    })
  );
  return drops;
}

/**
 * The counters of one listener in one worker. The numbers may lie in shared memory: one thread counts, any
 * thread may read.
 */
export class Counters {
  readonly sessions: LifeCounters;
  readonly flows: LifeCounters;
  readonly #cells: Float64Array;
  #drops: Record<DropReason, number> | undefined;

  /**
   * @param cells {@linkcode COUNTER_CELLS} numbers; memory of its own unless given
   * @param matches One number per route for sessions, then one per route for flows; routes are not counted
   * unless given
   */
  constructor(
    cells: Float64Array = new Float64Array(COUNTER_CELLS),
    matches: Float64Array = new Float64Array(0),
  ) {
    this.#cells = cells;
    const routes = matches.length / 2;
    this.sessions = new LifeCounters(cells.subarray(0, FLOWS), matches.subarray(0, routes));
    this.flows = new LifeCounters(cells.subarray(FLOWS, ACCEPT_ERRORS), matches.subarray(routes));
  }

  /**
   * Adds up the counters of several listeners, without routes.
   *
   * @param parts The counters of each
   * @returns The sum as of now
   */
  static sum(parts: readonly Counters[]): Counters {
    const cells = new Float64Array(COUNTER_CELLS);
    for (const part of parts) {
      for (let i = 0; i < COUNTER_CELLS; i++) cells[i] = cells[i]! + part.#cells[i]!;
    }
    return new Counters(cells);
  }

  /** Sessions started, including refused ones. */
  get sessionsTotal(): number {
    return this.sessions.total;
  }

  /** Running sessions. */
  get sessionsActive(): number {
    return this.sessions.active;
  }

  /** Flows started. */
  get flowsTotal(): number {
    return this.flows.total;
  }

  /** Running flows. */
  get flowsActive(): number {
    return this.flows.active;
  }

  /** Bytes from clients to targets. */
  get bytesUp(): number {
    return this.sessions.bytesUp + this.flows.bytesUp;
  }

  /** Bytes from targets to clients. */
  get bytesDown(): number {
    return this.sessions.bytesDown + this.flows.bytesDown;
  }

  /** How many sessions and flows ended for each reason, as of now. */
  get closes(): Record<CloseReason, number> {
    const [sessions, flows] = [this.sessions.closes, this.flows.closes];
    return Object.fromEntries(
      CLOSE_REASONS.map((reason, i) => [reason, sessions[i]! + flows[i]!]),
    ) as Record<CloseReason, number>;
  }

  /** Dropped datagrams by reason; incremented by the code that drops them. */
  get drops(): Record<DropReason, number> {
    return this.#drops ??= dropsOver(this.#cells);
  }

  /** Errors of accepting, such as running out of descriptors. */
  get acceptErrors(): number {
    return this.#cells[ACCEPT_ERRORS]!;
  }

  set acceptErrors(value: number) {
    this.#cells[ACCEPT_ERRORS] = value;
  }
}
