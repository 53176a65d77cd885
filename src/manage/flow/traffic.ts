/**
 * Carries the datagrams of open flows both ways, and judges what an unsent datagram means for its flow.
 * Knows no route and no limit.
 *
 * @module
 */

import type { DatagramSocket, Io, IoFailure } from "../../io/mod.ts";
import type { CloseReason } from "../../observe/reasons.ts";
import { concatenate, NO_BYTES } from "../../wire/bytes.ts";
import { LONG_HEADER } from "../../wire/quic_packet.ts";
import type { Flow } from "./flow.ts";
import type { FlowData } from "./data.ts";
import type { FlowTable } from "./table.ts";

/** What carrying datagrams needs. */
export interface TrafficParts {
  readonly io: Io;
  readonly clock: { readonly now: number };
}

/** The datagrams of the flows of one socket. */
export class FlowTraffic {
  readonly #table: FlowTable<FlowData>;
  readonly #socket: DatagramSocket;
  readonly #parts: TrafficParts;

  /** @param socket Replies leave from it */
  constructor(table: FlowTable<FlowData>, socket: DatagramSocket, parts: TrafficParts) {
    this.#table = table;
    this.#socket = socket;
    this.#parts = parts;
  }

  /**
   * Sends what a flow holds, in order.
   *
   * @param by The flow whose socket is used; its own unless given
   * @returns A promise if that takes time; it never rejects
   */
  flush(flow: Flow<FlowData>, by: Flow<FlowData> = flow): Promise<void> | undefined {
    for (let held = this.#table.nextHeld(flow); held; held = this.#table.nextHeld(flow)) {
      const sent = this.send(by, held);
      if (sent !== undefined) return sent.then(() => this.flush(flow, by));
    }
  }

  /**
   * Sends a datagram to a flow's target.
   *
   * @param bytes The datagram, borrowed until the promise settles
   * @returns A promise if that takes time; it never rejects
   */
  send(flow: Flow<FlowData>, bytes: Uint8Array): Promise<void> | undefined {
    const { data } = flow;
    const { header } = data;
    // It leaves with the first datagram that can be sent.
    data.header = NO_BYTES;
    try {
      const sent = data.server?.send(header === NO_BYTES ? bytes : concatenate(header, bytes));
      return sent === undefined ? undefined : this.#settle(flow, sent, "target_reset", header);
    } catch (error) {
      data.header = header;
      this.failed(flow, "target_reset", error);
    }
  }

  /**
   * Sends a datagram from a flow's target to the client.
   *
   * @param bytes The datagram, borrowed until the promise settles
   * @returns A promise if that takes time; it never rejects
   */
  reply(flow: Flow<FlowData>, bytes: Uint8Array): Promise<void> | undefined {
    const { data } = flow;
    const { client } = data;
    if (client === undefined) return;
    data.markAnswered();
    // Only long headers show the ID that the target has chosen.
    if (data.ids !== undefined && bytes[0]! >= LONG_HEADER) data.ids.learn(bytes);
    if (data.watches.length > 0 && bytes[0]! >= LONG_HEADER) {
      data.watches = data.watches.filter((watch) => !watch.endsWith(bytes));
    }
    if (!this.#table.reply(flow, bytes.length, this.#parts.clock.now)) return;
    try {
      const sent = this.#socket.send(bytes, client);
      return sent === undefined ? undefined : this.#settle(flow, sent, "client_reset");
    } catch (error) {
      this.failed(flow, "client_reset", error);
    }
  }

  /**
   * Notes that a datagram could not be sent, and is lost. The kernel's tables may be full for a moment; if
   * that continues, `idle_timeout` ends the flow. A dead socket or a peer that refuses ends it at once.
   *
   * @param flow The datagram's flow
   * @param reason Why the flow ends, if it does
   * @param error What went wrong
   */
  failed(flow: Flow<FlowData>, reason: CloseReason, error: unknown): void {
    const failure = this.#parts.io.classify(error);
    const isEnd = isOver(failure) ||
      // Nothing has been sent yet: this target cannot be reached, but another may be.
      failure === "unreachable" && reason === "target_reset" && flow.upDatagrams === 1;
    if (isEnd) flow.data.end(reason, error);
    else flow.data.listener.counters.drops.send_failed++;
  }

  /** Notes an error that a flow's socket reports about datagrams that it has sent. */
  targetBroke(flow: Flow<FlowData>, error: unknown): void {
    const failure = this.#parts.io.classify(error);
    const passes = failure === "denied" || failure === "not_sent" ||
      flow.data.answered && (failure === "unreachable" || failure === "host_unreachable");
    if (passes) flow.data.listener.counters.drops.send_failed++;
    else flow.data.end("target_reset", error);
  }

  async #settle(
    flow: Flow<FlowData>,
    sent: Promise<unknown>,
    reason: CloseReason,
    header: Uint8Array = NO_BYTES,
  ): Promise<void> {
    try {
      await sent;
    } catch (error) {
      if (header !== NO_BYTES) flow.data.header = header;
      this.failed(flow, reason, error);
    }
  }
}

/** Reports whether a socket that failed like that can send nothing more to its peer. */
function isOver(failure: IoFailure): boolean {
  return failure === "refused" || failure === "reset" || failure === "closed";
}
