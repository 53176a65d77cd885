import { assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  formatDuration,
  formatRate,
  formatSize,
  parseDuration,
  parseRate,
  parseSize,
} from "../../../src/config/scalars.ts";

const LEGAL: readonly (readonly [typeof parseDuration, string, number])[] = [
  [parseDuration, "250ms", 250],
  [parseDuration, "0s", 0],
  [parseDuration, "5s", 5000],
  [parseDuration, "1m", 60_000],
  [parseDuration, "168h", 604_800_000],
  [parseSize, "0B", 0],
  [parseSize, "512B", 512],
  [parseSize, "64KiB", 65_536],
  [parseSize, "1MiB", 1_048_576],
  [parseSize, "2GiB", 2_147_483_648],
  [parseRate, "0/s", 0],
  [parseRate, "100/s", 100],
  [parseRate, "0.5/s", 0.5],
];

for (const [parse, text, value] of LEGAL) {
  Deno.test(`config scalars: reads "${text}" as ${value}`, () => {
    assertEquals(parse(text), value);
  });
}

const ILLEGAL: readonly (readonly [typeof parseDuration, readonly string[]])[] = [
  [parseDuration, ["", "5", "s", "-5s", "5 s", "5S", "1.5s", "1h30m", "1d", " 5s", "9999999999s"]],
  [parseSize, ["", "5", "B", "-1B", "64KB", "64kib", "1.5MiB", "64 KiB", "1TiB"]],
  [parseRate, ["", "100", "/s", "-1/s", "100/m", "100 /s", "1e3/s", ".5/s", "1./s"]],
];

for (const [parse, texts] of ILLEGAL) {
  for (const text of texts) {
    Deno.test(`config scalars: ${parse.name} refuses "${text}"`, () => {
      const value = parse(text);
      assertEquals(typeof value, "object", `Read as ${JSON.stringify(value)}`);
    });
  }
}

Deno.test("config scalars: reads back what it writes", () => {
  fc.assert(fc.property(fc.nat(999_999_999), (n) => {
    assertEquals(parseDuration(formatDuration(n)), n);
    assertEquals(parseSize(formatSize(n)), n);
    assertEquals(parseRate(formatRate(n)), n);
  }));
});
