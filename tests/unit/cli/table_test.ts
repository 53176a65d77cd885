import { assertEquals } from "@std/assert";
import { formatTable, harmless } from "../../../src/cli/table.ts";

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

Deno.test("table: control characters become harmless", () => {
  assertEquals(harmless("a\x1b[2J\n\x9b\u202eb é"), "a?[2J???b é");
});
