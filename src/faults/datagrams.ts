/**
 * A socket to a flow's target that loses, doubles, changes, delays and reorders datagrams, both ways. Knows
 * no flow.
 *
 * @module
 */

import type { TargetOptions, TargetSocket } from "../io/mod.ts";
import { delayOf, type FaultDirection, type FaultPlan } from "./plan.ts";

/** Datagrams that wait at most. Further ones are lost. */
const MAX_WAITING = 1024;
/** Milliseconds by which a reordered datagram is late, in addition to the latency. */
const REORDER_MS = 10;

/** Opens the socket to the target. */
type Dial = (options: TargetOptions) => TargetSocket;

/**
 * Opens a socket to a target with faults.
 *
 * @param dial Opens the socket itself
 * @param options What to do with replies
 * @param plan The faults
 * @returns The socket
 * @throws {Error} if `dial` throws
 */
export function faultySocket(dial: Dial, options: TargetOptions, plan: FaultPlan): TargetSocket {
  const down = new DatagramLine(plan.down, options);
  down.deliver = options.onReply;
  const inner = dial({ ...options, onReply: (bytes) => down.pass(bytes) });
  const up = new DatagramLine(plan.up, options);
  up.deliver = (bytes) => inner.send(bytes);
  return {
    send: (bytes) => up.pass(bytes),
    close() {
      up.close();
      down.close();
      inner.close();
    },
  };
}

/** Sends a datagram on. Returns a promise if that takes time. */
type Deliver = (bytes: Uint8Array) => Promise<unknown> | undefined;

interface Waiting {
  readonly bytes: Uint8Array;
  readonly due: number;
}

/** One direction. Datagrams with the same delay leave in the order of their arrival. */
class DatagramLine {
  /** Receives the datagrams; may throw. */
  deliver: Deliver = () => undefined;
  readonly #direction: FaultDirection;
  readonly #onError: TargetOptions["onError"];
  /** In the order of leaving. */
  readonly #queue: Waiting[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Whether a datagram is being delivered; the next one has to wait for it. */
  #busy = false;
  #closed = false;
  /** When the previous datagram has passed, if the bandwidth is limited. */
  #free = 0;

  constructor(direction: FaultDirection, { onError }: Pick<TargetOptions, "onError">) {
    this.#direction = direction;
    this.#onError = onError;
  }

  /** Takes a datagram. Returns a promise if the bytes are needed until it settles; it may reject. */
  pass(bytes: Uint8Array): Promise<unknown> | undefined {
    const { config, random } = this.#direction;
    if (config.blackhole || random() < config.loss) return;
    let sent: Promise<unknown> | undefined;
    const copies = random() < config.duplicate ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      let own = bytes;
      if (random() < config.corrupt && bytes.length > 0) {
        own = bytes.slice();
        own[Math.floor(random() * own.length)]! ^= 1 << Math.floor(random() * 8);
      }
      sent = this.#later(own) ?? sent;
    }
    return sent;
  }

  #later(bytes: Uint8Array): Promise<unknown> | undefined {
    const { config, random } = this.#direction;
    const now = performance.now();
    const late = random() < config.reorder ? REORDER_MS + config.latency : 0;
    if (config.bandwidth !== undefined) {
      this.#free = Math.max(now, this.#free) + bytes.length / config.bandwidth * 1000;
    }
    const ms = Math.max(0, this.#free - now) + delayOf(this.#direction) + late;
    if (ms === 0 && !this.#busy && this.#queue.length === 0) return this.#now(bytes);
    if (this.#queue.length >= MAX_WAITING) return;
    this.#put({ bytes: bytes.slice(), due: now + ms });
    if (!this.#busy) this.#wait();
  }

  /** Delivers immediately. */
  #now(bytes: Uint8Array): Promise<unknown> | undefined {
    const sent = this.deliver(bytes);
    if (sent === undefined) return;
    this.#busy = true;
    const next = () => {
      this.#busy = false;
      this.#wait();
    };
    sent.then(next, next);
    return sent;
  }

  /** Inserts a datagram; those due at the same time leave in the order of their arrival. */
  #put(one: Waiting): void {
    let at = this.#queue.length;
    while (at > 0 && this.#queue[at - 1]!.due > one.due) at--;
    this.#queue.splice(at, 0, one);
  }

  /** Delivers what is due, and sets the timer for the next datagram. */
  #wait(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    while (!this.#busy && !this.#closed) {
      const first = this.#queue[0];
      if (first === undefined) return;
      const ms = first.due - performance.now();
      if (ms > 0) {
        this.#timer = setTimeout(() => this.#wait(), Math.ceil(ms));
        return;
      }
      this.#queue.shift();
      try {
        // A late datagram that cannot be sent counts as lost.
        this.#now(first.bytes)?.catch(() => {});
      } catch (error) {
        this.#onError(error);
      }
    }
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#queue.length = 0;
  }
}
