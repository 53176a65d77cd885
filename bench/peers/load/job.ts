/**
 * The jobs of a load generator and its answers. Knows nothing of how they are done.
 *
 * @module
 */

/** How long a closed loop runs. */
interface Timed {
  /** The participant's port. */
  readonly port: number;
  /** Seconds that count. */
  readonly seconds: number;
  /** Seconds before them that do not. */
  readonly warm: number;
}

/** A load at a fixed rate, whatever comes back. */
export interface OpenLoop extends Timed {
  /** Kept connections, or flows. */
  readonly connections: number;
  /** Requests or datagrams per second. */
  readonly rate: number;
  /** Bytes of a datagram. */
  readonly size: number;
}

/** One piece of work for a load generator. */
export type Job =
  | Timed & { readonly kind: "bulk" | "kept"; readonly connections: number }
  | Timed & { readonly kind: "new"; readonly connections: number; readonly hello: boolean }
  | Timed & {
    readonly kind: "udp";
    readonly connections: number;
    readonly inFlight: number;
    readonly size: number;
  }
  | OpenLoop & { readonly kind: "open_tcp" | "open_udp" }
  | { readonly kind: "hold_sessions" | "hold_flows"; readonly port: number; readonly count: number }
  | { readonly kind: "use_held" | "drop_held" };

/** What a load generator did. */
export interface Outcome {
  /** Bytes, requests, connections or round trips in the seconds that count. */
  readonly done: number;
  /** The seconds that count, as they were. */
  readonly seconds: number;
  /** The same with those of the warm-up. */
  readonly total: number;
  /** Datagrams that did not come back. */
  readonly lost: number;
  /** Milliseconds from when a request was due until its answer, sorted; open loops only. */
  readonly latencies: { readonly p50: number; readonly p99: number; readonly p999: number } | null;
}

/** Measures the seconds that count and the work done in them. */
export class Stopwatch {
  /** Now, in ms, as of the last {@linkcode running}. */
  now: number = performance.now();
  readonly #warmUntil: number;
  readonly #until: number;
  #from = 0;
  #before = 0;

  /** @param timed How long to run */
  constructor(timed: { readonly seconds: number; readonly warm: number }) {
    this.#warmUntil = this.now + timed.warm * 1000;
    this.#until = this.#warmUntil + timed.seconds * 1000;
  }

  /**
   * Returns whether to go on.
   *
   * @param total What was done so far
   */
  running(total: number): boolean {
    this.now = performance.now();
    if (this.#from === 0 && this.now >= this.#warmUntil) {
      this.#from = this.now;
      this.#before = total;
    }
    return this.now < this.#until;
  }

  /**
   * Returns the outcome.
   *
   * @param total What was done
   * @param lost What did not come back
   * @throws {Error} If nothing was done
   */
  outcome(total: number, lost: number = 0): Outcome {
    const done = total - this.#before;
    if (done <= 0) throw new Error("Nothing was answered in the seconds that count");
    return { done, seconds: (this.now - this.#from) / 1000, total, lost, latencies: null };
  }
}
