/**
 * Client addresses whose QUIC connections go to different targets: finds the flow of each datagram. Knows no
 * socket.
 *
 * @module
 */

import type { DatagramAddress } from "../../io/mod.ts";
import type { ListenerState } from "../listener_state.ts";
import type { Flow } from "./flow.ts";
import type { FlowData } from "./data.ts";
import type { FlowTable } from "./table.ts";
import { judgeInitial } from "./quic_initial.ts";
import { LANES, QuicLanes } from "./quic_lanes.ts";

/** A client's address, as a socket shows it. */
type ClientAddress = Pick<DatagramAddress, "hostname" | "port">;

/** The clients of one socket. Each client has {@linkcode LANES} slots of the flow table. */
export class QuicClients {
  readonly #table: FlowTable<FlowData>;
  /** The clients that have had more than one flow. */
  readonly #lanes = new Map<string, QuicLanes<FlowData>>();

  constructor(table: FlowTable<FlowData>) {
    this.#table = table;
  }

  /** Whether every client has one flow, so that no look-up is needed. */
  get isEmpty(): boolean {
    return this.#lanes.size === 0;
  }

  /**
   * Finds the flows that take a datagram that begins no connection.
   *
   * @param slot The first slot of its client
   * @returns Their slots, at least one
   */
  takers(slot: number, datagram: Uint8Array, from: ClientAddress): readonly number[] {
    const lanes = this.#lanes.get(keyOf(slot, from));
    return lanes === undefined ? [slot] : lanes.takers(datagram).map((flow) => flow.slot);
  }

  /**
   * Finds the flows that take a datagram that may begin a QUIC connection. It may have another target than its
   * client's other connections.
   *
   * @param slot The first slot of its client
   * @param listener The listener of a new flow
   * @returns Their slots; none if the datagram has to be dropped
   */
  place(
    slot: number,
    datagram: Uint8Array,
    from: ClientAddress,
    listener: ListenerState,
  ): readonly number[] {
    const lanes = this.#lanes.get(keyOf(slot, from));
    const first = this.#table.find(slot, from.hostname, from.port);
    const flows = lanes?.flows ?? (first === undefined ? [] : [first]);
    if (flows.length === 0) return [slot];
    const fate = judgeInitial(datagram, flows, listener);
    switch (fate.kind) {
      case "pass":
        return this.takers(slot, datagram, from);
      case "take":
        return [fate.flow.slot];
      case "begin":
        return [slot + this.#free(slot, from)];
      case "drop":
        return [];
    }
  }

  /** Frees a lane for one more flow of a client. */
  #free(slot: number, from: ClientAddress): number {
    const key = keyOf(slot, from);
    const lanes = this.#lanes.get(key) ?? new QuicLanes<FlowData>(key);
    const first = this.#table.find(slot, from.hostname, from.port);
    if (first !== undefined) lanes.put(first);
    const { lane, flow } = lanes.next();
    flow?.data.end("displaced");
    if (lanes.flows.length > 0) this.#lanes.set(key, lanes);
    return lane;
  }

  /** Notes that a flow has begun. */
  began(flow: Flow<FlowData>): void {
    const lane = flow.slot % LANES;
    if (lane === 0 && this.isEmpty) return;
    const key = keyOf(flow.slot - lane, { hostname: flow.host, port: flow.port });
    const known = this.#lanes.get(key);
    // The client's other flows may have ended to make room for this one.
    const lanes = known ?? (lane === 0 ? undefined : new QuicLanes<FlowData>(key));
    if (lanes === undefined) return;
    this.#lanes.set(key, lanes);
    lanes.put(flow);
  }

  /** Notes that a flow has ended. */
  ended(flow: Flow<FlowData>): void {
    const { lanes } = flow.data;
    if (lanes?.drop(flow) === true) this.#lanes.delete(lanes.key);
  }
}

function keyOf(slot: number, { hostname, port }: ClientAddress): string {
  return `${slot} ${hostname} ${port}`;
}
