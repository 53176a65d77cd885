/**
 * sslh's configuration for the bench: one port; every job is recognised by its first bytes.
 *
 * @module
 */

import { SERVER_NAMES } from "./load/messages.ts";
import type { Setting } from "./participant.ts";

/**
 * Writes the configuration.
 *
 * @param port Where to listen
 * @param setting Where to relay to
 * @returns The text
 */
export function sslhConfig(port: number, { backend }: Setting): string {
  const target = (name: string, to: number, more = "") =>
    `  { name: "${name}"; host: "127.0.0.1"; port: "${to}"; ${more}log_level: 0; }`;
  const tls = backend.tls.map((to, index) => {
    const names = SERVER_NAMES.filter(({ backend }) => backend === index)
      .map(({ name }) => `"${name}"`);
    return target("tls", to, `sni_hostnames: [ ${names.join(", ")} ]; `);
  });
  const protocols = [...tls, target("http", backend.requests), target("anyprot", backend.bulk)];
  return `verbose: false;
foreground: true;
inetd: false;
numeric: true;
transparent: false;
timeout: 3;
listen: ( { host: "127.0.0.1"; port: "${port}"; } );
protocols: (
${protocols.join(",\n")}
);
`;
}
