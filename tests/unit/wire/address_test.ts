import { assertEquals } from "@std/assert";
import {
  canonicalHost,
  formatTarget,
  parseSocketAddress,
  parseTargetAddress,
  unmapHost,
} from "../../../src/wire/address.ts";

const ADDRESSES: readonly [string, ReturnType<typeof parseSocketAddress>][] = [
  ["127.0.0.1:443", { host: "127.0.0.1", port: 443 }],
  ["[2001:db8::1]:0", { host: "2001:db8::1", port: 0 }],
  ["web_1.internal:65535", { host: "web_1.internal", port: 65_535 }],
  ["127.0.0.1", 'port is missing, as in "127.0.0.1:443"'],
  ["[::1]", 'port is missing, as in "[::1]:443"'],
  ["::1:443", 'IPv6 addresses need brackets and a port, as in "[::1]:443"'],
  [":443", 'host is missing, as in "0.0.0.0:443"'],
  ["*:443", '"*" is not an address; use "0.0.0.0" or "[::]"'],
  ["a:65536", 'port "65536" is not a number from 0 to 65535'],
  ["a:x", 'port "x" is not a number from 0 to 65535'],
  ["[a]:1", '"a" is not an IPv6 address'],
  ["1.2.3:1", '"1.2.3" is neither an IP address nor a host name'],
  ["http://a.example:80", 'an address has no scheme; leave out "http://"'],
  ["/run/app.sock", 'a path needs "unix:" before it'],
];

for (const [input, expected] of ADDRESSES) {
  Deno.test(`address: parses ${input}`, () => assertEquals(parseSocketAddress(input), expected));
}

const TARGETS: readonly [string, string][] = [
  ["unix:", 'path is missing, as in "unix:/run/app.sock"'],
  ["builtin:helo", 'built-in target "helo" does not exist; there are hello, echo, discard, reset'],
  ["a.example:0", "port 0 cannot be connected to"],
];

for (const [input, expected] of TARGETS) {
  Deno.test(`target: refuses ${input}`, () => assertEquals(parseTargetAddress(input), expected));
}

Deno.test("target: reads back what it writes", () => {
  for (
    const target of ["unix:/run/a b.sock", "builtin:echo", "[::1]:80", "web:80", "10.0.0.1:80"]
  ) {
    const parsed = parseTargetAddress(target);
    assertEquals(typeof parsed === "string" ? parsed : formatTarget(parsed), target);
  }
});

Deno.test("hosts: are written as sockets write them", () => {
  assertEquals(canonicalHost("0:0:0:0:0:0:0:1"), "::1");
  assertEquals(canonicalHost("::ffff:192.0.2.1"), "192.0.2.1");
  assertEquals(canonicalHost("192.0.2.1"), "192.0.2.1");
  assertEquals(unmapHost("::ffff:192.0.2.1"), "192.0.2.1");
  assertEquals(unmapHost("2001:db8::1"), "2001:db8::1");
});
