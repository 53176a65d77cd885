import { assert, assertEquals, assertLess, assertMatch } from "@std/assert";
import fc from "fast-check";
import type { Measures } from "../../../../src/observe/metrics/measures.ts";
import { METRICS, writeMetrics } from "../../../../src/observe/metrics/metrics.ts";
import { atOnce } from "../../../../src/slices.ts";
import { measuresOf } from "./_measures.ts";

function formatMetrics(measures: Measures): string {
  const decoder = new TextDecoder();
  return atOnce(writeMetrics(measures)).map((part) => decoder.decode(part)).join("");
}

const EDGE = measuresOf({ listeners: ["edge"], targets: ["10.0.0.1:443"] });

const SAMPLES: readonly string[] = [
  'shunt_sessions_total{listener="edge"} 1',
  'shunt_sessions_active{listener="edge"} 0',
  'shunt_bytes_total{listener="edge",transport="udp",direction="down"} 7',
  'shunt_closes_total{listener="edge",transport="tcp",reason="done"} 1',
  'shunt_closes_total{listener="edge",transport="tcp",reason="no_route"} 0',
  'shunt_drops_total{listener="edge",reason="not_target"} 1',
  'shunt_detected_total{listener="edge",transport="tcp",protocol="tls"} 1',
  'shunt_detected_total{listener="edge",transport="tcp",protocol="none"} 0',
  'shunt_route_matches_total{listener="edge",transport="tcp",route="routes[1]",upstream="other"} 1',
  'shunt_detect_seconds_bucket{listener="edge",transport="tcp",le="0.001"} 0',
  'shunt_detect_seconds_bucket{listener="edge",transport="tcp",le="0.0025"} 1',
  'shunt_detect_seconds_bucket{listener="edge",transport="tcp",le="+Inf"} 1',
  'shunt_session_seconds_sum{listener="edge"} 3',
  'shunt_flow_seconds_count{listener="edge"} 1',
  'shunt_connect_seconds_count{upstream="web",transport="tcp"} 0',
  'shunt_target_up{upstream="web",target="10.0.0.1:443"} 1',
  'shunt_target_share{upstream="web",target="10.0.0.1:443"} 0.5',
  'shunt_target_checks_total{upstream="web",target="10.0.0.1:443",result="failed"} 4',
  'shunt_dns_lookups_total{answer="stale"} 2',
  'shunt_reloads_total{result="refused"} 3',
  "shunt_last_reload_ok 0",
  'shunt_worker_up{worker="1"} 0',
  'shunt_build_info{version="1.2.3",io="libc"} 1',
  "process_start_time_seconds 1600000000",
];

const LINES = new Set(formatMetrics(EDGE).split("\n"));
for (const sample of SAMPLES) {
  Deno.test(`metrics: ${sample}`, () => assert(LINES.has(sample)));
}

Deno.test("metrics: every metric has a help text, and as many values as labels", () => {
  for (const { name, help, labels, collect } of METRICS) {
    assertMatch(name, /^(shunt|process)_[a-z_]+[a-z]$/);
    assertMatch(help, /^[\w].*[^.]$/, name);
    let samples = 0;
    collect(EDGE, (_, ...values) => {
      assertEquals(values.length, labels.length, name);
      samples++;
    });
    assert(samples > 0, name);
  }
  assertEquals(new Set(METRICS.map(({ name }) => name)).size, METRICS.length);
});

/** One line of the format: a comment, or a name, labels whose values are escaped, and a number. */
const LINE = /^(# (HELP|TYPE) .*|[a-z_]+(\{([a-z_]+="([^"\\\n]|\\["\\n])*",?)+\})? [-+\w.]+)$/;

Deno.test("metrics: whatever the names, every line is valid, and none comes twice", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.string({ unit: "binary" }), { minLength: 2 }), (names) => {
      const text = formatMetrics(measuresOf({ listeners: names, targets: names }));
      const lines = text.slice(0, -1).split("\n");
      assertEquals(new Set(lines.map((line) => line.replace(/ [^ ]+$/, ""))).size >= 1, true);
      for (const line of lines) assertMatch(line, LINE);
      const series = lines.filter((line) => !line.startsWith("#"))
        .map((line) => line.slice(0, line.lastIndexOf(" ")));
      assertEquals(new Set(series).size, series.length);
    }),
    { numRuns: 20 },
  );
});

Deno.test("metrics: 50 listeners and 200 targets take less than 20 ms to write", () => {
  const measures = measuresOf({
    listeners: Array.from({ length: 50 }, (_, i) => `listener-${i}`),
    targets: Array.from({ length: 200 }, (_, i) => `10.0.0.${i}:443`),
  });
  let best = Infinity;
  let text = "";
  for (let i = 0; i < 20; i++) {
    const begun = performance.now();
    text = formatMetrics(measures);
    best = Math.min(best, performance.now() - begun);
  }
  assert(text.length > 100_000);
  assertLess(best, 20, `${best} ms for ${text.length} characters`);
});

Deno.test("metrics: however much there is to write, one step writes little of it", () => {
  const targets = Array.from({ length: 5000 }, (_, i) => `10.0.${i >> 8}.${i & 255}:443`);
  const steps = writeMetrics(measuresOf({ listeners: targets.slice(0, 500), targets }));
  let count = 1;
  let result = steps.next();
  for (; !result.done; result = steps.next()) count++;
  const parts = result.value ?? [];
  assertEquals(parts.length, count);
  for (const part of parts) assertLess(part.length, 40_000);
});
