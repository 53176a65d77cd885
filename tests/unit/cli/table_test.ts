import { assertEquals } from "@std/assert";
import { formatAge, formatBytes, formatTable, harmless } from "../../../src/cli/table.ts";

Deno.test("table: columns are lined up, numbers to the right", () => {
  assertEquals(
    formatTable([["NAME", "COUNT", "REST"], ["a", 7, ""], ["longer", 12_345_678, "x"]]),
    [
      "NAME    COUNT     REST",
      "a              7",
      "longer  12345678  x",
    ],
  );
  assertEquals(formatTable([]), []);
});

Deno.test("table: bytes and ages are short", () => {
  const bytes = [[0, "0 B"], [1023, "1023 B"], [1024, "1.0 KiB"], [5e15, "4.4 PiB"]] as const;
  for (const [value, text] of bytes) assertEquals(formatBytes(value), text);
  const ages = [[0, "0s"], [59.9, "59s"], [60, "1m"], [3661, "1h 1m"], [90_061, "1d 1h"]] as const;
  for (const [value, text] of ages) assertEquals(formatAge(value), text);
});

Deno.test("table: control characters become harmless", () => {
  assertEquals(harmless("a\x1b[2J\n\x9b\u202eb é"), "a?[2J???b é");
});
