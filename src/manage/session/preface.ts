/**
 * What a target hears before anything of the client's: a PROXY header, where its upstream asks for one.
 * Knows no socket.
 *
 * @module
 */

import type { Endpoint } from "../../io/mod.ts";
import type { Upstream } from "../../resolve/upstream.ts";
import { isWildcard, unmapHost } from "../../wire/address.ts";
import { encodeProxyHeader } from "../../wire/proxy_protocol.ts";
import type { Flow } from "../flow/flow.ts";
import { type FlowData, NOTHING } from "../flow/data.ts";
import type { Session } from "./session.ts";

/**
 * Makes what a session's target hears first.
 *
 * @param session The session, with its upstream
 * @returns The bytes; none if the upstream asks for no header
 */
export function sessionPreface({ upstream, source, destination, client }: Session): Uint8Array {
  const version = upstream?.config.send_proxy_protocol ?? "off";
  if (version === "off") return NOTHING;
  return encodeProxyHeader(version, {
    source,
    destination: destination ?? client.local,
    transport: "tcp",
  });
}

/**
 * Makes what goes before a flow's first datagram.
 *
 * @param flow The flow
 * @param upstream Its upstream
 * @param local What the listener's socket is bound to
 * @returns The bytes; none if the upstream asks for no header, or for v1, which knows no UDP
 */
export function flowPreface(
  flow: Flow<FlowData>,
  upstream: Upstream,
  local: Endpoint,
): Uint8Array {
  if (upstream.config.send_proxy_protocol !== "v2") return NOTHING;
  // The address written to, if a wildcard socket knows it. What it is bound to is nobody's address.
  const written = flow.data.client?.local;
  const host = written === undefined || written === "" ? local.host : written;
  return encodeProxyHeader("v2", {
    source: { host: unmapHost(flow.host), port: flow.port },
    destination: isWildcard(host) ? undefined : { host, port: local.port },
    transport: "udp",
  });
}
