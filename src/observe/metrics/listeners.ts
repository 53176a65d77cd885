/**
 * The metrics of listeners. Knows their names, not how they are written.
 *
 * @module
 */

import { DETECT_ENDS } from "../../detect/ends.ts";
import { COUNTED_PROTOCOLS, type LifeCounters } from "./life_counters.ts";
import type { ListenerMeasures, Measures } from "./measures.ts";
import { type AddSample, type Metric, metric } from "./metric.ts";
import { CLOSE_REASONS, DROP_REASONS } from "../reasons.ts";

function each(
  report: (listener: ListenerMeasures, add: AddSample) => void,
): (measures: Measures, add: AddSample) => void {
  return ({ listeners }, add) => {
    for (const listener of listeners) report(listener, add);
  };
}

/** Collects samples for the sessions of listeners with TCP, and for the flows of those with UDP. */
function lives(
  report: (
    add: AddSample,
    life: LifeCounters,
    names: readonly [listener: string, transport: string],
    listener: ListenerMeasures,
  ) => void,
): (measures: Measures, add: AddSample) => void {
  return each((listener, add) => {
    const { name, counters, transports } = listener;
    for (const transport of transports) {
      const life = transport === "tcp" ? counters.sessions : counters.flows;
      report(add, life, [name, transport], listener);
    }
  });
}

function only(
  transport: "tcp" | "udp",
  report: (listener: ListenerMeasures, add: AddSample) => void,
): (measures: Measures, add: AddSample) => void {
  return each((listener, add) => {
    if (listener.transports.includes(transport)) report(listener, add);
  });
}

/** Metrics by listener. */
export const LISTENER_METRICS: readonly Metric[] = [
  metric("counter", "shunt_sessions_total{listener}", {
    help: "TCP sessions started, including refused ones",
    collect: only("tcp", ({ name, counters }, add) => add(counters.sessions.total, name)),
  }),
  metric("gauge", "shunt_sessions_active{listener}", {
    help: "TCP sessions now",
    collect: only("tcp", ({ name, counters }, add) => add(counters.sessions.active, name)),
  }),
  metric("gauge", "shunt_sessions_limit{listener}", {
    help: "Most TCP sessions at once: limits.sessions",
    collect: only("tcp", ({ name, limits }, add) => {
      if (limits !== undefined) add(limits.sessions, name);
    }),
  }),
  metric("counter", "shunt_flows_total{listener}", {
    help: "UDP flows started",
    collect: only("udp", ({ name, counters }, add) => add(counters.flows.total, name)),
  }),
  metric("gauge", "shunt_flows_active{listener}", {
    help: "UDP flows now",
    collect: only("udp", ({ name, counters }, add) => add(counters.flows.active, name)),
  }),
  metric("gauge", "shunt_flows_limit{listener}", {
    help: "Most UDP flows at once: limits.flows",
    collect: only("udp", ({ name, limits }, add) => {
      if (limits !== undefined) add(limits.flows, name);
    }),
  }),
  metric("counter", "shunt_bytes_total{listener,transport,direction}", {
    help: "Payload bytes, up (to targets) and down (to clients); bytes of running sessions and " +
      "flows are counted within a second",
    collect: lives((add, { bytesUp, bytesDown }, names) => {
      add(bytesUp, ...names, "up");
      add(bytesDown, ...names, "down");
    }),
  }),
  metric("counter", "shunt_closes_total{listener,transport,reason}", {
    help: "Sessions and flows ended, by close reason",
    collect: lives((add, { closes }, names) =>
      CLOSE_REASONS.forEach((reason, i) => add(closes[i]!, ...names, reason))
    ),
  }),
  metric("counter", "shunt_drops_total{listener,reason}", {
    help: "UDP datagrams dropped, by drop reason",
    collect: only("udp", ({ name, counters: { drops } }, add) => {
      for (const reason of DROP_REASONS) add(drops[reason], name, reason);
    }),
  }),
  metric("counter", "shunt_accept_errors_total{listener}", {
    help: "Failures to accept a connection, such as too many open files",
    collect: only("tcp", ({ name, counters }, add) => add(counters.acceptErrors, name)),
  }),
  metric("counter", "shunt_detected_total{listener,transport,protocol}", {
    help: "Sessions and flows by protocol; unknown: no detector knew the bytes, silent: no bytes " +
      "came, none: no route needed any",
    collect: lives((add, { detected }, names) =>
      COUNTED_PROTOCOLS.forEach((protocol, i) => add(detected[i]!, ...names, protocol))
    ),
  }),
  metric("counter", "shunt_detect_ends_total{listener,transport,cause}", {
    help: "Detections that ended before everything in the first bytes was read, by cause",
    collect: lives((add, { detectEnds }, names) =>
      DETECT_ENDS.forEach((cause, i) => add(detectEnds[i]!, ...names, cause))
    ),
  }),
  metric("counter", "shunt_route_matches_total{listener,transport,route,upstream}", {
    help: "Sessions and flows by the route they took; starts again from 0 if a reload changes " +
      "the listener's routes",
    collect: lives((add, { matches }, names, { routes }) =>
      routes.forEach((upstream, i) => add(matches[i]!, ...names, `routes[${i}]`, upstream))
    ),
  }),
  metric("histogram", "shunt_detect_seconds{listener,transport}", {
    help: "Time to detect the protocol, if a route asks for it",
    collect: lives((add, { detectSeconds }, names) => add(detectSeconds, ...names)),
  }),
  metric("histogram", "shunt_session_seconds{listener}", {
    help: "Duration of TCP sessions that have ended, without refused ones",
    collect: only("tcp", ({ name, counters }, add) => add(counters.sessions.seconds, name)),
  }),
  metric("histogram", "shunt_flow_seconds{listener}", {
    help: "Duration of UDP flows that have ended",
    collect: only("udp", ({ name, counters }, add) => add(counters.flows.seconds, name)),
  }),
];
