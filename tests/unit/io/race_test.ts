import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Attempt, unlessGivenUp } from "../../../src/io/attempt.ts";
import { race, type RaceOptions } from "../../../src/io/race.ts";
import { until } from "../../e2e/_shunt.ts";

/** Longer than a test takes: no timer of a race is left when it is over. */
const NEVER_MS = 600_000;

/** A race whose attempts the test settles; each rejects once it is given up. */
function runners(options: Partial<RaceOptions<string, string>> = {}) {
  const started: string[] = [];
  const runs = new Map<string, PromiseWithResolvers<string> & { readonly own: Attempt }>();
  const late: string[] = [];
  const attempt = new Attempt();
  const run = (addresses: readonly string[]) =>
    race(addresses, {
      start: (address, own) => {
        started.push(address);
        const run = { ...Promise.withResolvers<string>(), own };
        runs.set(address, run);
        own.onGiveUp = () => run.reject(new Error(`${address} given up`));
        return run.promise;
      },
      onLate: (value) => void late.push(value),
      attempt,
      ...options,
    });
  return { run, started, runs, late, attempt };
}

Deno.test("io race: a single address is tried by the attempt itself, at once", () => {
  const attempt = new Attempt();
  const start = (address: string, own: Attempt) => {
    assert(own === attempt);
    return address.toUpperCase();
  };
  assertEquals(race(["a"], { start, onLate: () => {}, attempt }), "A");
  const fails = () => {
    throw new Error("refused");
  };
  assertThrows(() => race(["a"], { start: fails, onLate: () => {}, attempt }), Error, "refused");
});

Deno.test("io race: the next address starts after the delay", async () => {
  const { run, started, runs } = runners({ delay: 20 });
  const begun = performance.now();
  const won = run(["a", "b"]);
  await until(() => started.length === 2, "the second address to be tried");
  assert(performance.now() - begun >= 19);
  runs.get("b")!.resolve("b");
  assertEquals(await won, "b");
  assertEquals([runs.get("a")!.own.givenUp, runs.get("b")!.own.givenUp], [true, false]);
});

Deno.test("io race: the next address starts as soon as one fails", async () => {
  const { run, started, runs } = runners({ delay: NEVER_MS });
  const won = run(["a", "b", "c"]);
  await until(() => started.length === 1, "the first address to be tried");
  runs.get("a")!.reject(new Error("refused"));
  await until(() => started.length === 2, "the second address to be tried");
  runs.get("b")!.resolve("b");
  assertEquals([await won, started], ["b", ["a", "b"]]);
});

Deno.test("io race: a failure within the call tries the others one after the other", async () => {
  const tried: string[] = [];
  const start = (address: string): string => {
    tried.push(address);
    throw new Error(`${address} refused`);
  };
  const lost = race(["a", "b", "c"], { start, onLate: () => {}, attempt: new Attempt() });
  assertEquals(tried, []);
  await assertRejects(async () => await lost, Error, "c refused");
  assertEquals(tried, ["a", "b", "c"]);
});

Deno.test("io race: waits for those that run after the last one has failed", async () => {
  const { run, started, runs } = runners({ delay: 1 });
  const won = run(["a", "b"]);
  await until(() => started.length === 2, "both addresses to be tried");
  runs.get("b")!.reject(new Error("refused"));
  await assertRejects(() => runs.get("b")!.promise);
  runs.get("a")!.resolve("a");
  assertEquals(await won, "a");
});

Deno.test("io race: no more than so many run at once; the oldest makes room", async () => {
  const { run, started, runs, attempt } = runners({ atOnce: 2, delay: 1 });
  const lost = assertRejects(async () => await run(["a", "b", "c", "d"]), DOMException, "given up");
  await until(() => started.length === 4, "all addresses to be tried");
  const givenUp = () => [...runs.values()].map(({ own }) => own.givenUp);
  assertEquals(givenUp(), [true, true, false, false]);
  attempt.giveUp();
  await lost;
  assertEquals(givenUp(), [true, true, true, true]);
});

Deno.test("io race: what succeeds second is handed over to be closed", async () => {
  const { run, started, runs, late } = runners({ delay: 1 });
  const won = run(["a", "b"]);
  await until(() => started.length === 2, "both addresses to be tried");
  // Both stand in the same turn.
  runs.get("b")!.resolve("b");
  runs.get("a")!.resolve("a");
  assertEquals(await won, "b");
  await until(() => late.length > 0, "the other to be handed over");
  assertEquals(late, ["a"]);
});

Deno.test("io race: an attempt that is given up starts nothing and leaves no timer", async () => {
  const { run, started, attempt } = runners({ delay: NEVER_MS });
  const lost = assertRejects(async () => await run(["a", "b"]), DOMException, "given up");
  await until(() => started.length === 1, "the first address to be tried");
  attempt.giveUp();
  await lost;
  assertThrows(() => run(["a"]), DOMException, "given up");
  assertEquals(started, ["a"]);
});

Deno.test("io attempt: what cannot be cancelled is waited for until the attempt is given up", async () => {
  const attempt = new Attempt();
  assertEquals(await unlessGivenUp(Promise.resolve(1), attempt), 1);
  assertEquals(attempt.onGiveUp, undefined);
  const fails = unlessGivenUp(Promise.reject(new Error("refused")), attempt);
  await assertRejects(() => fails, Error, "refused");
  assertEquals(attempt.onGiveUp, undefined);
  const { promise, resolve } = Promise.withResolvers<number>();
  const waiting = unlessGivenUp(promise, attempt, () => new Error("no answer in time"));
  attempt.giveUp();
  await assertRejects(() => waiting, Error, "no answer in time");
  const next = () => {};
  attempt.onGiveUp = next;
  resolve(2);
  await promise;
  assertEquals(attempt.onGiveUp, next);
  await assertRejects(() => unlessGivenUp(Promise.resolve(3), attempt), DOMException, "given up");
});
