import { assertEquals } from "@std/assert";
import { AccessLog } from "../../../../src/observe/access/log.ts";
import { AccessSampler, type LeftOut } from "../../../../src/observe/access/sampler.ts";
import { CLOSE_REASONS, type CloseReason } from "../../../../src/observe/reasons.ts";
import { recordOf } from "../_records.ts";

/** Ends sessions, and returns how many lines there would be. */
function taken(sampler: AccessSampler, reason: CloseReason, ends: number): number {
  let lines = 0;
  for (let i = 0; i < ends; i++) if (sampler.takes(reason)) lines++;
  return lines;
}

Deno.test("access sampler: refusals and failures get a tenth each, served sessions the rest", () => {
  const sampler = new AccessSampler(100, 0);
  // Five seconds' worth at once, after silence.
  assertEquals(taken(sampler, "limit_rate", 10_000), 50);
  assertEquals(taken(sampler, "no_route", 10_000), 0);
  assertEquals(taken(sampler, "connect_refused", 10_000), 50);
  assertEquals(taken(sampler, "done", 10_000), 400);
  let lines = 0;
  for (let now = 100; now <= 60_000; now += 100) {
    sampler.tick(now);
    lines += taken(sampler, "limit_rate", 1000) + taken(sampler, "done", 1000) +
      taken(sampler, "dns_failed", 1000);
  }
  // A fraction of a line may be saved up.
  assertEquals(Math.abs(lines - 6000) <= 3, true, `${lines} lines in a minute`);
});

Deno.test("access sampler: counts left-out lines by reason, once", () => {
  const sampler = new AccessSampler(10, 0);
  taken(sampler, "limit_rate", 105);
  taken(sampler, "done", 47);
  assertEquals(sampler.leftOut(), { done: 7, limit_rate: 100 });
  assertEquals(sampler.leftOut(), undefined);
});

Deno.test("access sampler: a rate of 0 leaves nothing out, and every reason has its share", () => {
  const unlimited = new AccessSampler(0, 0);
  const limited = new AccessSampler(1, 0);
  for (const reason of CLOSE_REASONS) assertEquals(taken(unlimited, reason, 1000), 1000);
  for (const reason of CLOSE_REASONS) taken(limited, reason, 100);
  assertEquals(Object.keys(limited.leftOut()!).length, CLOSE_REASONS.length);
});

Deno.test("access sampler: a share of less than a line in five seconds still gives lines", () => {
  const sampler = new AccessSampler(0.1, 0);
  let lines = 0;
  for (let now = 0; now < 1_000_000; now += 100) {
    sampler.tick(now);
    lines += taken(sampler, "no_route", 1);
  }
  // 0.01 a second, and one at once.
  assertEquals(lines, 10 + 1 - 1);
});

Deno.test("access log: each plane has its share, a reload changes rate and format, left-out lines are reported once a second", () => {
  const lines: string[] = [];
  const told: LeftOut[] = [];
  const log = { level: "info", format: "text", access: true, file: null } as const;
  const access = new AccessLog({ ...log, access_rate: 100, template: "{id}" }, {
    workers: 4,
    write: (line) => lines.push(line),
    onLeftOut: (leftOut) => told.push(leftOut),
  });
  const record = recordOf();
  for (let i = 0; i < 150; i++) access.take(record);
  assertEquals([lines.length, lines[0]], [100, "01A\n"]);
  const now = performance.now();
  access.tick(now);
  access.tick(now + 100);
  assertEquals(told, [{ done: 50 }]);
  access.change({ ...log, access_rate: 0, template: null });
  access.take(record);
  assertEquals(lines.at(-1)?.includes("reason=done"), true);
  access.change({ ...log, access: false, access_rate: 0, template: null });
  access.take(record);
  assertEquals(lines.length, 101);
});
