import { assert, assertEquals, assertLess, assertRejects } from "@std/assert";
import { ResolveError } from "../../../src/errors.ts";
import { type NameAddresses, Resolver } from "../../../src/resolve/dns.ts";
import { DnsServer } from "./_dns_server.ts";

function resolverOf(server: DnsServer, options: { now?: () => number; timeout?: number } = {}) {
  return new Resolver({
    minTtl: 1_000,
    maxTtl: 3_600_000,
    now: () => 0,
    servers: [server.address],
    ...options,
  });
}

Deno.test("resolve dns on the wire: gives A and AAAA with the records' time to live", async () => {
  await using server = new DnsServer();
  server.zones.set("web.test", { v4: ["192.0.2.1"], v6: ["2001:db8::1"], ttl: 300 });
  const found = await resolverOf(server).resolve("web.test");
  assertEquals(found, { list: ["2001:db8::1", "192.0.2.1"], expires: 300_000 });
});

Deno.test("resolve dns on the wire: takes a name that has one family only", async () => {
  await using server = new DnsServer();
  server.zones.set("old.test", { v4: ["192.0.2.1"] });
  server.zones.set("new.test", { v6: ["2001:db8::1"] });
  const resolver = resolverOf(server);
  assertEquals((await resolver.resolve("old.test")).list, ["192.0.2.1"]);
  assertEquals((await resolver.resolve("new.test")).list, ["2001:db8::1"]);
});

Deno.test("resolve dns on the wire: takes an answer of 40 addresses, over TCP", async () => {
  await using server = new DnsServer();
  const v4 = Array.from({ length: 40 }, (_, i) => `192.0.2.${i + 1}`);
  server.zones.set("many.test", { v4 });
  assertEquals((await resolverOf(server).resolve("many.test")).list, v4.toSorted());
  assertEquals(server.askedTcp, 1);
});

Deno.test("resolve dns on the wire: keeps old addresses through SERVFAIL, takes new ones after", async () => {
  await using server = new DnsServer();
  let now = 0;
  const resolver = resolverOf(server, { now: () => now });
  const resolved = async () => (await resolver.resolve("web.test")).list;
  server.zones.set("web.test", { v4: ["192.0.2.1"] });
  assertEquals(await resolved(), ["192.0.2.1"]);
  server.zones.set("web.test", { rcode: 2 });
  now = 3_600_000;
  assertEquals(await resolved(), ["192.0.2.1"]);
  assertEquals(resolver.failures, 1);
  server.zones.set("web.test", { v4: ["192.0.2.2"] });
  now = 7_200_000;
  assertEquals(await resolved(), ["192.0.2.2"]);
});

for (const [what, rcode] of [["NXDOMAIN", 3], ["SERVFAIL", 2], ["REFUSED", 5]] as const) {
  Deno.test(`resolve dns on the wire: ${what} is an error with a code`, async () => {
    await using server = new DnsServer();
    server.zones.set("web.test", { rcode });
    const error = await assertRejects(
      async () => await resolverOf(server).resolve("web.test"),
      ResolveError,
      'Cannot resolve "web.test": ',
    );
    assertEquals(error.code, "dns_failed");
  });
}

Deno.test("resolve dns on the wire: a silent name server costs its time and no more", async () => {
  await using server = new DnsServer();
  server.zones.set("web.test", { silent: true });
  const started = performance.now();
  const resolver = resolverOf(server, { timeout: 200 });
  await assertRejects(async () => await resolver.resolve("web.test"), ResolveError);
  assertLess(performance.now() - started, 1_000);
  // Two for each family: a lost datagram is made up for.
  assertEquals(server.asked, 4);
});

Deno.test("resolve dns on the wire: closing ends a pending query", async () => {
  await using server = new DnsServer();
  server.zones.set("web.test", { silent: true });
  const resolver = resolverOf(server);
  const found = resolver.resolve("web.test");
  resolver.close();
  await assertRejects(async () => await found, ResolveError, "the resolver is closed");
});

Deno.test("resolve dns on the wire: the system resolves localhost without any name server", async () => {
  const resolver = new Resolver({ minTtl: 1_000, maxTtl: 60_000, now: () => 0 });
  const found: NameAddresses = await resolver.resolve("localhost");
  assert(found.list.includes("127.0.0.1"));
});
