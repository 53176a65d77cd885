/**
 * What the contract has and this version lacks. A piece that implements one of these deletes its
 * line here and, where the note promises another default, sets that in schema.ts.
 *
 * @module
 */

import { matchesPattern } from "./keys.ts";
import type { Path } from "./problem.ts";

/** One thing that the schema knows and nothing implements. */
export interface NotYet {
  /** The key, with `*` for any name. */
  readonly pattern: readonly string[];
  /** Tells whether a value asks for it. */
  readonly asked: (value: unknown) => boolean;
  /** What to call it in a message. */
  readonly what: string;
  /** What to do meanwhile. */
  readonly hint: string;
  /** What the reference says. */
  readonly note: string;
}

/** Everything that is refused as not supported yet. */
export const NOT_YET: readonly NotYet[] = [
  {
    pattern: ["log", "file"],
    asked: (value) => typeof value === "string" && value !== "",
    what: '"log.file"',
    hint: 'remove it or set "file: null"',
    note: "Not supported yet",
  },
];

/** A place in a configuration that asks for something not supported yet. */
export interface Asked {
  readonly path: Path;
  readonly feature: NotYet;
}

/**
 * Finds everything in a configuration that is not supported yet.
 *
 * @param value The configuration as plain values, legal or not
 * @param path Where it stands
 * @returns What asks for it
 */
export function findNotYet(value: unknown, path: Path = []): Asked[] {
  const feature = NOT_YET.find(({ pattern }) => matchesPattern(pattern, path));
  if (feature?.asked(value)) return [{ path, feature }];
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [];
  return Object.entries(value).flatMap(([key, inner]) => findNotYet(inner, [...path, key]));
}
