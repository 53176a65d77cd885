/**
 * The flow tables of one thread, which make room for each other: all share the descriptors, and all sockets of
 * a listener share its limits. Knows no socket.
 *
 * @module
 */

import type { CloseReason } from "../../observe/reasons.ts";
import type { Flow } from "./flow.ts";
import type { FlowData } from "./data.ts";
import { Rate } from "../limits/rate.ts";

/** The flows of one socket, as others that need room use them. */
export interface Crowded {
  /** The socket's listener. */
  readonly listener: { readonly name: string };
  /** The flow that has waited longest for a first answer to its only datagram, if any does. */
  readonly oldestUnanswered: Flow<FlowData> | undefined;
  /** The flow that has been quiet longest after answers to its only datagram, if any is. */
  readonly oldestQuiet: Flow<FlowData> | undefined;
  /** Ends one of its flows. */
  end(flow: Flow<FlowData>, reason: CloseReason): void;
}

/**
 * Flows per second that may be ended to make room. Ending one costs 50 to 100 µs, refusing a new one 2 µs:
 * without a limit, a flood would take the time that proven flows need.
 */
const DISPLACED_PER_SECOND = 8000;

/**
 * Milliseconds that an answer may take before its flow has to make room, as long as quiet flows can do so
 * instead. If targets answer everything, only the newest flows wait for an answer.
 */
const GRACE_MS = 500;

/** The flows of all sockets of one thread. */
export class Crowd {
  readonly #all = new Set<Crowded>();
  readonly #clock: { readonly now: number };
  readonly #rate: Rate;

  /** @param clock The coarse time in milliseconds */
  constructor(clock: { readonly now: number }) {
    this.#clock = clock;
    this.#rate = new Rate(DISPLACED_PER_SECOND, clock);
  }

  /** Adds the flows of a socket. */
  add(one: Crowded): void {
    this.#all.add(one);
  }

  /** Removes the flows of a socket that is closed. */
  delete(one: Crowded): void {
    this.#all.delete(one);
  }

  /**
   * Ends a flow of one datagram: the one that has waited longest for a first answer, or, if that has waited
   * for less than half a second, the one that has been quiet longest after an answer. Takes one look per
   * socket, whatever the number of flows.
   *
   * @param listener The name of the listener whose flows may be ended; any listener unless given
   * @returns Whether it ended one; `false` as well if many have just ended
   */
  displace(listener?: string): boolean {
    const waiting = this.#oldest("oldestUnanswered", "started", listener);
    const isLate = waiting !== undefined && this.#clock.now - waiting.flow.started >= GRACE_MS;
    const chosen = isLate ? waiting : this.#oldest("oldestQuiet", "lastSeen", listener) ?? waiting;
    if (chosen === undefined || !this.#rate.take()) return false;
    chosen.owner.end(chosen.flow, "displaced");
    return true;
  }

  #oldest(
    which: "oldestUnanswered" | "oldestQuiet",
    by: "started" | "lastSeen",
    listener: string | undefined,
  ): { readonly owner: Crowded; readonly flow: Flow<FlowData> } | undefined {
    let owner: Crowded | undefined;
    let oldest: Flow<FlowData> | undefined;
    for (const one of this.#all) {
      if (listener !== undefined && one.listener.name !== listener) continue;
      const flow = one[which];
      if (flow === undefined || (oldest !== undefined && oldest[by] <= flow[by])) continue;
      owner = one;
      oldest = flow;
    }
    return owner && oldest && { owner, flow: oldest };
  }
}
