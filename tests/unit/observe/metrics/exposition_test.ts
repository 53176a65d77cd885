import { assertEquals } from "@std/assert";
import {
  escapeLabel,
  Exposition,
  formatNumber,
} from "../../../../src/observe/metrics/exposition.ts";
import { Histogram } from "../../../../src/observe/metrics/histogram.ts";

const LABELS: readonly [string, string][] = [
  ["edge", "edge"],
  ["", ""],
  ['a"b', 'a\\"b'],
  ["a\\b", "a\\\\b"],
  ["a\nb", "a\\nb"],
  ['\\"\n', '\\\\\\"\\n'],
  ["ünïcode {}", "ünïcode {}"],
];

for (const [value, expected] of LABELS) {
  Deno.test(`exposition: label ${JSON.stringify(value)} is escaped`, () => {
    assertEquals(escapeLabel(value), expected);
  });
}

const NUMBERS: readonly [number, string][] = [
  [0, "0"],
  [1e-4, "0.0001"],
  [9007199254740991, "9007199254740991"],
  [1.5e22, "1.5e+22"],
  [Infinity, "+Inf"],
  [-Infinity, "-Inf"],
  [NaN, "NaN"],
];

for (const [value, expected] of NUMBERS) {
  Deno.test(`exposition: number ${expected}`, () => assertEquals(formatNumber(value), expected));
}

Deno.test("exposition: a metric has its help and type before its samples", () => {
  const out = new Exposition();
  out.begin({ name: "a_total", kind: "counter", help: "One\\two\nthree", labels: ["x", "y"] });
  out.sample(1, ["p", 'q"']);
  out.begin({ name: "b", kind: "gauge", help: "None", labels: [] });
  out.sample(2, []);
  assertEquals(
    out.text,
    "# HELP a_total One\\\\two\\nthree\n# TYPE a_total counter\n" +
      'a_total{x="p",y="q\\""} 1\n# HELP b None\n# TYPE b gauge\nb 2\n',
  );
});

Deno.test("exposition: a histogram's buckets are cumulative and end with +Inf and the count", () => {
  const histogram = new Histogram([0.5, 1]);
  for (const value of [0.25, 0.25, 0.75, 8]) histogram.observe(value);
  const out = new Exposition();
  out.begin({ name: "h", kind: "histogram", help: "H", labels: ["x"] });
  out.histogram(histogram, ["p"]);
  assertEquals(out.text.split("\n").slice(2, -1), [
    'h_bucket{x="p",le="0.5"} 2',
    'h_bucket{x="p",le="1"} 3',
    'h_bucket{x="p",le="+Inf"} 4',
    'h_sum{x="p"} 9.25',
    'h_count{x="p"} 4',
  ]);
});
