import { assertEquals, assertGreater, assertLess } from "@std/assert";
import type { Balance } from "../../../src/config/schema.ts";
import type { Target, Upstream } from "../../../src/resolve/upstream.ts";
import { client, hosts, seeded, type Short, upstream } from "./_upstream.ts";

const ALL: readonly Balance[] = [
  "first",
  "random",
  "round_robin",
  "least_sessions",
  "source_ip",
  "source_socket",
  "maglev",
];
const HASHING: readonly Balance[] = ["source_ip", "source_socket", "maglev"];

function names(web: Upstream, count: number): string[] {
  return Array.from({ length: count }, (_, i) => web.pick(client(i))?.name ?? "none");
}

function shares(web: Upstream, count: number): number[] {
  const picked = names(web, count);
  return web.targets.map(({ name }) => picked.filter((one) => one === name).length / count);
}

function moved(before: Upstream, after: Upstream, count: number): number {
  const now = names(after, count);
  return names(before, count).filter((name, i) => name !== now[i]).length / count;
}

for (const balance of ALL) {
  Deno.test(`resolve balancer ${balance}: tries every target once and then gives none`, () => {
    const web = upstream(balance, hosts(5), { random: seeded(1) });
    const tried: Target[] = [];
    for (let i = 0; i < 5; i++) tried.push(web.pick(client(7), tried)!);
    assertEquals(new Set(tried).size, 5);
    assertEquals(web.pick(client(7), tried), undefined);
  });

  Deno.test(`resolve balancer ${balance}: gives the last usable target, wherever it is`, () => {
    for (let left = 0; left < 4; left++) {
      const web = upstream(balance, hosts(4), { random: seeded(left) });
      web.targets.forEach((target, i) => target.standing.set("drain", i !== left));
      for (let i = 0; i < 20; i++) assertEquals(web.pick(client(i)), web.targets[left]);
    }
  });
}

Deno.test("resolve balancer first: gives the first in the file's order", () => {
  const web = upstream("first", hosts(3));
  assertEquals(names(web, 3), ["10.0.0.1:80", "10.0.0.1:80", "10.0.0.1:80"]);
  assertEquals(web.pick(client(1), [web.targets[0]!]), web.targets[1]);
});

Deno.test("resolve balancer round_robin: spreads weights smoothly", () => {
  const web = upstream("round_robin", [["a:1", { weight: 5 }], "b:1", "c:1"]);
  const letters = names(web, 14).map((name) => name[0]).join("");
  assertEquals(letters, "aabacaaaabacaa");
});

Deno.test("resolve balancer round_robin: stays even when a target comes back", () => {
  const web = upstream("round_robin", hosts(3));
  web.targets[0]!.standing.set("drain", true);
  names(web, 1000);
  web.targets[0]!.standing.set("drain", false);
  assertEquals(shares(web, 3), [1 / 3, 1 / 3, 1 / 3]);
});

Deno.test("resolve balancer least_sessions: fills by weight and goes round on ties", () => {
  const web = upstream("least_sessions", ["a:1", "b:1", ["c:1", { weight: 2 }]]);
  for (let i = 0; i < 400; i++) web.pick(client(i))!.sessions.add(1);
  assertEquals(web.targets.map(({ sessions }) => sessions.total), [100, 100, 200]);
  const even = upstream("least_sessions", hosts(4));
  assertEquals(shares(even, 400), [0.25, 0.25, 0.25, 0.25]);
  even.targets[1]!.flows.add(1);
  even.targets[2]!.sessions.add(1);
  assertEquals(shares(even, 400), [0.5, 0, 0, 0.5]);
});

const WEIGHTED: readonly Short[] = ["a:1", ["b:1", { weight: 2 }], ["c:1", { weight: 5 }]];

for (const balance of ["random", ...HASHING] as const) {
  Deno.test(`resolve balancer ${balance}: gives each target its weight's share`, () => {
    const found = shares(upstream(balance, WEIGHTED, { random: seeded(42) }), 20_000);
    found.forEach((share, i) => {
      assertLess(Math.abs(share - [1 / 8, 2 / 8, 5 / 8][i]!), 0.015);
    });
  });
}

for (const balance of HASHING) {
  Deno.test(`resolve balancer ${balance}: gives a client the same target every time`, () => {
    const web = upstream(balance, hosts(7));
    assertEquals(names(web, 500), names(web, 500));
  });

  Deno.test(`resolve balancer ${balance}: does not depend on the order of the targets`, () => {
    const targets: Short[] = [...hosts(6), ["10.0.0.99:80", { weight: 3 }]];
    assertEquals(
      moved(upstream(balance, targets), upstream(balance, targets.toReversed()), 2000),
      0,
    );
  });

  for (const count of [2, 3, 10, 50]) {
    Deno.test(`resolve balancer ${balance}: one of ${count} targets takes 1/${count} with it`, () => {
      const all = upstream(balance, hosts(count));
      const removed = moved(all, upstream(balance, hosts(count).slice(1)), 5000);
      assertLess(removed, 2 / count);
      // Exactly its own clients have to move.
      assertGreater(removed, 0.7 / count);
      const added = moved(all, upstream(balance, hosts(count + 1)), 5000);
      assertLess(added, 2 / count);
      assertGreater(added, 0.7 / (count + 1));
    });
  }

  Deno.test(`resolve balancer ${balance}: a target that drains moves its own clients only`, () => {
    const web = upstream(balance, hosts(5));
    const before = names(web, 2000);
    const drained = web.targets[2]!;
    drained.standing.set("drain", true);
    const after = names(web, 2000);
    before.forEach((name, i) => {
      if (name !== drained.name) assertEquals(after[i], name);
    });
    // Its clients spread over all that are left.
    const heirs = new Set(after.filter((_, i) => before[i] === drained.name));
    assertEquals(heirs.size, 4);
    drained.standing.set("drain", false);
    assertEquals(names(web, 2000), before);
  });
}

Deno.test("resolve balancer: hashing policies are the same in every process", () => {
  // Computed apart from this code; a change here moves every client of every installation.
  const letters = (balance: Balance) =>
    names(upstream(balance, ["a:1", "b:1", "c:1", "d:1"]), 24).map((name) => name[0]).join("");
  assertEquals(letters("source_ip"), "ddbcaadddbbddaaddcdddbac");
  assertEquals(letters("source_socket"), "cddcaaccccacdccdbadadaca");
  assertEquals(letters("maglev"), "ccaabdbcbcdacbccdacccaba");
});

Deno.test("resolve balancer: source_ip and maglev ignore the port, source_socket does not", () => {
  const spread = (balance: Balance) => {
    const web = upstream(balance, hosts(8));
    const of = (port: number) => web.pick({ host: "2001:db8::1", port })?.name;
    return new Set(Array.from({ length: 200 }, (_, port) => of(port))).size;
  };
  assertEquals([spread("source_ip"), spread("maglev"), spread("source_socket")], [1, 1, 8]);
});
