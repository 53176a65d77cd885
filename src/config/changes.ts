/**
 * Tells in words how two configurations differ, for the log of a reload.
 *
 * @module
 */

import type { Config } from "./schema.ts";

const MAPS = ["listeners", "upstreams"] as const;

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function changedKeys(
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
): string[] {
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].filter((key) => !isSame(before[key], after[key]));
}

function describe(path: string, before: unknown, after: unknown): string {
  if (before === undefined) return `${path} added`;
  if (after === undefined) return `${path} removed`;
  return `${path} changed: ${changedKeys(Object(before), Object(after)).join(", ")}`;
}

/**
 * Lists what differs.
 *
 * @param before What runs
 * @param after What is to run
 * @returns One text for each listener, upstream and other top-level key that differs, such as
 * `listeners.edge changed: routes`
 */
export function describeChanges(before: Config, after: Config): string[] {
  const named = MAPS.flatMap((map) =>
    changedKeys(before[map], after[map])
      .map((name) => describe(`${map}.${name}`, before[map][name], after[map][name]))
  );
  const others = changedKeys(before, after)
    .filter((key) => !MAPS.some((map) => map === key))
    .map((key) => `${key} changed`);
  return [...named, ...others];
}
