/** Converting takes time in proportion to the file, whatever there is much of. */

import { convertConfig } from "../../../src/convert/mod.ts";
import { PROTOCOLS } from "../../../src/detect/mod.ts";
import { assertLinear } from "../config/_cost.ts";

function lines(n: number, line: (i: number) => string): string {
  return Array.from({ length: n }, (_, i) => line(i)).join("\n");
}

const PREREAD = "listen 443; ssl_preread on;";

const KINDS: Readonly<Record<string, (n: number) => string>> = {
  "servers of nginx with an upstream each": (n) =>
    lines(n, (i) =>
      `upstream u${i} { server 10.0.0.1:${i + 1}; }\n` +
      `server { listen ${10_000 + i}; proxy_pass u${i}; }`),
  "servers of nginx with one upstream": (n) =>
    `upstream u { server 10.0.0.1:1; }\n` +
    lines(n, (i) => `server { listen ${10_000 + i}; proxy_pass u; }`),
  "servers of nginx that are each other's target": (n) =>
    lines(
      n,
      (i) => `server { listen 127.0.0.1:${i + 1}; proxy_pass 127.0.0.1:${1 + (i + 1) % n}; }`,
    ),
  "servers of nginx on one port": (n) =>
    lines(n, (i) => `server { listen 443; proxy_pass 10.0.0.1:${i + 1}; }`),
  "servers of nginx with a map each": (n) =>
    lines(
      n,
      (i) =>
        `map $ssl_preread_server_name $b${i} { h${i}.test 10.0.0.1:1; default 10.0.0.2:1; }\n` +
        `server { listen ${10_000 + i}; ssl_preread on; proxy_pass $b${i}; }`,
    ),
  "entries of a map of nginx": (n) =>
    `map $ssl_preread_server_name $b {\n${
      lines(n, (i) => `h${i}.test 10.0.0.1:${i + 1};`)
    }\n}\nserver { ${PREREAD} proxy_pass $b; }`,
  "wildcards in a map of nginx": (n) =>
    `map $ssl_preread_server_name $b { hostnames;\n${
      lines(n, (i) => `*.h${i}.test 10.0.0.1:${i + 1};`)
    }\n}\nserver { ${PREREAD} proxy_pass $b; }`,
  "entries of a map of a map of nginx": (n) =>
    `map $ssl_preread_server_name $a {\n${lines(n, (i) => `h${i}.test k${i};`)}\n}\n` +
    `map $a $b {\n${lines(n, (i) => `k${i} 10.0.0.1:${i + 1};`)}\n}\n` +
    `server { ${PREREAD} proxy_pass $b; }`,
  "names that two maps of nginx share": (n) =>
    `map $ssl_preread_server_name $a {\n${lines(n, (i) => `h${i}.test $b;`)}\n}\n` +
    `map $ssl_preread_server_name $b {\n${lines(n, (i) => `h${i}.test 10.0.0.1:1;`)}\n}\n` +
    `server { ${PREREAD} proxy_pass $a; }`,
  "addresses that nginx listens on": (n) =>
    `server {\n${lines(n, (i) => `listen ${i + 1};`)}\nproxy_pass 10.0.0.1:1; }`,
  "directives of nginx without an equal": (n) =>
    `server { listen 80; proxy_pass 10.0.0.1:1;\n${lines(n, (i) => `foo${i} 1;`)}\n}`,
  "entries of sslh": (n) =>
    `protocols: (\n${
      lines(n, (i) =>
        `${i > 0 ? "," : ""}{ name: "tls"; host: "10.0.0.1"; port: "${i + 1}"; ` +
        `sni_hostnames: [ "h${i}.test" ]; }`)
    });\nlisten: ({ host: "0.0.0.0"; port: "443"; });`,
  "protocols of rpxy-l4": (n) =>
    `listen_port = 8448\n[protocols]\n${
      lines(n, (i) =>
        `[protocols."p${i}"]\nprotocol = "tls"\ntarget = ["10.0.0.1:${i + 1}"]\n` +
        `server_names = ["h${i}.test"]`)
    }\n`,
  "tables of rpxy-l4 without an equal": (n) =>
    `listen_port = 8448\ntcp_target = "10.0.0.1:1"\n${
      lines(n, (i) => `[[list.a]]\n[list.a.b${i}]\nc.d${i}.e = { f = [ 1 ] }`)
    }`,
  "targets of rpxy-l4 on one line": (n) =>
    `listen_port = 8448\ntcp_target = [${lines(n, (i) => `"10.0.0.1:${i + 1}",`)}]`,
};

for (const [name, write] of Object.entries(KINDS)) {
  Deno.test(`convert cost: twice as many ${name} take about twice as long`, () => {
    assertLinear(name.includes("servers") ? 500 : 1000, (n) => {
      const text = name.includes("nginx") ? `stream {\n${write(n)}\n}` : write(n);
      return () => void convertConfig(text, { file: "x", protocols: PROTOCOLS });
    });
  });
}
