import { assertEquals, assertLess } from "@std/assert";
import type { LiveRecord } from "../../../../src/observe/access/record.ts";
import { selectLive } from "../../../../src/observe/access/live.ts";

function record(id: number): LiveRecord {
  return {
    id: String(id).padStart(6, "0"),
    transport: "tcp",
    listener: id % 2 === 0 ? "even" : "odd",
    source: "192.0.2.1:1",
    detected: undefined,
    route: undefined,
    upstream: undefined,
    target: undefined,
    up: 0,
    down: 0,
    detectMs: undefined,
    connectMs: undefined,
    durationMs: 1,
  };
}

/** Ids below a number, each once, in no order. */
function* shuffled(count: number): Generator<number> {
  for (let i = 0; i < count; i++) yield i * 7919 % count;
}

Deno.test("live: a page is the first records by id, in whatever order they come", () => {
  const records = [...shuffled(20_000)].map(record);
  const page = selectLive(records, { kind: "sessions", limit: 3, filters: { listener: "odd" } });
  assertEquals(page.map(({ id }) => id), ["000001", "000003", "000005"]);
  const next = selectLive(records, { kind: "sessions", limit: 2, filters: {}, after: "019996" });
  assertEquals(next.map(({ id }) => id), ["019997", "019998"]);
});

Deno.test("live: a page of many records keeps few of them at once", () => {
  let most = 0;
  function* records() {
    for (const id of shuffled(20_000)) yield record(id);
  }
  const sort = Array.prototype.sort;
  Array.prototype.sort = function (this: unknown[], ...args: Parameters<typeof sort>) {
    most = Math.max(most, this.length);
    return sort.apply(this, args);
  } as typeof sort;
  try {
    selectLive(records(), { kind: "flows", limit: 100, filters: {} });
  } finally {
    Array.prototype.sort = sort;
  }
  assertLess(most, 2000);
});
