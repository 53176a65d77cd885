/**
 * Reports what zod found in words for users. Knows zod's issues and the keys; judges no value itself.
 *
 * @module
 */

import type { z } from "zod";
import { configJsonSchema } from "./json_schema.ts";
import { formatPattern, type Key, listKeys, startsPattern } from "./keys.ts";
import { nearest } from "./near.ts";
import type { Path } from "./problem.ts";
import type { Report } from "./report.ts";
import { quote, thereAre } from "../wording.ts";

type Issue = z.core.$ZodIssue;

/**
 * Returns what a schema expects, for schemas without a text of their own.
 *
 * @returns A phrase that follows "Expected"
 */
export function expectation(issue: z.core.$ZodRawIssue): string {
  switch (issue.code === "invalid_type" ? issue.expected : undefined) {
    case "object":
    case "record":
      return "a map";
    case "array":
      return "a list";
    case "boolean":
      return "true or false";
    default:
      return "another value";
  }
}

/**
 * Reports what zod found.
 *
 * @param issues zod's issues, with their input
 * @param options The report, and the path that the issues' paths begin at
 */
export function reportIssues(
  issues: readonly Issue[],
  { report, above = [] }: { readonly report: Report; readonly above?: Path },
): void {
  for (const issue of issues) {
    const path: Path = [...above, ...issue.path as Path];
    if (issue.input === undefined && !("keys" in issue)) reportMissing(path, report);
    else reportIssue(issue, { report, path });
  }
}

function reportIssue(
  issue: Issue,
  { report, path }: { readonly report: Report; readonly path: Path },
): void {
  const refuse = (message: string, hint?: string) =>
    report.error("bad_value", path, { message, hint });
  const mismatch = (hint?: string) =>
    report.error("wrong_type", path, {
      message: `Expected ${issue.message}, got ${show(issue.input)}`,
      hint,
    });
  switch (issue.code) {
    case "unrecognized_keys":
      for (const key of issue.keys) reportUnknownKey(key, { report, path });
      return;
    case "invalid_union": {
      const branch = meantBranch(issue.errors);
      if (branch !== undefined) return reportIssues(branch, { report, above: path });
      return mismatch(typeHint(issue, wordsOf(issue.errors.flat())));
    }
    case "invalid_value":
      return mismatch(typeHint(issue, issue.values.map(String)));
    case "invalid_type":
      if (path.length === 0 && issue.input === null) {
        return refuse("The file is empty", '"shunt init" prints a starting one');
      }
      return mismatch(typeHint(issue, [], issue.expected));
    case "too_small":
      if (issue.origin === "array") return refuse("Expected at least one element, got none");
      if (issue.origin === "string") return refuse('Expected a path or null, got ""');
      return refuse(`Expected at least ${issue.minimum}, got ${show(issue.input)}`);
    case "too_big":
      return refuse(`Expected at most ${issue.maximum}, got ${show(issue.input)}`);
    case "custom":
      return refuse(issue.message, issue.params?.hint as string | undefined);
    default:
      return refuse(`Cannot use ${show(issue.input)} here`);
  }
}

/** Returns the alternative whose type the value has, so that the message is about the value. */
function meantBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  const meant = branches.filter((issues) =>
    !issues.some(({ code, path }) =>
      path.length === 0 && (code === "invalid_type" || code === "invalid_value")
    )
  );
  return meant.length === 1 ? meant[0] : undefined;
}

function wordsOf(issues: readonly Issue[]): string[] {
  return issues.flatMap((issue) =>
    issue.code === "invalid_value" && issue.path.length === 0 ? issue.values.map(String) : []
  );
}

/** Suggests what was meant by a value of the wrong type. */
function typeHint(
  { input, message: phrase }: Issue,
  words: readonly string[],
  expected?: string,
): string | undefined {
  if (input === null) return "give it a value or remove the key";
  if (typeof input === "string") {
    const near = nearest(input, words);
    if (near !== undefined) return `did you mean ${quote(near)}?`;
    if (expected === "boolean") return booleanHint(input.toLowerCase());
    const isNumber = expected === "number" || expected === "int";
    return isNumber && /^[0-9]+$/.test(input) ? "remove the quotes" : undefined;
  }
  if (input === false && words.includes("off")) return 'did you mean "off"?';
  const isName = expected === "string" && /^a (name|protocol|path)/.test(phrase);
  return isName && typeof input !== "object" ? "put it in quotes if it is one" : undefined;
}

/** YAML 1.1 had these words, and people still write them. */
function booleanHint(word: string): string | undefined {
  if (word === "true" || word === "false") return "remove the quotes";
  if (word === "yes" || word === "on") return "did you mean true?";
  return word === "no" || word === "off" ? "did you mean false?" : undefined;
}

function show(value: unknown): string {
  if (typeof value === "string") return quote(value);
  if (value === null) return "nothing";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "a map" : String(value);
}

function reportMissing(path: Path, report: Report): void {
  const message = `Key ${quote(String(path.at(-1)))} is missing`;
  report.error("missing", path.slice(0, -1), { message, at: "key" });
}

let known: readonly Key[] | undefined;

function reportUnknownKey(
  name: string,
  { report, path }: { readonly report: Report; readonly path: Path },
): void {
  known ??= listKeys(configJsonSchema([]));
  const here = known.filter(({ pattern }) =>
    pattern.length === path.length + 1 && startsPattern(pattern, path)
  ).map(({ pattern }) => pattern.at(-1)!);
  const near = report.nearest(name, here);
  const hint = near !== undefined
    ? `did you mean ${quote(near)}?`
    : belongs(name, path) ?? thereAre([...new Set(here)]);
  const message = `Unknown key ${quote(name)}`;
  report.error("unknown_key", [...path, name], { message, hint, at: "key" });
}

/** Returns where a misplaced key is legal: within the given path first, then nearest to it. */
function belongs(name: string, path: Path): string | undefined {
  const shared = ({ pattern }: Key) => {
    let i = 0;
    while (i < path.length && startsPattern(pattern, path.slice(0, i + 1))) i++;
    return i;
  };
  const places = (known ?? []).filter(({ pattern }) => pattern.at(-1) === name);
  places.sort((a, b) => shared(b) - shared(a));
  const best = places[0];
  if (best === undefined) return undefined;
  const below = best.pattern.slice(path.length);
  return startsPattern(best.pattern, path) && !below.includes("[]")
    ? `did you mean ${quote(formatPattern(below))}?`
    : `it belongs at ${quote(formatPattern(best.pattern))}`;
}
