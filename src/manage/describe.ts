/**
 * Describes sessions and flows, for the access line and for `builtin:hello`.
 *
 * @module
 */

import type { HelloInfo } from "../builtin/hello.ts";
import type { LiveRecord } from "../observe/access/record.ts";
import { formatAddress } from "../wire/address.ts";
import type { Life } from "./life.ts";

/** Describes a session or flow with what is known so far. */
export function recordOf(life: Life): LiveRecord {
  const { source } = life;
  return {
    id: life.id,
    transport: life.kind === "session" ? "tcp" : "udp",
    listener: life.listener.name,
    source: formatAddress(source.host, source.port),
    detected: life.detected,
    route: life.route?.name,
    upstream: life.upstream?.name,
    target: life.target?.name,
    up: life.up,
    down: life.down,
    detectMs: life.detectMs,
    resolveMs: life.resolveMs,
    connectMs: life.connectMs,
    durationMs: performance.now() - life.started,
  };
}

/** Describes a session or flow for `builtin:hello`, which sends this to the client. */
export function helloInfo(life: Life): HelloInfo {
  const { id, transport, source, listener, detected, route, upstream } = recordOf(life);
  return {
    id,
    transport,
    protocol: detected?.protocol ?? "undetected",
    ...detected?.facts,
    source,
    listener,
    route: route ?? "",
    upstream: upstream ?? "",
  };
}
