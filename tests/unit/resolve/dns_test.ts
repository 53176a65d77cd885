import { assert, assertEquals, assertLess, assertRejects, assertThrows } from "@std/assert";
import { ResolveError } from "../../../src/errors.ts";
import { type DnsRecord, type NameAddresses, Resolver } from "../../../src/resolve/dns.ts";

/** A question that a test answers when it likes. */
interface Question {
  readonly name: string;
  readonly family: 4 | 6;
  answer(records: readonly DnsRecord[]): void;
  fail(error?: Error): void;
}

class World {
  now = 0;
  readonly asked: Question[] = [];
  readonly resolver: Resolver;

  constructor(options: { readonly minTtl?: number; readonly timeout?: number } = {}) {
    this.resolver = new Resolver({
      minTtl: 30_000,
      maxTtl: 3_600_000,
      now: () => this.now,
      query: (name, family) =>
        new Promise((resolve, reject) =>
          this.asked.push({
            name,
            family,
            answer: resolve,
            fail: (error = new Error("SERVFAIL")) => reject(error),
          })
        ),
      ...options,
    });
  }

  /** Answers all that was asked, each family by its own records; without records it fails. */
  async answer(v4: readonly string[] | undefined, v6: readonly string[] = [], ttl = 60) {
    for (const question of this.asked.splice(0)) {
      const list = question.family === 4 ? v4 : v6;
      if (list === undefined) question.fail();
      else question.answer(list.map((address) => ({ address, ttl })));
    }
    await settled();
  }

  /** Lets all questions fail. */
  async fail() {
    for (const question of this.asked.splice(0)) question.fail();
    await settled();
  }

  /** Resolves with the addresses given. */
  async filled(
    v4: readonly string[],
    v6: readonly string[] = [],
    ttl = 60,
  ): Promise<NameAddresses> {
    const found = this.resolver.resolve("web.test");
    await this.answer(v4, v6, ttl);
    return found;
  }
}

/** Lets pending work run: promise jobs come before a message. */
function settled(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      port2.close();
      resolve();
    };
    port2.postMessage(0);
  });
}

Deno.test("resolve dns: asks for both families at once and alternates them", async () => {
  const world = new World();
  const found = world.resolver.resolve("web.test");
  assertEquals(world.asked.map(({ name, family }) => `${name} ${family}`), [
    "web.test 4",
    "web.test 6",
  ]);
  await world.answer(["192.0.2.2", "192.0.2.1"], ["2001:db8::1"]);
  assertEquals((await found).list, ["2001:db8::1", "192.0.2.1", "192.0.2.2"]);
});

Deno.test("resolve dns: has one pending query for all callers", async () => {
  const world = new World();
  const waiting = Array.from({ length: 10 }, () => world.resolver.resolve("web.test"));
  assertEquals(world.asked.length, 2);
  await world.answer(["192.0.2.1"]);
  for (const found of await Promise.all(waiting)) assertEquals(found.list, ["192.0.2.1"]);
  assertEquals([world.resolver.misses, world.resolver.hits], [10, 0]);
});

Deno.test("resolve dns: answers from the cache at once, without a promise", async () => {
  const world = new World();
  assertEquals(world.resolver.cached("web.test"), undefined);
  const first = await world.filled(["192.0.2.1"]);
  assertEquals(world.resolver.resolve("web.test"), first);
  assertEquals(world.resolver.cached("web.test"), first);
  assertEquals([world.resolver.hits, world.asked.length], [2, 0]);
});

for (
  const [ttl, kept] of [[0, 30_000], [29, 30_000], [60, 60_000], [86_400, 3_600_000]] as const
) {
  Deno.test(`resolve dns: keeps records of ${ttl} s for ${kept} ms`, async () => {
    const world = new World();
    world.now = 1_000;
    assertEquals((await world.filled(["192.0.2.1"], [], ttl)).expires, 1_000 + kept);
  });
}

Deno.test("resolve dns: keeps the addresses as long as the shortest record", async () => {
  const world = new World();
  const found = world.resolver.resolve("web.test");
  world.asked[0]!.answer([{ address: "192.0.2.1", ttl: 90 }, { address: "192.0.2.2", ttl: 70 }]);
  world.asked[1]!.answer([{ address: "2001:db8::1", ttl: 80 }]);
  assertEquals((await found).expires, 70_000);
});

Deno.test("resolve dns: gives just expired addresses while it asks in the background", async () => {
  const world = new World();
  const old = await world.filled(["192.0.2.1"]);
  world.now = 60_000;
  assertEquals(world.resolver.resolve("web.test"), old);
  assertEquals(world.resolver.resolve("web.test"), old);
  assertEquals([world.asked.length, world.resolver.stale], [2, 2]);
  await world.answer(["192.0.2.9"]);
  const found = world.resolver.resolve("web.test") as NameAddresses;
  assertEquals([found.list, found.expires], [["192.0.2.9"], 120_000]);
});

Deno.test("resolve dns: queries first if addresses have expired long ago", async () => {
  const world = new World();
  await world.filled(["192.0.2.1"]);
  world.now = 12 * 3_600_000;
  assertEquals(world.resolver.cached("web.test"), undefined);
  const found = world.resolver.resolve("web.test");
  assert(found instanceof Promise);
  await world.answer(["192.0.2.9"]);
  assertEquals((await found).list, ["192.0.2.9"]);
});

Deno.test("resolve dns: gives addresses that expired long ago if the query fails", async () => {
  const world = new World();
  const old = await world.filled(["192.0.2.1"]);
  world.now = 12 * 3_600_000;
  const found = world.resolver.resolve("web.test");
  await world.fail();
  assertEquals(await found, old);
  // The failure is remembered: no caller waits, and nothing is queried for 5 s.
  assertEquals(world.resolver.resolve("web.test"), old);
  world.now += 4_999;
  assertEquals(world.resolver.resolve("web.test"), old);
  assertEquals([world.asked.length, world.resolver.failures], [0, 1]);
  world.now += 1;
  assertEquals(world.resolver.resolve("web.test"), old);
  assertEquals(world.asked.length, 2);
  await world.answer(["192.0.2.9"]);
  assertEquals((world.resolver.resolve("web.test") as NameAddresses).list, ["192.0.2.9"]);
});

Deno.test("resolve dns: gives addresses that expired long ago if the query takes long", async () => {
  const world = new World({ timeout: 100 });
  const old = await world.filled(["192.0.2.1"]);
  world.now = 3_600_000;
  assertEquals(await world.resolver.resolve("web.test"), old);
  // The question is still under way.
  assertEquals(world.resolver.failures, 0);
  world.resolver.close();
});

Deno.test("resolve dns: gives no address that expired a day ago", async () => {
  const world = new World();
  await world.filled(["192.0.2.1"]);
  world.now = 60_000 + 86_400_000;
  const found = world.resolver.resolve("web.test");
  await world.fail();
  await assertRejects(async () => await found, ResolveError);
});

Deno.test("resolve dns: remembers a failure for 5 s", async () => {
  const world = new World();
  const found = world.resolver.resolve("web.test");
  await world.fail();
  const error = await assertRejects(
    async () => await found,
    ResolveError,
    'Cannot resolve "web.test": SERVFAIL',
  );
  assertEquals([error.code, error.context], ["dns_failed", { name: "web.test" }]);
  world.now = 4_999;
  assertThrows(() => world.resolver.resolve("web.test"), ResolveError, "SERVFAIL");
  assertEquals(world.asked.length, 0);
  world.now = 5_000;
  const again = world.resolver.resolve("web.test");
  await world.answer(["192.0.2.1"]);
  assertEquals((await again).list, ["192.0.2.1"]);
});

Deno.test("resolve dns: fails if neither family has a record", async () => {
  const world = new World();
  const found = world.resolver.resolve("web.test");
  await world.answer([]);
  await assertRejects(async () => await found, ResolveError, "it has no address");
});

for (
  const [works, v4, v6] of [["IPv4", ["192.0.2.1"], undefined], ["IPv6", undefined, [
    "::1",
  ]]] as const
) {
  Deno.test(`resolve dns: takes ${works} if the other family fails`, async () => {
    const world = new World();
    const found = world.resolver.resolve("web.test");
    for (const question of world.asked) {
      const list = question.family === 4 ? v4 : v6;
      if (list === undefined) question.fail();
      else question.answer(list.map((address) => ({ address, ttl: 60 })));
    }
    assertEquals((await found).list, v4 ?? v6);
    assertEquals(world.resolver.failures, 0);
  });
}

Deno.test("resolve dns: keeps a family without an answer, doubts one that is reported as gone", async () => {
  const world = new World();
  await world.filled(["10.0.0.1"], ["2001:db8::1"]);
  const refresh = async (error: Error) => {
    world.now += 3_600_000;
    const found = world.resolver.resolve("web.test");
    const [four, six] = world.asked.splice(0);
    four!.fail(error);
    six!.answer([{ address: "2001:db8::2", ttl: 3600 }]);
    const { list, expires } = await found;
    return [list, expires - world.now];
  };
  const silence = new Error("no answer within 5000 ms");
  assertEquals(await refresh(silence), [["2001:db8::2", "10.0.0.1"], 30_000]);
  const none = Object.assign(new Error("none"), { code: "ENOTFOUND" });
  assertEquals(await refresh(none), [["2001:db8::2"], 30_000]);
  assertEquals(await refresh(none), [["2001:db8::2"], 3_600_000]);
});

Deno.test("resolve dns: does not wait for a family that never answers", async () => {
  const world = new World({ timeout: 2_000 });
  const found = world.resolver.resolve("web.test");
  const started = performance.now();
  world.asked[0]!.answer([{ address: "192.0.2.1", ttl: 60 }]);
  assertEquals((await found).list, ["192.0.2.1"]);
  assertLess(performance.now() - started, 1_000);
  // Once it answers after all, its addresses count too.
  world.asked[1]!.answer([{ address: "2001:db8::1", ttl: 60 }]);
  await settled();
  assertEquals(world.resolver.cached("web.test")?.list, ["2001:db8::1", "192.0.2.1"]);
});

Deno.test("resolve dns: ends a query without an answer", async () => {
  const world = new World({ timeout: 20 });
  await assertRejects(
    async () => await world.resolver.resolve("web.test"),
    ResolveError,
    'Cannot resolve "web.test": no answer within 20 ms',
  );
});

Deno.test("resolve dns: asks the system's other sources if no name server knows", async () => {
  const resolver = new Resolver({
    minTtl: 30_000,
    maxTtl: 60_000,
    now: () => 0,
    query: () => Promise.reject(new Error("ENOTFOUND")),
    lookup: (name) =>
      name === "mdns.test" ? Promise.resolve(["192.0.2.1"]) : Promise.reject(new Error("NONAME")),
  });
  assertEquals(await resolver.resolve("mdns.test"), { list: ["192.0.2.1"], expires: 30_000 });
  await assertRejects(async () => await resolver.resolve("other.test"), ResolveError, "NONAME");
});

Deno.test("resolve dns: a query that throws is a failure like any other", async () => {
  const resolver = new Resolver({
    minTtl: 0,
    maxTtl: 0,
    now: () => 0,
    query: () => {
      throw new TypeError("broken");
    },
  });
  await assertRejects(async () => await resolver.resolve("web.test"), ResolveError, "broken");
});

Deno.test("resolve dns: holds 4,096 names at most and forgets the least refreshed", async () => {
  const resolver = new Resolver({
    minTtl: 1_000,
    maxTtl: 1_000,
    now: () => 0,
    query: (_name, family) =>
      Promise.resolve(family === 4 ? [{ address: "192.0.2.1", ttl: 1 }] : []),
  });
  for (let i = 0; i < 4_100; i++) await resolver.resolve(`h${i}.test`);
  assertEquals(resolver.size, 4_096);
  assertEquals(resolver.cached("h0.test"), undefined);
  assert(resolver.cached("h4099.test") !== undefined);
});

Deno.test("resolve dns: closing ends pending queries and takes no more", async () => {
  const world = new World();
  const found = world.resolver.resolve("web.test");
  world.resolver.close();
  await assertRejects(async () => await found, ResolveError, "the resolver is closed");
  assertThrows(() => world.resolver.resolve("web.test"), ResolveError, "the resolver is closed");
  assertEquals(world.resolver.size, 0);
});
