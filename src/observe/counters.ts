/**
 * What shunt counts, as plain numbers: why sessions and flows end, what is dropped, how much went
 * through. Knows no socket and no log.
 *
 * @module
 */

/** Why a session or flow ended: the closed list behind `reason` in access lines and metrics. */
export const CLOSE_REASONS = [
  /** Both sides ended in order. */
  "done",
  /** Nothing moved for the upstream's `idle_timeout`. */
  "idle_timeout",
  /** The client left before a target had been asked. */
  "client_closed",
  /** The client's connection broke, or a reply could not be sent to it. */
  "client_reset",
  /** The target's connection broke, or a datagram could not be sent to it. */
  "target_reset",
  /** Detection took longer than `detect.timeout` and `on_timeout` is `close`. */
  "detect_timeout",
  /** All sessions and flows together hold `limits.detect_memory`. */
  "detect_memory",
  /** A PROXY header was required or begun, and is missing or broken. */
  "proxy_header",
  /** No route matched. */
  "no_route",
  /** The upstream has no target that may be tried. */
  "no_target",
  /** A target's name could not be resolved. */
  "dns_failed",
  /** A target refused the connection. */
  "connect_refused",
  /** No target answered within `connect_timeout`. */
  "connect_timeout",
  /** A target could not be reached for another reason. */
  "connect_failed",
  /** The listener has `limits.sessions` sessions. */
  "limit_sessions",
  /** The source has `limits.per_source` sessions and flows. */
  "limit_source",
  /** The source opens more than `limits.new_per_source`. */
  "limit_rate",
  /** All descriptors that sessions and flows may have are taken. */
  "no_descriptors",
  /** The flow's target was taken out of the configuration, or found dead: its next datagram begins
   * another flow. */
  "target_gone",
  /** A flow that was silent for 2 s while shunt drained. */
  "drained",
  /** Still running when `drain_timeout` had passed, or when shunt was told to stop at once. */
  "shutdown",
  /** Its worker died, and was replaced. */
  "worker_died",
  /** A bug in shunt: please report the log line. */
  "internal_error",
] as const;

/** One of {@linkcode CLOSE_REASONS}. */
export type CloseReason = typeof CLOSE_REASONS[number];

/** Why a datagram was dropped. */
export const DROP_REASONS = [
  /** The listener has `limits.flows` flows. */
  "limit_flows",
  /** The source has `limits.per_source` sessions and flows. */
  "limit_source",
  /** The source opens more than `limits.new_per_source`. */
  "limit_rate",
  /** All descriptors that sessions and flows may have are taken. */
  "no_descriptors",
  /** The flow holds `detect.max_bytes`. */
  "held_bytes",
  /** The flow holds as many datagrams as may wait. */
  "held_datagrams",
  /** All sessions and flows together hold `limits.detect_memory`. */
  "detect_memory",
  /** It was held by a flow that ended before a target could take it. */
  "flow_closed",
  /** The socket could not take it: it is too long, or a queue is full. */
  "send_failed",
  /** It came from someone who is not the flow's target. */
  "not_target",
  /** New flows are not taken while shunt drains. */
  "draining",
] as const;

/** One of {@linkcode DROP_REASONS}. */
export type DropReason = typeof DROP_REASONS[number];

const SCALARS = [
  "sessionsTotal",
  "sessionsActive",
  "flowsTotal",
  "flowsActive",
  "bytesUp",
  "bytesDown",
  "acceptErrors",
] as const;

/** Numbers that the counters of one listener take. */
export const COUNTER_CELLS: number = SCALARS.length + CLOSE_REASONS.length + DROP_REASONS.length;

/** Makes an object whose properties are cells of an array. */
function overCells<K extends string>(
  names: readonly K[],
  cells: Float64Array,
  first: number,
): Record<K, number> {
  const target = {} as Record<K, number>;
  names.forEach((name, i) =>
    Object.defineProperty(target, name, {
      enumerable: true,
      get: () => cells[first + i],
      set: (value: number) => cells[first + i] = value,
    })
  );
  return target;
}

/**
 * The counters of one listener in one worker. The numbers may lie in shared memory: one thread counts,
 * any may read.
 */
export class Counters {
  readonly #cells: Float64Array;
  readonly closes: Record<CloseReason, number>;
  readonly drops: Record<DropReason, number>;

  /** @param cells {@linkcode COUNTER_CELLS} numbers; memory of its own unless given */
  constructor(cells: Float64Array = new Float64Array(COUNTER_CELLS)) {
    this.#cells = cells;
    this.closes = overCells(CLOSE_REASONS, cells, SCALARS.length);
    this.drops = overCells(DROP_REASONS, cells, SCALARS.length + CLOSE_REASONS.length);
  }

  /**
   * Adds up the counters of several workers.
   *
   * @param parts The counters of each
   * @returns Their sum as of now
   */
  static sum(parts: readonly Counters[]): Counters {
    const cells = new Float64Array(COUNTER_CELLS);
    for (const part of parts) {
      for (let i = 0; i < COUNTER_CELLS; i++) cells[i] = cells[i]! + part.#cells[i]!;
    }
    return new Counters(cells);
  }

  /** Sessions begun, refused ones included. */
  get sessionsTotal(): number {
    return this.#cells[0]!;
  }

  set sessionsTotal(value: number) {
    this.#cells[0] = value;
  }

  /** Sessions now. */
  get sessionsActive(): number {
    return this.#cells[1]!;
  }

  set sessionsActive(value: number) {
    this.#cells[1] = value;
  }

  /** Flows begun. */
  get flowsTotal(): number {
    return this.#cells[2]!;
  }

  set flowsTotal(value: number) {
    this.#cells[2] = value;
  }

  /** Flows now. */
  get flowsActive(): number {
    return this.#cells[3]!;
  }

  set flowsActive(value: number) {
    this.#cells[3] = value;
  }

  /** Bytes from clients to targets, of what has ended. */
  get bytesUp(): number {
    return this.#cells[4]!;
  }

  set bytesUp(value: number) {
    this.#cells[4] = value;
  }

  /** Bytes from targets to clients, of what has ended. */
  get bytesDown(): number {
    return this.#cells[5]!;
  }

  set bytesDown(value: number) {
    this.#cells[5] = value;
  }

  /** Errors of accepting, such as having no descriptor left. */
  get acceptErrors(): number {
    return this.#cells[6]!;
  }

  set acceptErrors(value: number) {
    this.#cells[6] = value;
  }
}
