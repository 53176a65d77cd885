/**
 * Describes in words how two configurations differ, for the log of a reload.
 *
 * @module
 */

import { atOnce, type Steps } from "../slices.ts";
import { isSame } from "./same.ts";
import type { Config } from "./schema.ts";

const MAPS = ["listeners", "upstreams"] as const;

type Values = Readonly<Record<string, unknown>>;

function* changedKeys(before: Values, after: Values): Steps<string[]> {
  const changed: string[] = [];
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (!isSame(before[key], after[key])) changed.push(key);
    yield;
  }
  return changed;
}

function withoutMaps({ listeners: _, upstreams: __, ...others }: Config): Record<string, unknown> {
  return others;
}

function describe(path: string, before: unknown, after: unknown): string {
  if (before === undefined) return `${path} added`;
  if (after === undefined) return `${path} removed`;
  return `${path} changed: ${atOnce(changedKeys(Object(before), Object(after))).join(", ")}`;
}

/**
 * Returns one text for each listener, upstream and other top-level key that differs, such as
 * `listeners.edge changed: routes`.
 */
export function* describeChanges(before: Config, after: Config): Steps<string[]> {
  const texts: string[] = [];
  for (const map of MAPS) {
    for (const name of yield* changedKeys(before[map], after[map])) {
      texts.push(describe(`${map}.${name}`, before[map][name], after[map][name]));
      yield;
    }
  }
  const others = yield* changedKeys(withoutMaps(before), withoutMaps(after));
  return [...texts, ...others.map((key) => `${key} changed`)];
}
