import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { ResolveError } from "../../../src/errors.ts";
import { resolveFor, tryTargets } from "../../../src/manage/dial.ts";
import type { Target } from "../../../src/resolve/upstream.ts";
import { upstream } from "../resolve/_upstream.ts";
import { TestLife } from "./_life.ts";

const HOSTS = ["192.0.2.1:1", "192.0.2.2:1", "192.0.2.3:1", "192.0.2.4:1"];

for (const kind of ["session", "flow"] as const) {
  /** Places that are taken at each target. */
  const places = (targets: readonly Target[]) =>
    targets.map((target) =>
      [target.sessions.total, target.flows.total][kind === "session" ? 0 : 1]
    );

  Deno.test(`manage dial: a ${kind} takes one place, and no promise, at a target that answers at once`, () => {
    const web = upstream("first", HOSTS);
    const life = new TestLife(kind);
    assertEquals(tryTargets(life, web, ({ name }) => name), "192.0.2.1:1");
    assertStrictEquals(life.target, web.targets[0]);
    assertEquals(places(web.targets), [1, 0, 0, 0]);
    assertEquals(web.targets[0]!.sessions.total + web.targets[0]!.flows.total, 1);
  });

  Deno.test(`manage dial: a ${kind} goes on to others, whether they fail at once or later`, async () => {
    const web = upstream("first", HOSTS);
    const life = new TestLife(kind);
    const held: (readonly (number | undefined)[])[] = [];
    const dialed = tryTargets(life, web, (target): string | Promise<string> => {
      held.push(places(web.targets));
      assertStrictEquals(life.target, target);
      if (held.length === 1) throw new Error("at once");
      return held.length === 2 ? Promise.reject(new Error("later")) : target.name;
    });
    assertEquals(await dialed, "192.0.2.3:1");
    assertEquals(held, [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]);
    assertEquals(places(web.targets), [0, 0, 1, 0]);
  });

  Deno.test(`manage dial: a ${kind} ends with the last failure after so many retries, and holds nothing`, async () => {
    const web = upstream("first", HOSTS);
    for (const later of [false, true]) {
      const life = new TestLife(kind);
      const tried: string[] = [];
      const dial = ({ name }: Target): Promise<string> => {
        tried.push(name);
        if (later) return Promise.reject(new Error(name));
        throw new Error(name);
      };
      if (later) {
        await assertRejects(async () => await tryTargets(life, web, dial), Error, HOSTS[2]);
      } else assertThrows(() => tryTargets(life, web, dial), Error, HOSTS[2]);
      assertEquals(tried, HOSTS.slice(0, 3));
      assertEquals([life.target, places(web.targets)], [undefined, [0, 0, 0, 0]]);
    }
  });

  Deno.test(`manage dial: a ${kind} whose upstream has no usable target says which`, () => {
    const web = upstream("first", HOSTS, { name: "web" });
    for (const { standing } of web.targets) standing.set("drain", true);
    const error = assertThrows(() => tryTargets(new TestLife(kind), web, () => 1), ResolveError);
    assertEquals([error.code, error.context], ["no_target", { [kind]: "01A", upstream: "web" }]);
  });

  Deno.test(`manage dial: a ${kind} that ends while a target is dialled tries no other, and gives its place back once`, async () => {
    const web = upstream("first", HOSTS);
    const life = new TestLife(kind);
    const { promise, reject } = Promise.withResolvers<string>();
    let calls = 0;
    const dialed = tryTargets(life, web, () => {
      calls++;
      return promise;
    });
    life.end();
    reject(new Error("given up"));
    await assertRejects(async () => await dialed, Error, "given up");
    assertEquals([calls, places(web.targets)], [1, [0, 0, 0, 0]]);
    assertStrictEquals(life.target, web.targets[0]);
  });

  Deno.test(`manage dial: a ${kind} that has ended is given what answers nevertheless`, async () => {
    const life = new TestLife(kind);
    const { promise, resolve } = Promise.withResolvers<string>();
    const dialed = tryTargets(life, upstream("first", HOSTS), () => promise);
    life.end();
    resolve("late");
    assertEquals(await dialed, "late");
  });
}

Deno.test("manage dial: a session passes over a target whose last place another worker takes meanwhile", () => {
  const web = upstream("first", HOSTS, { sessionsPerTarget: 1 });
  const [first] = web.targets;
  const pick = web.pick.bind(web);
  web.pick = (client, tried, kind) => {
    const target = pick(client, tried, kind);
    if (target === first) target!.sessions.add(1);
    return target;
  };
  assertEquals(tryTargets(new TestLife("session"), web, ({ name }) => name), HOSTS[1]);
  assertEquals(first!.sessions.total, 1);
  const flow = new TestLife("flow");
  assertEquals(tryTargets(flow, web, ({ name }) => name), HOSTS[0]);
});

Deno.test("manage dial: the time of questions adds up, and what is known takes none", async () => {
  const life = new TestLife("session");
  const addresses = { list: ["192.0.2.1"], expires: 0 };
  assertStrictEquals(resolveFor(life, "a.test", { resolve: () => addresses }), addresses);
  assertEquals(life.resolveMs, undefined);
  await resolveFor(life, "a.test", { resolve: () => Promise.resolve(addresses) });
  const once = life.resolveMs!;
  assert(once >= 0);
  const failing = { resolve: () => Promise.reject(new Error("no answer")) };
  await assertRejects(async () => await resolveFor(life, "a.test", failing), Error, "no answer");
  assert(life.resolveMs! >= once);
});
