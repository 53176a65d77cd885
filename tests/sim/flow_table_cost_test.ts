import { assert, assertLess } from "@std/assert";
import type { Flow } from "../../src/manage/flow/flow.ts";
import { FlowTable } from "../../src/manage/flow/table.ts";
import { Counters } from "../../src/observe/metrics/counters.ts";

function quietTable(flows: number): FlowTable<undefined> {
  const table = new FlowTable<undefined>({
    limits: { flows: 20_000, heldBytes: 1000, heldDatagrams: 10, detectMs: 3000 },
    budget: { claim: () => true, give: () => {}, note: () => {} },
    drops: new Counters().drops,
    newId: () => "",
    newData: () => undefined,
    admit: () => undefined,
    release: () => {},
  });
  for (let i = 0; i < flows; i++) open(table, `10.0.${i >> 8}.${i & 255}`, i);
  return table;
}

const EMPTY = new Uint8Array(0);

function open(table: FlowTable<undefined>, host: string, port: number): Flow<undefined> {
  table.arrive(0, host, port, EMPTY, 0);
  const { flow } = table;
  assert(flow !== undefined);
  table.resolving(flow, 1000);
  table.opened(flow, 1000);
  while (table.nextHeld(flow) !== undefined);
  return flow;
}

/**
 * Returns the ratio of the fastest of interleaved rounds for both sizes, so that a busy machine does not
 * decide.
 */
function costRatio(operation: (table: FlowTable<undefined>, i: number) => void): number {
  const tables = [quietTable(100), quietTable(10_000)];
  const best = [Infinity, Infinity];
  for (let round = 0; round < 12; round++) {
    for (const [which, table] of tables.entries()) {
      const begin = performance.now();
      for (let i = 0; i < 20_000; i++) operation(table, i % 100);
      best[which] = Math.min(best[which] ?? Infinity, performance.now() - begin);
    }
  }
  return (best[1] ?? Infinity) / (best[0] ?? Infinity);
}

Deno.test("flow table cost: a datagram costs the same among 10,000 flows as among 100", () => {
  const hosts = Array.from({ length: 100 }, (_, i) => `10.0.0.${i}`);
  const ratio = costRatio((table, i) => void table.arrive(0, hosts[i] ?? "", i, EMPTY, 0));
  assertLess(ratio, 5);
});

Deno.test("flow table cost: a client that comes and goes costs the same among 10,000 flows", () => {
  const ratio = costRatio((table) => void table.close(open(table, "192.0.2.1", 1), "idle"));
  assertLess(ratio, 5);
});
