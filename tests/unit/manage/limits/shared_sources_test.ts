import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { ListenerLimits } from "../../../../src/config/per_source.ts";
import { SharedSources, sharedSourcesBytes } from "../../../../src/manage/limits/shared_sources.ts";
import { LocalSources } from "../../../../src/manage/limits/sources.ts";

function config(perSource: number, rate: number): ListenerLimits {
  return {
    sessions: 1000,
    flows: 1000,
    per_source: perSource,
    new_per_source: rate,
  };
}

/** Ledgers of as many workers over one memory. */
function ledgers(
  limits: ListenerLimits,
  workers: number,
  now: () => number,
): SharedSources[] {
  const memory = new SharedArrayBuffer(sharedSourcesBytes(workers));
  return Array.from(
    { length: workers },
    (_, worker) => new SharedSources(limits, { memory, worker, workers, now }),
  );
}

const anyStep = fc.record({
  worker: fc.nat(2),
  source: fc.constantFrom(
    "192.0.2.1",
    "192.0.2.2",
    "2001:db8::1",
    "2001:db8::2",
    "::ffff:192.0.2.2",
  ),
  release: fc.boolean(),
  ms: fc.nat(2000),
});

Deno.test("shared sources: three workers together admit as one alone would", () => {
  fc.assert(fc.property(
    fc.constantFrom(0, 1, 3),
    fc.constantFrom(0, 0.5, 3),
    fc.array(anyStep, { maxLength: 80 }),
    (perSource, rate, steps) => {
      let time = 1;
      const limits = config(perSource, rate);
      const shared = ledgers(limits, 3, () => time);
      const local = new LocalSources(limits, () => time);
      const held: { worker: number; source: string }[] = [];
      for (const { worker, source, release, ms } of steps) {
        time += ms;
        if (release && held.length > 0) {
          const one = held.splice(ms % held.length, 1)[0]!;
          shared[one.worker]!.release(one.source);
          local.release(one.source);
          continue;
        }
        const refused = shared[worker]!.charge(source);
        assertEquals(refused, local.charge(source));
        if (refused === undefined) held.push({ worker, source });
      }
    },
  ));
});

Deno.test("shared sources: places of a dead worker are free again", () => {
  const [first, second] = ledgers(config(2, 0), 2, () => 1);
  assertEquals(first!.charge("192.0.2.1"), undefined);
  assertEquals(second!.charge("192.0.2.1"), undefined);
  assertEquals(first!.charge("192.0.2.1"), "limit_source");
  first!.clear(1);
  assertEquals(first!.charge("192.0.2.1"), undefined);
  assertEquals(first!.charge("192.0.2.1"), "limit_source");
});

Deno.test("shared sources: a flood of sources does not exceed the table and spares sources with sessions", () => {
  const [ledger] = ledgers(config(1, 0), 1, () => 1);
  assertEquals(ledger!.charge("192.0.2.1"), undefined);
  for (let i = 0; i < 200_000; i++) {
    const source = `10.${i >> 16 & 255}.${i >> 8 & 255}.${i & 255}`;
    assertEquals(ledger!.charge(source), undefined);
    ledger!.release(source);
  }
  assert(ledger!.size <= 65_536);
  assertEquals(ledger!.charge("192.0.2.1"), "limit_source");
});

Deno.test("shared sources: a worker that began after the wall clock jumped delays no source", () => {
  const limits = config(0, 10);
  const memory = new SharedArrayBuffer(sharedSourcesBytes(2));
  let time = 1_000_000;
  const [old, young] = [0, 86_400_000].map((ahead, worker) =>
    new SharedSources(limits, { memory, worker, workers: 2, now: () => time + ahead })
  );
  while (young!.charge("192.0.2.1") === undefined);
  assertEquals(old!.charge("192.0.2.1"), "limit_rate");
  time += 1000;
  assertEquals(old!.charge("192.0.2.1"), undefined);
});
