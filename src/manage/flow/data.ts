/**
 * What the steps of a flow's life leave behind, beside what the flow table keeps. Knows no step.
 *
 * @module
 */

import type { Detection, Watch } from "../../detect/mod.ts";
import type { DatagramAddress, Endpoint, Pin, TargetSocket } from "../../io/mod.ts";
import type { CloseReason } from "../../observe/metrics/counters.ts";
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

/** What the steps of a flow's life leave behind. */
export class FlowData extends Life implements Holder, LaneData<FlowData> {
  readonly flow: Flow<FlowData>;
  client: DatagramAddress | undefined;
  detection: Detection | undefined;
  /** What later datagrams are checked against, one per connection that its target may not have read yet. */
  watches: readonly Watch[] = NO_WATCHES;
  /** Datagrams that may have opened a connection since the target answered. */
  openings = 0;
  /** What the first datagram that can be sent is to carry before it: a PROXY header. */
  header: Uint8Array = NO_BYTES;
  server: TargetSocket | undefined;
  /** Settles once what was held is sent; unset if nothing is being sent. */
  flushing: Promise<void> | undefined;
  /** The QUIC connection IDs by which its target is addressed; unset if routes do not depend on them. */
  ids: ConnectionIds | undefined;
  /** The flows of the same client address, if there are several. */
  lanes: QuicLanes<FlowData> | undefined;
  /** What keeps hearing the client after the listener's socket was handed over. */
  pin: Pin | undefined;
  held = 0;
  shelf = -1;
  earlier: Holder | undefined;
  later: Holder | undefined;
  readonly #end: EndFlow;

  /**
   * @param flow The flow
   * @param listener Where it came in
   * @param end Ends it
   */
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

  /**
   * Reports whether a reload has taken its target away.
   *
   * @param now Its listener, as it is now
   * @returns Whether its target is no longer one of its upstream's
   */
  isGone(now: ListenerState): boolean {
    const { upstream, target } = this;
    if (upstream === undefined || target === undefined) return false;
    return !now.upstreams.get(upstream.name)?.targets.some(({ name }) => name === target.name);
  }

  /**
   * Ends the flow. Later calls do nothing.
   *
   * @param reason Why it ends
   * @param error What caused it, for the log
   */
  end(reason: CloseReason, error?: unknown): void {
    this.#end(this.flow, reason, error);
  }

  shed(): void {
    this.end("detect_memory");
  }
}
