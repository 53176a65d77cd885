/**
 * The QUIC connections of one client address that go to different targets. Each has a flow of its own, and
 * connection IDs show the flow of a datagram. Knows no socket, route or key.
 *
 * @module
 */

import type { Route } from "../../resolve/router.ts";
import { readLongHeader } from "../../wire/quic_ids.ts";
import { LONG_HEADER } from "../../wire/quic_packet.ts";
import type { Flow } from "./flow.ts";

/** Flows that one client address may have at once. */
export const LANES = 4;
/** Connections that one flow watches at most. */
const MOST_WATCHES = 8;
/** Connection IDs that are remembered per flow; the oldest is forgotten first. */
const MOST_IDS = 8;

/** What lanes read and write in a flow's data. */
export interface LaneData<D extends LaneData<D>> {
  readonly route: Route | undefined;
  readonly ids: ConnectionIds | undefined;
  /** One for each connection whose hello is remembered. */
  readonly watches: readonly unknown[];
  /** Its client's lanes, if there are several. */
  lanes: QuicLanes<D> | undefined;
}

/** The connection IDs with which clients address one flow's target. */
export class ConnectionIds {
  readonly #ids: Uint8Array[] = [];
  #next = 0;

  /** Returns IDs with the one of a flow's first datagram; `undefined` unless that has a long header. */
  static of(first: Uint8Array | undefined): ConnectionIds | undefined {
    const header = first && readLongHeader(first);
    if (header === undefined) return undefined;
    const ids = new ConnectionIds();
    ids.add(header.dcid);
    return ids;
  }

  /** Remembers a copy of an ID. */
  add(id: Uint8Array): void {
    if (this.has(id)) return;
    this.#ids[this.#next] = new Uint8Array(id);
    this.#next = (this.#next + 1) % MOST_IDS;
  }

  /** Adds the IDs of another flow. */
  addAll(others: ConnectionIds): void {
    for (const id of others.#ids) this.add(id);
  }

  /** Learns the ID that a target has chosen, from a reply with an unencrypted header. */
  learn(reply: Uint8Array): void {
    const header = readLongHeader(reply);
    if (header?.version !== undefined) this.add(header.scid);
  }

  /** Reports whether an ID is known. */
  has(id: Uint8Array): boolean {
    return this.#ids.some((known) => known.length === id.length && isAt(known, id, 0));
  }

  /** Reports whether a packet has a known ID. Its header is short, so it does not show how long its ID is. */
  takesShort(datagram: Uint8Array): boolean {
    return this.#ids.some((known) => known.length > 0 && isAt(known, datagram, 1));
  }
}

function isAt(id: Uint8Array, bytes: Uint8Array, at: number): boolean {
  if (at + id.length > bytes.length) return false;
  for (let i = 0; i < id.length; i++) if (id[i] !== bytes[at + i]) return false;
  return true;
}

/**
 * Finds a flow that has the same route, continues, and can watch one more connection. The flows' routes may be
 * of an earlier configuration.
 */
export function goingTo<D extends LaneData<D>>(
  { index, upstream }: Route,
  flows: readonly Flow<D>[],
): Flow<D> | undefined {
  return flows.find(({ stale, data: { route, watches } }) =>
    !stale && route?.index === index && route.upstream === upstream &&
    watches.length < MOST_WATCHES
  );
}

/** The flows of one client address. */
export class QuicLanes<D extends LaneData<D>> {
  readonly key: string;
  readonly #flows: (Flow<D> | undefined)[] = new Array(LANES).fill(undefined);

  /** @param key The key of the address */
  constructor(key: string) {
    this.key = key;
  }

  /** The flows, in the order of their lanes. */
  get flows(): Flow<D>[] {
    return this.#flows.filter((flow) => flow !== undefined);
  }

  /**
   * Finds a lane for one more connection.
   *
   * @returns A free lane; if there is none, the lane of the flow that has been silent longest, which has to end
   */
  next(): { readonly lane: number; readonly flow: Flow<D> | undefined } {
    let lane = 0;
    for (let i = 0; i < LANES; i++) {
      const flow = this.#flows[i];
      if (flow === undefined) return { lane: i, flow };
      if (flow.lastSeen < this.#flows[lane]!.lastSeen) lane = i;
    }
    return { lane, flow: this.#flows[lane] };
  }

  /** Adds a flow. */
  put(flow: Flow<D>): void {
    this.#flows[flow.slot % LANES] = flow;
    flow.data.lanes = this;
  }

  /** Removes a flow that has ended, and reports whether none is left. */
  drop(flow: Flow<D>): boolean {
    const lane = flow.slot % LANES;
    if (this.#flows[lane] === flow) this.#flows[lane] = undefined;
    return this.#flows.every((one) => one === undefined);
  }

  /**
   * Finds the flows that take a datagram that begins no connection.
   *
   * @returns One flow if its connection ID is known, or if it has a long header. Otherwise the ID was agreed on
   * under encryption, and only the target knows it: all flows that have a target; the wrong targets ignore it
   */
  takers(datagram: Uint8Array): Flow<D>[] {
    const { flows } = this;
    const first = flows.slice(0, 1);
    if (datagram.length === 0) return first;
    if (datagram[0]! >= LONG_HEADER) {
      const header = readLongHeader(datagram);
      const taker = header && flows.find(({ data }) => data.ids?.has(header.dcid));
      return taker === undefined ? first : [taker];
    }
    const taker = flows.find(({ data }) => data.ids?.takesShort(datagram));
    if (taker !== undefined) return [taker];
    const open = flows.filter(({ state }) => state !== "detecting");
    return open.length > 0 ? open : first;
  }
}
