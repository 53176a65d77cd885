/**
 * The steps of a flow from its first datagram to its target: detection, route, name, socket. Knows nothing
 * about how flows begin and end.
 *
 * @module
 */

import type { DetectEnd } from "../../detect/ends.ts";
import type { Detected } from "../../detect/mod.ts";
import { ConnectError, DetectError, ResolveError } from "../../errors.ts";
import type { Endpoint, TargetOptions } from "../../io/mod.ts";
import type { CloseReason } from "../../observe/reasons.ts";
import type { Upstream } from "../../resolve/upstream.ts";
import { isWildcard, unmapHost } from "../../wire/address.ts";
import { TICK_MS } from "../clock.ts";
import { tryTargets } from "../dial.ts";
import { type DialParts, dialTarget } from "./dial.ts";
import type { Flow } from "./flow.ts";
import type { FlowData } from "./data.ts";
import type { FlowTable } from "./table.ts";
import type { FlowTraffic } from "./traffic.ts";
import { proxyHeader } from "../../opening/proxy.ts";
import { ConnectionIds, goingTo } from "./quic_lanes.ts";
import type { ListenerState } from "../listener_state.ts";
import { needsWatch, UNREADABLE } from "../unreadable.ts";

/** Idle time of a flow whose upstream sets none: 30 s. */
const IDLE_MS = 30_000;

/** What the steps need. */
export interface StepParts extends DialParts {
  readonly table: FlowTable<FlowData>;
  readonly traffic: FlowTraffic;
  /** The address of the listener's socket. */
  readonly local: Endpoint;
  /** Returns the present listener of new flows. */
  readonly listener: () => ListenerState;
}

/** The steps of the flows of one socket. */
export class FlowSteps {
  readonly #parts: StepParts;

  constructor(parts: StepParts) {
    this.#parts = parts;
  }

  /** Asks the detectors about a flow in state `detecting`. */
  detect(flow: Flow<FlowData>): void {
    const detected = flow.data.detection?.datagrams(flow.held);
    if (detected !== undefined) this.route(flow, detected);
  }

  /** Ends detection with what is certain, because no more datagrams come or may be held. */
  conclude(flow: Flow<FlowData>, end: DetectEnd): void {
    this.route(flow, flow.data.detection?.conclude(end));
  }

  /**
   * Chooses a flow's route, and opens a socket to its target.
   *
   * @param detected What was detected; unset if no route needs to know
   */
  route(flow: Flow<FlowData>, detected?: Detected): void {
    const { data } = flow;
    const watch = data.detection?.watch(flow.held);
    if (detected !== undefined) {
      data.detected = detected;
      data.detection = undefined;
      data.endDetection();
    }
    const { seen } = data;
    const route = data.findRoute(seen);
    if (route === "no_route") return data.end(route);
    if (route === "unreadable") {
      return data.end(route, new DetectError(UNREADABLE, { code: route }));
    }
    if (detected && watch && needsWatch(data.listener, detected, seen)) data.watches = [watch];
    const others = data.lanes?.flows.filter((one) => one !== flow);
    const twin = others && goingTo(route, others);
    if (twin?.data.server !== undefined) return this.#join(flow, twin);
    const upstream = data.listener.upstreams.get(route.upstream);
    if (upstream === undefined) return data.end("internal_error");
    data.upstream = upstream;
    this.#parts.table.resolving(flow, upstream.config.connect_timeout + TICK_MS);
    this.#open(flow, upstream).catch((error: unknown) => {
      if (error instanceof ConnectError || error instanceof ResolveError) {
        data.end(error.code as CloseReason, error);
      } else {
        data.end("internal_error", error);
      }
    });
  }

  /** Finds a target that takes datagrams, and sends the held ones. */
  async #open(flow: Flow<FlowData>, upstream: Upstream): Promise<void> {
    const { data } = flow;
    const on: TargetOptions = {
      onReply: (bytes) => this.#parts.traffic.reply(flow, bytes),
      onStranger: () => {
        data.listener.counters.drops.not_target++;
      },
      onError: (error) => this.#parts.traffic.targetBroke(flow, error),
    };
    const options = { upstream, parts: this.#parts, on };
    const dialed = tryTargets(data, upstream, (target) => dialTarget(data, target, options));
    // No await if there is nothing to wait for, so that the rest of a batch is forwarded without being held.
    const server = dialed instanceof Promise ? await dialed : dialed;
    const idleMs = (upstream.config.idle_timeout ?? IDLE_MS) + TICK_MS;
    if (!this.#parts.table.opened(flow, idleMs)) return server.close();
    data.server = server;
    data.connected();
    data.header = headerOf(flow, upstream, this.#parts.local);
    data.flushing = this.#parts.traffic.flush(flow);
    if (data.flushing !== undefined) await data.flushing;
    data.flushing = undefined;
    // A reload that came meanwhile has skipped this flow, which had no target.
    const now = this.#parts.listener();
    if (data.listener !== now && data.isGone(now)) this.#parts.table.expire(flow);
  }

  /** Gives the held datagrams of a flow to another flow of its client with the same route, and ends it. */
  #join(flow: Flow<FlowData>, twin: Flow<FlowData>): void {
    if (flow.data.ids !== undefined) (twin.data.ids ??= new ConnectionIds()).addAll(flow.data.ids);
    twin.data.watches = [...twin.data.watches, ...flow.data.watches];
    this.#parts.table.resolving(flow, 0);
    this.#parts.table.opened(flow, IDLE_MS);
    const sent = this.#parts.traffic.flush(flow, twin);
    if (sent === undefined) flow.data.end("joined");
    else sent.then(() => flow.data.end("joined"));
  }
}

/** Makes the PROXY header that goes before a flow's first datagram, if its upstream asks for one. */
function headerOf(flow: Flow<FlowData>, upstream: Upstream, local: Endpoint): Uint8Array {
  // The address that the client wrote to, if the socket knows it. A wildcard is no destination.
  const written = flow.data.client?.local;
  const host = written === undefined || written === "" ? local.host : written;
  return proxyHeader(upstream.config.send_proxy_protocol, {
    source: { host: unmapHost(flow.host), port: flow.port },
    destination: isWildcard(host) ? undefined : { host, port: local.port },
    transport: "udp",
  });
}
