/**
 * shunt's configuration for the bench.
 *
 * @module
 */

import { SERVER_NAMES } from "./load/messages.ts";
import type { Ports, Setting } from "./participant.ts";

/**
 * Writes the configuration.
 *
 * @param ports Where to listen
 * @param setting Where to relay to, with how many workers
 * @param logs Whether to log each session
 * @returns YAML
 */
export function shuntConfig(
  ports: Required<Ports>,
  { backend, workers }: Setting,
  logs: boolean,
): string {
  const listener = (port: number, transport: string, routes: string) =>
    `{ bind: "127.0.0.1:${port}", transports: [${transport}], limits: { per_source: 0 }, routes: [${routes}] }`;
  const upstream = (port: number) => `{ targets: ["127.0.0.1:${port}"] }`;
  const tlsRoute = (index: number) => {
    const names = SERVER_NAMES.filter(({ backend }) => backend === index).map(({ name }) => name);
    return `{ match: { protocol: tls, sni: [${names.join(", ")}] }, upstream: tls${index} }`;
  };
  return `listeners:
  requests: ${listener(ports.requests, "tcp", "{ upstream: requests }")}
  bulk: ${listener(ports.bulk, "tcp", "{ upstream: bulk }")}
  tls: ${listener(ports.tls, "tcp", `${tlsRoute(0)}, ${tlsRoute(1)}`)}
  udp: ${listener(ports.udp, "udp", "{ upstream: udp }")}
upstreams:
  requests: ${upstream(backend.requests)}
  bulk: ${upstream(backend.bulk)}
  tls0: ${upstream(backend.tls[0])}
  tls1: ${upstream(backend.tls[1])}
  udp: ${upstream(backend.udp)}
workers: ${workers}
admin: null
log: { access: ${logs}, access_rate: 0/s }
`;
}
