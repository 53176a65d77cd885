/**
 * A timer that a poll can wait for, finer than epoll's milliseconds. Knows `timerfd` only.
 *
 * @module
 */

import { libc, must } from "./libc.ts";

const CLOCK_MONOTONIC = 1;
const TFD_NONBLOCK = 0o4000;
/** A wake costs about 5 µs, so a higher rate is sent in small bursts. */
const SHORTEST = 0.2;

/** Becomes readable at regular intervals. */
export class Ticker {
  /** The descriptor. */
  readonly fd: number = must("create a timer", libc.timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
  readonly #count = new Uint8Array(8);

  /** @param ms Time between ticks; at least 0.2 ms is kept */
  constructor(ms: number) {
    const ns = BigInt(Math.round(Math.max(ms, SHORTEST) * 1e6));
    const spec = BigInt64Array.of(ns / 1_000_000_000n, ns % 1_000_000_000n, 0n, ns);
    spec[2] = spec[0]!;
    spec[3] = spec[1]!;
    must("set a timer", libc.timerfd_settime(this.fd, 0, new Uint8Array(spec.buffer), null));
  }

  /** Acknowledges a tick. */
  clear(): void {
    libc.read(this.fd, this.#count, 8);
  }

  /** Closes the descriptor. */
  close(): void {
    libc.close(this.fd);
  }
}
