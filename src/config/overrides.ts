/**
 * Sets values from outside the file: `path=value`. Knows paths and plain values; knows no key.
 *
 * @module
 */

import { formatPath, type Path, type Problem } from "./problem.ts";
import { readTree, type Tree } from "./tree.ts";
import { quote } from "../wording.ts";

/**
 * Sets values in the contents of a file.
 *
 * @param tree The contents; the overrides' places are added to its places
 * @param overrides Texts such as `listeners.edge.routes[0].upstream=web`; the value is YAML
 * @returns The values with the overrides in place, and what is wrong with the overrides
 */
export function applyOverrides(tree: Tree, overrides: readonly string[]): Tree {
  let value = tree.value;
  const problems: Problem[] = [...tree.problems];
  for (const override of overrides) {
    const file = `--set ${override}`;
    const refuse = (path: string, message: string) =>
      problems.push({ severity: "error", code: "bad_override", file, path, message });
    const equals = override.indexOf("=");
    const path = equals < 0 ? undefined : parsePath(override.slice(0, equals));
    if (path === undefined) {
      refuse("", 'Cannot parse the override; write "path=value", as in "log.level=debug"');
      continue;
    }
    const given = readTree(override.slice(equals + 1), file);
    for (const { severity, code, path: below, message } of given.problems) {
      problems.push({ severity, code, file, path: formatPath(path) + below, message });
    }
    if (given.problems.length > 0) continue;
    const result = assign(value, { path, value: given.value, depth: 0 });
    if (typeof result === "string") refuse(formatPath(path), result);
    else {
      value = result.value;
      tree.places.graft(path, given.places);
    }
  }
  return { value, places: tree.places, problems };
}

function parsePath(text: string): Path | undefined {
  const path: (string | number)[] = [];
  for (let rest = text; rest !== "";) {
    const [all, index, key] = /^(?:\[([0-9]{1,6})\]|(?:^|\.?)([\w-]+))/.exec(rest) ?? [];
    if (all === undefined || (path.length === 0 && all.startsWith("."))) return undefined;
    if (path.length > 0 && key !== undefined && !all.startsWith(".")) return undefined;
    path.push(index === undefined ? key! : Number(index));
    rest = rest.slice(all.length);
  }
  return path.length === 0 ? undefined : path;
}

/** Copies what it changes, because an alias may put one value at several paths. */
function assign(
  into: unknown,
  { path, value, depth }: { readonly path: Path; readonly value: unknown; readonly depth: number },
): { readonly value: unknown } | string {
  const step = path[depth];
  if (step === undefined) return { value };
  const here = formatPath(path.slice(0, depth));
  const below = (inner: unknown) => assign(inner, { path, value, depth: depth + 1 });
  if (typeof step === "number") {
    if (!Array.isArray(into)) return `${quote(here)} is not a list`;
    if (step >= into.length) return `${quote(here)} has no element [${step}]`;
    const result = below(into[step]);
    return typeof result === "string" ? result : { value: into.with(step, result.value) };
  }
  if (into !== null && into !== undefined && (typeof into !== "object" || Array.isArray(into))) {
    return `${quote(here)} is not a map`;
  }
  const map: Record<string, unknown> = Object.assign(Object.create(null), into);
  const result = below(map[step]);
  if (typeof result === "string") return result;
  map[step] = result.value;
  return { value: map };
}
