import { networkInterfaces } from "node:os";
import { assertEquals } from "@std/assert";
import { OwnEndpoints } from "../../../../src/manage/flow/own_endpoints.ts";

function own(...bound: readonly (readonly [string, number])[]): OwnEndpoints {
  const endpoints = new OwnEndpoints(() => 0);
  endpoints.set(bound.map(([host, port]) => ({ host, port })));
  return endpoints;
}

const CASES: readonly (readonly [string, number, boolean])[] = [
  ["127.0.0.1", 53, true],
  ["::ffff:127.0.0.1", 53, true],
  ["127.0.0.2", 53, false],
  ["127.0.0.1", 54, false],
  ["2001:db8::1", 53, true],
  ["192.0.2.1", 443, false],
  ["127.0.0.1", 443, true],
  ["127.9.9.9", 443, true],
  ["::1", 443, true],
];
for (const [host, port, expected] of CASES) {
  Deno.test(`own endpoints: ${host} port ${port} is ${expected ? "" : "not "}one of them`, () => {
    const endpoints = own(["127.0.0.1", 53], ["2001:db8:0::1", 53], ["0.0.0.0", 443]);
    assertEquals(endpoints.has(host, port), expected);
  });
}

Deno.test("own endpoints: a wildcard bind has all addresses of this machine", () => {
  const endpoints = own(["::", 443]);
  for (const list of Object.values(networkInterfaces())) {
    for (const { address } of list ?? []) assertEquals(endpoints.has(address, 443), true);
  }
});

Deno.test("own endpoints: addresses that are no longer bound are forgotten", () => {
  const endpoints = own(["127.0.0.1", 53]);
  endpoints.set([{ host: "127.0.0.1", port: 54 }]);
  assertEquals([endpoints.has("127.0.0.1", 53), endpoints.has("127.0.0.1", 54)], [false, true]);
});
