/**
 * HAProxy's configuration for the bench.
 *
 * @module
 */

import { SERVER_NAMES } from "./load/messages.ts";
import type { Ports, Setting } from "./participant.ts";

/**
 * Writes the configuration.
 *
 * @param ports Where to listen
 * @param setting Where to relay to, with how many threads
 * @param logs Whether to log each session
 * @returns The text
 */
export function haproxyConfig(
  ports: Required<Omit<Ports, "udp">>,
  { backend, workers, descriptors }: Setting,
  logs: boolean,
): string {
  // Two descriptors per session and half of one for the pipes that splice; HAProxy refuses to start
  // if they and its own do not fit.
  const sessions = Math.min(20_000, Math.floor((descriptors - 500) / 2.5));
  const names = SERVER_NAMES.filter(({ backend }) => backend === 0).map(({ name }) => name);
  return `global
  maxconn ${sessions}
  nbthread ${workers}
${logs ? "  log stdout format raw local0" : ""}
defaults
  mode tcp
  maxconn ${sessions}
  backlog 4096
  option splice-auto
  timeout connect 5s
  timeout client 1h
  timeout server 1h
${logs ? "  log global\n  option tcplog" : ""}
frontend requests
  bind 127.0.0.1:${ports.requests}
  default_backend requests
frontend bulk
  bind 127.0.0.1:${ports.bulk}
  default_backend bulk
frontend tls
  bind 127.0.0.1:${ports.tls}
  tcp-request inspect-delay 3s
  tcp-request content accept if { req.ssl_hello_type 1 }
  use_backend tls0 if { req.ssl_sni -i ${names.join(" ")} }
  default_backend tls1
backend requests
  server target 127.0.0.1:${backend.requests}
backend bulk
  server target 127.0.0.1:${backend.bulk}
backend tls0
  server target 127.0.0.1:${backend.tls[0]}
backend tls1
  server target 127.0.0.1:${backend.tls[1]}
`;
}
