/**
 * A flow's way to its target with faults in it: datagrams that are lost, doubled, changed, late or out
 * of order, both ways. Knows no flow.
 *
 * @module
 */

import type { TargetOptions, TargetSocket } from "../io/mod.ts";
import { delayOf, type FaultDirection, type FaultPlan } from "./plan.ts";

/** Datagrams that wait at the most; what comes on top is lost. */
const MAX_WAITING = 1024;
/** Milliseconds that a datagram which is out of order comes late, where there is no latency. */
const REORDER_MS = 10;

/** Opens the way to the target. */
type Dial = (options: TargetOptions) => TargetSocket;

/**
 * Opens a way to a target with faults in it.
 *
 * @param dial Opens the way itself
 * @param options What to do with answers
 * @param plan The faults
 * @returns The way
 * @throws {Error} what `dial` throws
 */
export function faultySocket(dial: Dial, options: TargetOptions, plan: FaultPlan): TargetSocket {
  const up = new FaultyWay(plan.up);
  const down = new FaultyWay(plan.down);
  const inner = dial({
    ...options,
    onReply: (bytes) => down.pass(bytes, (bytes) => settle(options.onReply(bytes))),
  });
  return {
    send: (bytes) =>
      up.pass(bytes, (bytes) => {
        try {
          settle(inner.send(bytes));
        } catch (error) {
          options.onError(error);
        }
      }),
    close() {
      up.close();
      down.close();
      inner.close();
    },
  };
}

/** A late datagram that cannot be sent is one more that is lost. */
function settle(sent: Promise<unknown> | undefined): void {
  sent?.catch(() => {});
}

/** One direction. */
class FaultyWay {
  readonly #direction: FaultDirection;
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  /** When the way is free again, where it is narrow. */
  #free = 0;

  constructor(direction: FaultDirection) {
    this.#direction = direction;
  }

  pass(bytes: Uint8Array, deliver: (bytes: Uint8Array) => void): undefined {
    const { config, random } = this.#direction;
    if (config.blackhole || random() < config.loss) return;
    const copies = random() < config.duplicate ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      const own = bytes.slice();
      if (random() < config.corrupt && own.length > 0) {
        own[Math.floor(random() * own.length)]! ^= 1 << Math.floor(random() * 8);
      }
      this.#later(own, deliver);
    }
  }

  #later(bytes: Uint8Array, deliver: (bytes: Uint8Array) => void): void {
    const { config, random } = this.#direction;
    const now = performance.now();
    const late = random() < config.reorder ? REORDER_MS + config.latency : 0;
    if (config.bandwidth !== undefined) {
      this.#free = Math.max(now, this.#free) + bytes.length / config.bandwidth * 1000;
    }
    const ms = Math.max(0, this.#free - now) + delayOf(this.#direction) + late;
    if (ms === 0) return deliver(bytes);
    if (this.#timers.size >= MAX_WAITING) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      deliver(bytes);
    }, ms);
    this.#timers.add(timer);
  }

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }
}
