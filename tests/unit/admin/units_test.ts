import { assertEquals } from "@std/assert";
import { formatAge, formatByteRate, formatBytes, formatRate } from "../../../src/admin/units.ts";

Deno.test("units: bytes and ages are short", () => {
  const bytes = [[0, "0 B"], [1023, "1023 B"], [1024, "1.0 KiB"], [5e15, "4.4 PiB"]] as const;
  for (const [value, text] of bytes) assertEquals(formatBytes(value), text);
  const ages = [[0, "0s"], [59.9, "59s"], [60, "1m"], [3661, "1h 1m"], [90_061, "1d 1h"]] as const;
  for (const [value, text] of ages) assertEquals(formatAge(value), text);
});

Deno.test("units: rates are short, and a dash if they are not known yet", () => {
  const rates = [[undefined, "–"], [0, "0/s"], [0.04, "0.0/s"], [9.96, "10.0/s"], [99.96, "100/s"]];
  for (const [rate, text] of rates) assertEquals(formatRate(rate as number | undefined), text);
  assertEquals(formatByteRate(undefined), "–");
  assertEquals(formatByteRate(1536.4), "1.5 KiB/s");
  assertEquals(formatByteRate(12.6), "13 B/s");
});
