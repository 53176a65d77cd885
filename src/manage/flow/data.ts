/**
 * What the steps of a flow's life store, besides what the flow table keeps. Knows no step.
 *
 * @module
 */

import type { Detection, Watch } from "../../detect/mod.ts";
import type { DatagramAddress, Endpoint, Pin, TargetSocket } from "../../io/mod.ts";
import type { CloseReason } from "../../observe/reasons.ts";
import type { LifeKind } from "../../resolve/upstream.ts";
import { unmapHost } from "../../wire/address.ts";
import { NO_BYTES } from "../../wire/bytes.ts";
import { Life } from "../life.ts";
import type { Holder } from "../limits/budget.ts";
import type { ListenerState } from "../listener_state.ts";
import type { Flow } from "./flow.ts";
import type { ConnectionIds, LaneData, QuicLanes } from "./quic_lanes.ts";

/** Ends a flow. */
export type EndFlow = (flow: Flow<FlowData>, reason: CloseReason, error?: unknown) => void;

const NO_WATCHES: readonly Watch[] = [];

/** What the steps of a flow's life store. */
export class FlowData extends Life implements Holder, LaneData<FlowData> {
  readonly flow: Flow<FlowData>;
  client: DatagramAddress | undefined;
  detection: Detection | undefined;
  /** Check later datagrams: one watch per connection that its target may not have read yet. */
  watches: readonly Watch[] = NO_WATCHES;
  /** Datagrams that may have opened a connection since the target answered. */
  openings = 0;
  /** The PROXY header to put before the first datagram that can be sent. */
  header: Uint8Array = NO_BYTES;
  server: TargetSocket | undefined;
  /** Settles once the held datagrams are sent; unset if none is being sent. */
  flushing: Promise<void> | undefined;
  /** The QUIC connection IDs that address its target; unset if routes do not depend on datagrams. */
  ids: ConnectionIds | undefined;
  /** The flows of the same client address, if there are several. */
  lanes: QuicLanes<FlowData> | undefined;
  /** Keeps receiving from the client after the listener's socket was handed over. */
  pin: Pin | undefined;
  held = 0;
  shelf = -1;
  earlier: Holder | undefined;
  later: Holder | undefined;
  readonly #end: EndFlow;

  constructor(flow: Flow<FlowData>, listener: ListenerState, end: EndFlow) {
    super(listener);
    this.flow = flow;
    this.#end = end;
  }

  get kind(): LifeKind {
    return "flow";
  }

  get id(): string {
    return this.flow.id;
  }

  get source(): Endpoint {
    return { host: unmapHost(this.flow.host), port: this.flow.port };
  }

  get up(): number {
    return this.flow.upBytes;
  }

  get down(): number {
    return this.flow.downBytes;
  }

  get ended(): boolean {
    return this.flow.state === "closed";
  }

  get admitted(): boolean {
    return true;
  }

  get chargedTo(): string {
    return unmapHost(this.flow.host);
  }

  /** Reports whether its target is no longer in its upstream, by the present state of its listener. */
  isGone(now: ListenerState): boolean {
    const { upstream, target } = this;
    if (upstream === undefined || target === undefined) return false;
    return !now.upstreams.get(upstream.name)?.targets.some(({ name }) => name === target.name);
  }

  /** Ends the flow. Later calls do nothing. */
  end(reason: CloseReason, error?: unknown): void {
    this.#end(this.flow, reason, error);
  }

  shed(): void {
    this.end("detect_memory");
  }
}
