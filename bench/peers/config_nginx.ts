/**
 * nginx's configuration for the bench: its stream module.
 *
 * @module
 */

import { SERVER_NAMES } from "./load/messages.ts";
import type { Ports, Setting } from "./participant.ts";

/** Where Debian puts the module, if it is not built in. */
const MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so";

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/**
 * Writes the configuration.
 *
 * @param ports Where to listen
 * @param setting Where to relay to, with how many worker processes
 * @param logs Whether to log each session
 * @returns The text
 */
export function nginxConfig(
  ports: Required<Ports>,
  { backend, workers, descriptors, folder }: Setting,
  logs: boolean,
): string {
  const server = (port: number, rest: string) =>
    `  server { listen 127.0.0.1:${port} reuseport backlog=4096; ${rest} }`;
  const target = (port: number) => `proxy_pass 127.0.0.1:${port};`;
  const names = SERVER_NAMES.map(({ name, backend }) => `${name} tls${backend};`).join(" ");
  // Workers that root starts would give up its rights, and with them the bench's folder.
  const user = Deno.uid() === 0 ? "user root;" : "";
  return `${exists(MODULE) ? `load_module ${MODULE};` : ""}
${user}
daemon off;
worker_processes ${workers};
worker_rlimit_nofile ${descriptors};
pid ${folder}/nginx.pid;
error_log stderr error;
events { worker_connections ${descriptors - 100}; }
stream {
  log_format sessions '$remote_addr:$remote_port [$time_iso8601] $protocol $status $bytes_sent '
    '$bytes_received $session_time "$upstream_addr" $upstream_connect_time';
  access_log ${logs ? `${folder}/access.log sessions` : "off"};
  proxy_buffer_size 64k;
  proxy_timeout 1h;
  map $ssl_preread_server_name $tls_upstream { ${names} default tls1; }
  upstream tls0 { server 127.0.0.1:${backend.tls[0]}; }
  upstream tls1 { server 127.0.0.1:${backend.tls[1]}; }
${server(ports.requests, target(backend.requests))}
${server(ports.bulk, target(backend.bulk))}
${server(ports.tls, "ssl_preread on; proxy_pass $tls_upstream;")}
  server { listen 127.0.0.1:${ports.udp} udp reuseport; proxy_timeout 30s; ${target(backend.udp)} }
}
`;
}
