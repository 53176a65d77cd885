/**
 * What sessions and flows say of themselves: to the access line and to `builtin:hello`.
 *
 * @module
 */

import type { HelloInfo } from "../builtin/hello.ts";
import type { LiveRecord } from "../observe/access/record.ts";
import { formatAddress, unmapHost } from "../wire/address.ts";
import type { Flow } from "./flow/flow.ts";
import type { FlowData } from "./flow/data.ts";
import type { Session } from "./session/session.ts";

/**
 * Describes a session.
 *
 * @param session The session
 * @returns What is known of it so far
 */
export function sessionRecord(session: Session): LiveRecord {
  return {
    id: session.id,
    transport: "tcp",
    listener: session.listener.name,
    source: formatAddress(session.source.host, session.source.port),
    detected: session.detected,
    route: session.route?.name,
    upstream: session.upstream?.name,
    target: session.target?.name,
    up: session.up,
    down: session.down,
    detectMs: session.detectMs,
    resolveMs: session.resolveMs,
    connectMs: session.connectMs,
    durationMs: performance.now() - session.started,
  };
}

/**
 * Describes a flow.
 *
 * @param flow The flow
 * @returns What is known of it so far
 */
export function flowRecord(flow: Flow<FlowData>): LiveRecord {
  const { data } = flow;
  return {
    id: flow.id,
    transport: "udp",
    listener: data.listener.name,
    source: formatAddress(unmapHost(flow.host), flow.port),
    detected: data.detected,
    route: data.route?.name,
    upstream: data.upstream?.name,
    target: data.target?.name,
    up: flow.upBytes,
    down: flow.downBytes,
    detectMs: data.detectMs,
    resolveMs: data.resolveMs,
    connectMs: data.connectMs,
    durationMs: performance.now() - data.started,
  };
}

/**
 * Describes a session to `builtin:hello`.
 *
 * @param session The session
 * @returns What hello tells its client
 */
export function sessionInfo(session: Session): HelloInfo {
  return {
    id: session.id,
    transport: "tcp",
    protocol: session.detected?.protocol ?? "undetected",
    ...session.detected?.facts,
    source: formatAddress(session.source.host, session.source.port),
    listener: session.listener.name,
    route: session.route?.name ?? "",
    upstream: session.upstream?.name ?? "",
  };
}

/**
 * Describes a flow to `builtin:hello`.
 *
 * @param flow The flow
 * @returns What hello tells its client
 */
export function flowInfo(flow: Flow<FlowData>): HelloInfo {
  const { data } = flow;
  return {
    id: flow.id,
    transport: "udp",
    protocol: data.detected?.protocol ?? "undetected",
    ...data.detected?.facts,
    source: formatAddress(unmapHost(flow.host), flow.port),
    listener: data.listener.name,
    route: data.route?.name ?? "",
    upstream: data.upstream?.name ?? "",
  };
}
