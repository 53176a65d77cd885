/**
 * The targets on UDP: they send datagrams back, and count them by token. Knows nothing of shunt.
 *
 * @module
 */

import { readDatagram } from "./datagram.ts";
import type { Sum } from "./tally.ts";

/** Milliseconds of silence after which a flow is reported. */
const SILENT_MS = 1000;

interface Counts {
  received: number;
  sent: number;
  last: number;
}

/** Called with a flow, or a part of it: UDP is counted, and its bytes are checked one by one. */
export type FlowReport = (token: string | undefined, received: Sum, sent: Sum) => void;

/** A UDP socket that sends datagrams back. */
export class FlowTarget {
  readonly port: number;
  readonly #socket: Deno.DatagramConn;
  readonly #flows = new Map<string, Counts>();
  readonly #report: FlowReport;

  /**
   * @param port The port; 0 is any
   * @param report Called with each flow once it is silent
   */
  constructor(port: number, report: FlowReport) {
    this.#socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port });
    this.port = (this.#socket.addr as Deno.NetAddr).port;
    this.#report = report;
    this.#answer();
    setInterval(() => this.#reportSilent(performance.now() - SILENT_MS), SILENT_MS / 2);
  }

  async #answer(): Promise<void> {
    for await (const [datagram, from] of this.#socket) {
      const read = readDatagram(datagram);
      // Wrong bytes are not counted, so that the sums differ.
      if (read === undefined) continue;
      const counts = this.#flows.get(read.token) ?? { received: 0, sent: 0, last: 0 };
      this.#flows.set(read.token, counts);
      counts.last = performance.now();
      counts.received += datagram.length;
      const count = await this.#socket.send(datagram, from).catch(() => 0);
      counts.sent += count;
    }
  }

  #reportSilent(before: number): void {
    for (const [token, { received, sent, last }] of this.#flows) {
      if (last >= before) continue;
      this.#flows.delete(token);
      this.#report(token, { bytes: received, hash: "" }, { bytes: sent, hash: "" });
    }
  }

  /** Reports all remaining flows. */
  reportAll(): void {
    this.#reportSilent(Infinity);
  }
}
