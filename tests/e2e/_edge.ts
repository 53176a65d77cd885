/**
 * The configuration that the tests with real clients share: every protocol that shunt knows on one
 * port, each to its own target.
 *
 * @module
 */

/** The upstreams of {@linkcode edge}. */
const UPSTREAMS = [
  "tls-acme",
  "tls-one",
  "tls-two",
  "web-one",
  "web-two",
  "socks",
  "bastion",
  "quic-one",
  "quic-two",
  "tunnel",
  "mail",
  "names",
] as const;

/** One of the upstreams of {@linkcode edge}. */
export type EdgeUpstream = typeof UPSTREAMS[number];

const ROUTES = `
      - match: { protocol: tls, sni: one.example, alpn: acme-tls/1 }
        upstream: tls-acme
      - match: { protocol: tls, sni: one.example }
        upstream: tls-one
      - match: { protocol: tls, sni: ["*.two.example", two.example] }
        upstream: tls-two
      - match: { protocol: http, host: one.example }
        upstream: web-one
      - match: { protocol: http, host: "*.two.example" }
        upstream: web-two
      - match: { protocol: [socks5, socks4] }
        upstream: socks
      - match: { protocol: ssh, source: 127.0.0.0/8 }
        upstream: bastion
      - match: { protocol: quic, sni: one.example }
        upstream: quic-one
      - match: { protocol: quic, sni: two.example }
        upstream: quic-two
      - match: { protocol: wireguard }
        upstream: tunnel
      - match: { protocol: silent }
        upstream: mail
      - upstream: names`;

/**
 * Writes the configuration of a single port for everything.
 *
 * @param targets The port on loopback of each upstream's target; the others discard their bytes
 * @returns The configuration's text
 */
export function edge(targets: Readonly<Partial<Record<EdgeUpstream, number>>>): string {
  const upstreams = UPSTREAMS.map((name) => {
    const port = targets[name];
    const target = port === undefined ? "builtin:discard" : `127.0.0.1:${port}`;
    return `  ${name}: { targets: ["${target}"] }`;
  });
  return `
listeners:
  edge:
    bind: 127.0.0.1:0
    detect: { timeout: 1s }
    routes:${ROUTES}
upstreams:
${upstreams.join("\n")}
# Flows live on for 30 s, which no test waits for.
drain_timeout: 100ms
`;
}
