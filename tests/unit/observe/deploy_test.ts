import { assert, assertEquals } from "@std/assert";
import { parse } from "yaml";
import { METRICS } from "../../../src/observe/metrics/metrics.ts";

const DEPLOY = `${import.meta.dirname}/../../../deploy`;
const KNOWN: ReadonlyMap<string, readonly string[]> = new Map(
  METRICS.flatMap(({ name, kind, labels }) =>
    kind === "histogram"
      ? ["_bucket", "_sum", "_count"].map((end) => [`${name}${end}`, labels] as const)
      : [[name, labels] as const]
  ),
);
/** What Prometheus adds. */
const ADDED = ["job", "instance", "le", "__name__"];

/** Every metric that an expression names, with the labels that it selects by. */
function unknownIn(expression: string): string[] {
  const unknown: string[] = [];
  for (
    const [, name, , selectors] of expression.matchAll(/\b((?:shunt|process)_\w+)(\{([^}]*)\})?/g)
  ) {
    const labels = KNOWN.get(name!);
    if (labels === undefined) unknown.push(name!);
    for (const [, label] of (selectors ?? "").matchAll(/(\w+)(?:=~|!~|!=|=)"/g)) {
      if (!labels?.includes(label!) && !ADDED.includes(label!)) unknown.push(`${name}{${label}}`);
    }
  }
  return unknown;
}

Deno.test("deploy: the check finds metrics and labels that do not exist", () => {
  assertEquals(unknownIn('rate(shunt_nothing_total[1m]) + shunt_ready{target="x"}'), [
    "shunt_nothing_total",
    "shunt_ready{target}",
  ]);
});

Deno.test("deploy: the dashboard and its variables ask for nothing that does not exist", async () => {
  const dashboard = JSON.parse(await Deno.readTextFile(`${DEPLOY}/grafana/shunt.json`));
  const expressions: string[] = [
    ...dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }: Json) => expr)),
    ...dashboard.templating.list.map(({ definition = "" }: Json) => definition),
    ...dashboard.annotations.list.map(({ expr }: Json) => expr),
  ];
  assert(expressions.length > 30);
  assertEquals(expressions.flatMap(unknownIn), []);
});

type Json = Readonly<Record<string, string>>;

Deno.test("deploy: the dashboard's panels have ids of their own and do not overlap", async () => {
  const { panels } = JSON.parse(await Deno.readTextFile(`${DEPLOY}/grafana/shunt.json`));
  assertEquals(new Set(panels.map(({ id }: { id: number }) => id)).size, panels.length);
  const taken = new Set<string>();
  for (const { title, gridPos: { x, y, w, h } } of panels) {
    for (let i = 0; i < w * h; i++) {
      const place = `${x + i % w},${y + Math.floor(i / w)}`;
      assert(x + w <= 24 && !taken.has(place), `"${title}" overlaps at ${place}`);
      taken.add(place);
    }
  }
});

Deno.test("deploy: the alert rules ask for nothing that does not exist", async () => {
  const { groups } = parse(await Deno.readTextFile(`${DEPLOY}/prometheus/alerts.yaml`));
  const expressions: string[] = groups.flatMap(({ rules }: { rules: readonly Json[] }) =>
    rules.map(({ expr }) => expr!)
  );
  assert(expressions.length > 10);
  assertEquals(expressions.flatMap(unknownIn), []);
});
