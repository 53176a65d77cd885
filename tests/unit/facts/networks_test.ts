import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import ipaddr from "ipaddr.js";
import { AddressSet } from "../../../src/facts/networks.ts";

const CASES: readonly [string[], string, boolean][] = [
  [["10.0.0.0/8"], "10.255.0.1", true],
  [["10.0.0.0/8"], "11.0.0.1", false],
  [["10.9.8.7/8"], "10.0.0.1", true],
  [["192.0.2.7"], "192.0.2.7", true],
  [["192.0.2.7"], "192.0.2.8", false],
  [["192.0.2.0/25"], "192.0.2.127", true],
  [["192.0.2.0/25"], "192.0.2.128", false],
  [["10.0.0.0/8"], "::ffff:10.0.0.1", true],
  [["::ffff:10.0.0.0/104"], "10.1.2.3", true],
  [["0.0.0.0/0"], "203.0.113.9", true],
  [["0.0.0.0/0"], "2001:db8::1", false],
  [["::/0"], "2001:db8::1", true],
  [["::/0"], "203.0.113.9", false],
  [["2001:db8::/33"], "2001:db8:7fff::1", true],
  [["2001:db8::/33"], "2001:db8:8000::1", false],
  [["2001:db8::1"], "2001:DB8:0::1", true],
  [["fe80::/10"], "fe80::1%eth0", true],
  [["10.0.0.0/8", "::1"], "::1", true],
  [[], "10.0.0.1", false],
  [["0.0.0.0/0"], "example.com", false],
];

for (const [networks, source, expected] of CASES) {
  const verb = expected ? "holds" : "does not hold";
  Deno.test(`resolve cidr: [${networks}] ${verb} ${source}`, () => {
    assertEquals(new AddressSet(networks).has(source), expected);
  });
}

Deno.test("resolve cidr: refuses text that is no network", () => {
  for (const text of ["10.0.0.0/33", "::/129", "example.com", "10.0.0.0/"]) {
    assertThrows(() => new AddressSet([text]), Error);
  }
});

Deno.test("resolve cidr: agrees with ipaddr.js on IPv4 and IPv6", () => {
  const v4 = fc.tuple(fc.ipV4(), fc.nat(32), fc.ipV4());
  const v6 = fc.tuple(fc.ipV6(), fc.nat(128), fc.ipV6());
  fc.assert(
    fc.property(fc.oneof(v4, v6), fc.boolean(), ([network, bits, other], near) => {
      const base = ipaddr.parse(network);
      const bytes = ipaddr.parse(other).toByteArray();
      // Half of the sources share the network's first bits, or nearly all would be outside.
      if (near) base.toByteArray().slice(0, bits >> 3).forEach((byte, i) => bytes[i] = byte);
      const address = ipaddr.fromByteArray(bytes);
      const isMapped = (ip: typeof address) =>
        ip instanceof ipaddr.IPv6 && ip.isIPv4MappedAddress();
      fc.pre(!isMapped(base) && !isMapped(address));
      const expected = address.match(base, bits);
      assertEquals(new AddressSet([`${network}/${bits}`]).has(address.toString()), expected);
    }),
  );
});
