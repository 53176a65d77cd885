import { assert, assertEquals } from "@std/assert";
import { client, hosts, upstream } from "./_upstream.ts";

Deno.test("resolve upstream: finds its targets by the configuration's spelling", () => {
  const web = upstream("first", ["web.internal:443", "[2001:db8::1]:80", "unix:/run/a.sock"]);
  const known = web.targets.map(({ name, isLiteral }) => [name, isLiteral]);
  assertEquals(known, [
    ["web.internal:443", false],
    ["[2001:db8::1]:80", true],
    ["unix:/run/a.sock", false],
  ]);
});

Deno.test("resolve upstream: passes over a target at limits.sessions_per_target", () => {
  const web = upstream("first", hosts(2), { sessionsPerTarget: 2 });
  const [a, b] = web.targets;
  a!.sessions.add(1);
  assertEquals(web.pick(client(1)), a);
  a!.sessions.add(1);
  assertEquals(web.pick(client(1)), b);
  b!.sessions.add(2);
  assertEquals(web.pick(client(1)), undefined);
  a!.sessions.add(-1);
  assertEquals(web.pick(client(1)), a);
});

Deno.test("resolve upstream: has no limit if sessions_per_target is 0", () => {
  const web = upstream("first", hosts(1));
  web.targets[0]!.sessions.add(1_000_000);
  assertEquals(web.pick(client(1)), web.targets[0]);
  assert(web.take(web.targets[0]!, "session"));
});

Deno.test("resolve upstream: a place for a session is taken once, and flows need none", () => {
  const web = upstream("first", hosts(2), { sessionsPerTarget: 1 });
  const [a, b] = web.targets;
  assert(web.take(a!, "session"));
  assert(!web.take(a!, "session"));
  assertEquals(a!.sessions.total, 1);
  assertEquals(web.pick(client(1)), b);
  assertEquals(web.pick(client(1), [], "flow"), a);
  assertEquals(web.pick(client(1)), b);
});

Deno.test("resolve upstream: uses backups only if no other target is usable and untried", () => {
  const web = upstream("first", [["10.0.0.9:80", { backup: true }], ...hosts(2)]);
  const [backup, a, b] = web.targets;
  assertEquals(web.pick(client(1)), a);
  assertEquals(web.pick(client(1), [a!]), b);
  assertEquals(web.pick(client(1), [a!, b!]), backup);
  assertEquals(web.pick(client(1), [a!, b!, backup!]), undefined);
  a!.standing.set("drain", true);
  b!.standing.set("drain", true);
  assertEquals(web.pick(client(1)), backup);
});

Deno.test("resolve upstream: balances among backups, and works with nothing but backups", () => {
  const web = upstream("round_robin", hosts(2).map((host) => [host, { backup: true }]));
  const picked = [1, 2, 3, 4].map((i) => web.pick(client(i))?.name);
  assertEquals(picked, ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.1:80", "10.0.0.2:80"]);
});

Deno.test("resolve upstream: refused flows count against a target only if it has had no session", () => {
  const [target] = upstream("first", hosts(1)).targets;
  target!.failed("flow");
  assertEquals([target!.standing.failures, target!.totals.failures], [1, 1]);
  target!.standing.answered();
  target!.totals.addSession();
  target!.failed("flow");
  assertEquals([target!.standing.failures, target!.totals.failures], [0, 2]);
  target!.failed("session");
  assertEquals(target!.standing.failures, 1);
});
