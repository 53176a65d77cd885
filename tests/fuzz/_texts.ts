/**
 * Fuzz targets that read text: addresses, authorities and configurations.
 *
 * @module
 */

import { fail } from "@std/assert";
import example from "../../config.example.yaml" with { type: "text" };
import { formatProblem, loadConfig } from "../../src/config/load.ts";
import type { Config } from "../../src/config/schema.ts";
import { PROTOCOLS } from "../../src/detect/mod.ts";
import { AddressSet } from "../../src/facts/networks.ts";
import { Router } from "../../src/resolve/router.ts";
import { Upstream } from "../../src/resolve/upstream.ts";
import {
  canonicalHost,
  formatTarget,
  isIpLiteral,
  parseSocketAddress,
  parseTargetAddress,
  unmapHost,
} from "../../src/wire/address.ts";
import { hostOf } from "../../src/wire/authority.ts";
import { isHostName } from "../../src/wire/host_name.ts";
import { latin1 } from "../../src/wire/reader.ts";
import { claimFacts } from "./_claims.ts";
import type { Target } from "./_target.ts";
import { kin, mutate, vary } from "./mutate.ts";

const EMPTY = new Uint8Array(0);
const decoder = new TextDecoder();
/** What a terminal would obey, the line feed included. */
const CONTROL = /\p{Cc}/u;

const ADDRESSES = kin([
  ...["127.0.0.1:443", "[::1]:0", "[fe80::1%eth0]:80", "web.internal:65535", "unix:/run/a.sock"],
  ...["builtin:hello", "*:1", "::ffff:192.0.2.1", "2001:DB8:0:0:0:0:2:0", "a.example.", "[v6]:1"],
], [":", "::", "[", "]", ".", "%", "unix:", "builtin:", "0", "65536", "-", "é", "\n", "ffff"]);

/** Addresses in every form: a parsed address can be written and parsed again. */
export const ADDRESS: Target = {
  name: "address",
  share: 50,
  make: (dice) => [vary(dice, ADDRESSES)],
  check([bytes = EMPTY]) {
    const text = latin1(bytes, 0, bytes.length);
    const target = parseTargetAddress(text);
    if (typeof target !== "string") {
      const again = formatTarget(target);
      const spelled = target.kind === "inet" ? text.replace(/:0+(?=[0-9]+$)/, ":") : text;
      if (again !== spelled) fail(`${text} is written ${again}`);
      if (JSON.stringify(parseTargetAddress(again)) !== JSON.stringify(target)) {
        fail(`Reads back otherwise: ${again}`);
      }
    }
    const address = parseSocketAddress(text);
    if (typeof address !== "string") {
      const { host, port } = address;
      if (!(isIpLiteral(host) || isHostName(host))) fail(`Host "${host}" is neither`);
      if (!(Number.isInteger(port) && port >= 0 && port <= 65_535)) fail(`Port ${port}`);
    }
    const canonical = canonicalHost(text);
    if (canonicalHost(canonical) !== canonical) fail(`Canonical twice: ${canonical}`);
    if (isIpLiteral(text) !== isIpLiteral(canonical)) fail(`No longer a literal: ${canonical}`);
    // A zone belongs to link-local addresses, which are never mapped.
    const plain = isIpLiteral(text) && !text.includes("%");
    if (plain && !isIpLiteral(unmapHost(canonical))) fail(`Unmapped: ${canonical}`);
  },
};

const AUTHORITIES = kin(
  ["a.example", "A.EXAMPLE.:80", "[2001:DB8::1]:443", "192.0.2.1:8080", "x_y~z:", "[::1]"],
  [":", "[", "]", ".", "..", "%41", "@", " ", "\0", "\x80", "::", "65535"],
);

/** Hosts of HTTP requests. */
export const AUTHORITY: Target = {
  name: "authority",
  share: 30,
  make: (dice) => [vary(dice, AUTHORITIES)],
  check([bytes = EMPTY]) {
    const host = hostOf(latin1(bytes, 0, bytes.length));
    if (host !== undefined) claimFacts("http", { version: "2", host });
  },
};

const SMALL = `listeners:
  edge:
    bind: ["127.0.0.1:0", "[::1]:8443"]
    proxy_protocol: { accept: optional, trusted: [10.0.0.0/8, "2001:db8::/32"] }
    routes:
      - match: { protocol: [tls, quic], sni: ["*.example.com", a.example], alpn: h2, ja4: t13d*, source: ::1/128 }
        upstream: &web web
      - upstream: *web
upstreams:
  web:
    targets: [10.0.0.5:443, { address: "[::1]:1", weight: 3, backup: true }, unix:/a, builtin:echo]
    balance: maglev
`;

const YAML = kin([SMALL, SMALL, SMALL, new TextEncoder().encode(example)], [
  ...[
    "- ",
    ": ",
    "\n",
    "  ",
    "\t",
    "[",
    "]",
    "{",
    "}",
    "&a ",
    "*a",
    "*web",
    "!!int ",
    "!x ",
    "|\n",
  ],
  ...[
    "? ",
    "---\n",
    "<<: *web",
    "null",
    "~",
    "1e999",
    "-1",
    "0x10",
    ".nan",
    "9".repeat(30),
    "__proto__",
  ],
  ...[
    "routes:",
    "match:",
    "bind:",
    "protocol: ",
    "upstream: ",
    '"',
    "'",
    "#",
    "%YAML 1.1\n",
    "é",
    "0s",
  ],
  ...[
    "*",
    "*.",
    "t13d1516h2_8daaf6152771_02713d6af862",
    "q1*",
    "::/0",
    "0.0.0.0/33",
    "64KiB",
    "1h",
    "yes",
    "constructor",
    "toString: 1\n",
  ],
]);

/** Configurations: an error or a configuration that all can be built from; a part more overrides. */
export const CONFIG: Target = {
  name: "config",
  share: 2,
  make: (dice) => {
    const text = mutate(dice.pick(YAML.seeds), dice, YAML);
    if (!dice.once(4)) return [text];
    const paths = ["listeners.edge.routes[0]", "upstreams.web", "log.level", "dns", "a[9].b", "["];
    const value = dice.pick(YAML.tokens);
    const path = new TextEncoder().encode(dice.pick(paths));
    return [text, mutate(Uint8Array.of(...path, 0x3d, ...value), dice, YAML)];
  },
  check([bytes = EMPTY, override]) {
    const text = decoder.decode(bytes);
    const set = override === undefined ? [] : [decoder.decode(override)];
    const { config, problems } = loadConfig(text, { file: "a.yaml", protocols: PROTOCOLS, set });
    const failed = problems.some(({ severity }) => severity === "error");
    if (failed === (config !== undefined)) fail(`Failed: ${failed}, and a config is ${!failed}`);
    const lines = text.split(/\r\n|\r|\n/).length;
    for (const problem of problems) {
      const { line = 1, column = 1, message } = problem;
      if (line < 1 || line > lines || column < 1) fail(`Line ${line} of ${lines}, ${column}`);
      if (message === "") fail(`No message at line ${line}`);
      // An override is cited as the user has just typed it.
      if (set.length === 0 && CONTROL.test(formatProblem(problem))) fail(formatProblem(problem));
    }
    if (config !== undefined) build(config);
  },
};

function build({ listeners, upstreams }: Config): void {
  for (const listener of Object.values(listeners)) {
    const router = new Router(listener, { protocols: PROTOCOLS });
    new AddressSet(listener.proxy_protocol.trusted);
    const route = router.match({ transport: "tcp", protocol: "tls", source: "192.0.2.1" });
    if (route !== undefined && !(route.upstream in upstreams)) {
      fail(`No upstream ${route.upstream}`);
    }
  }
  for (const [name, upstream] of Object.entries(upstreams)) {
    new Upstream(name, upstream).pick({ host: "192.0.2.1", port: 1 });
  }
}
