import { assertEquals } from "@std/assert";
import { OPERATIONS } from "../../../src/admin/operations.ts";
import { METRICS } from "../../../src/observe/metrics/metrics.ts";
import { observeReference } from "../../../scripts/_observe_reference.ts";
import { CLOSE_REASONS, DROP_REASONS } from "../../../src/observe/reasons.ts";
import { assertGolden } from "../_golden.ts";

Deno.test("reference: docs/reference.md is up to date", async () => {
  await assertGolden("docs/reference.md", observeReference(OPERATIONS));
});

Deno.test("reference: has a row for every metric, reason and path", () => {
  const reference = observeReference(OPERATIONS);
  const words = [
    ...METRICS.map(({ name }) => name),
    ...CLOSE_REASONS,
    ...DROP_REASONS,
    ...OPERATIONS.map(({ method, path }) => `${method} ${path}`),
  ];
  const missing = words.filter((word) => !reference.includes(`| \`${word}\` |`));
  assertEquals(missing, []);
});
