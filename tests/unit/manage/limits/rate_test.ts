import { assertEquals } from "@std/assert";
import { Rate } from "../../../../src/manage/limits/rate.ts";

Deno.test("rate: one second's amount at once, then the rate, and never more", () => {
  const clock = { now: 1000 };
  const rate = new Rate(10, clock);
  const taken = () => Array.from({ length: 50 }, () => rate.take()).filter(Boolean).length;
  assertEquals(taken(), 10);
  clock.now += 300;
  assertEquals(taken(), 3);
  clock.now += 3_600_000;
  assertEquals(taken(), 10);
  clock.now -= 5000;
  assertEquals(taken(), 0);
});

Deno.test("rate: a configured burst, also after a pause", () => {
  const clock = { now: 1000 };
  const rate = new Rate(100, clock, 20);
  const taken = () => Array.from({ length: 150 }, () => rate.take()).filter(Boolean).length;
  assertEquals(taken(), 20);
  clock.now += 100;
  assertEquals(taken(), 10);
  clock.now += 60_000;
  assertEquals(taken(), 20);
});
