/**
 * What the steps of a flow's life leave behind, beside what the flow table keeps. Knows no step.
 *
 * @module
 */

import type { Detected, Detection, Watch } from "../../detect/mod.ts";
import type { DatagramAddress, Pin, TargetSocket } from "../../io/mod.ts";
import { NO_HEADER } from "../../opening/proxy.ts";
import type { Route } from "../../resolve/router.ts";
import type { Target, Upstream } from "../../resolve/upstream.ts";
import { Holder } from "../limits/budget.ts";
import type { Flow } from "./flow.ts";
import type { ConnectionIds, LaneData, QuicLanes } from "./quic_lanes.ts";
import type { ListenerState } from "../session/session.ts";

const NO_WATCHES: readonly Watch[] = [];

/** What the steps of a flow's life leave behind. */
export class FlowData extends Holder implements LaneData<FlowData> {
  /** Whose flow it is, as it was when the flow began. */
  readonly listener: ListenerState;
  client: DatagramAddress | undefined;
  detection: Detection | undefined;
  detected: Detected | undefined;
  /** What later datagrams are held against, one for each connection that its target may not have read yet. */
  watches: readonly Watch[] = NO_WATCHES;
  /** Datagrams that may have opened a connection since the target answered. */
  openings = 0;
  route: Route | undefined;
  upstream: Upstream | undefined;
  target: Target | undefined;
  /** What the first datagram that can be sent is to carry before it: a PROXY header. */
  header: Uint8Array = NO_HEADER;
  server: TargetSocket | undefined;
  /** Settles once what was held is sent; unset if nothing is being sent. */
  flushing: Promise<void> | undefined;
  /** The QUIC connection IDs by which its target is addressed; unset if routes do not depend on them. */
  ids: ConnectionIds | undefined;
  /** The flows of the same client address, if there are several. */
  lanes: QuicLanes<FlowData> | undefined;
  /** What keeps hearing the client after the listener's socket was handed over. */
  pin: Pin | undefined;
  detectMs: number | undefined;
  /** Milliseconds of {@linkcode connectMs} in which names were asked for; unset if none had to be. */
  resolveMs: number | undefined;
  connectMs: number | undefined;
  /** How much of what the flow has carried is in the counters. */
  countedUp = 0;
  countedDown = 0;
  /** Whether the target has answered. */
  answered = false;

  /** Set once it holds something. */
  flow: Flow<FlowData> | undefined;
  readonly #onShed: (flow: Flow<FlowData>) => void;

  /**
   * @param listener Whose flow it is
   * @param onShed Ends the flow, whose memory others need more
   */
  constructor(listener: ListenerState, onShed: (flow: Flow<FlowData>) => void) {
    super();
    this.listener = listener;
    this.#onShed = onShed;
  }

  /** Gives what it holds up to others, and ends. */
  override shed(): void {
    if (this.flow !== undefined) this.#onShed(this.flow);
  }
}

/**
 * Counts what went through a flow since the last time.
 *
 * @param flow The flow
 */
export function countBytes({ upBytes, downBytes, data }: Flow<FlowData>): void {
  const [up, down] = [upBytes - data.countedUp, downBytes - data.countedDown];
  if (up === 0 && down === 0) return;
  data.listener.counters.flows.carry(up, down);
  data.target?.totals.carry(up, down);
  data.countedUp = upBytes;
  data.countedDown = downBytes;
}
