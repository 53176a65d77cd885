/** Records of made-up sessions, for tests of access lines and spans. */

import type { AccessRecord } from "../../../src/observe/access/record.ts";

/**
 * Makes the record of a session.
 *
 * @param changes What is different about it
 */
export function recordOf(changes: Partial<AccessRecord> = {}): AccessRecord {
  return {
    id: "01A",
    transport: "tcp",
    listener: "edge",
    source: "192.0.2.1:1",
    detected: { protocol: "tls", facts: { sni: "a.example", alpn: ["h2", "http/1.1"] } },
    route: "routes[0]",
    upstream: "web",
    target: "10.0.0.5:443",
    up: 517,
    down: 2331,
    detectMs: 0.41234,
    connectMs: 1,
    durationMs: 12.5,
    reason: "done",
    error: undefined,
    ...changes,
  };
}
