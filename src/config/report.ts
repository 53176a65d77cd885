/**
 * Collects problems and gives each its place. Knows paths and places; judges nothing.
 *
 * @module
 */

import { nearest } from "./near.ts";
import { formatPath, type Path, type Problem, type ProblemCode } from "./problem.ts";
import type { Places } from "./tree.ts";

/** Pairs of letters that may be compared for suggestions: 0.15 s in all, at about 5 ns each. */
const MAX_COMPARED = 30_000_000;
/** The least that a comparison costs, in pairs of letters. */
const LEAST_COMPARED = 150;

/** The text of a problem. */
export interface ProblemText {
  readonly message: string;
  readonly hint?: string | undefined;
  /** Whether to point at the key or at its value. */
  readonly at?: "key" | "value";
}

/** The problems of one configuration so far. */
export class Report {
  readonly #problems: Problem[];
  readonly #places: Places;
  #compared = 0;

  /**
   * @param places Where keys and values are written
   * @param problems The problems that are already known
   */
  constructor(places: Places, problems: readonly Problem[] = []) {
    this.#places = places;
    this.#problems = [...problems];
  }

  /** Adds a problem that keeps the configuration from being used. */
  error(code: ProblemCode, path: Path, what: ProblemText): void {
    this.#add("error", code, { path, what });
  }

  /** Adds something that is probably not meant. */
  warning(code: ProblemCode, path: Path, what: ProblemText): void {
    this.#add("warning", code, { path, what });
  }

  /** Returns where a path is written, such as `listeners.edge.routes[0] (line 12)`. */
  refer(path: Path): string {
    const { place, path: written } = this.#places.find(path, "value");
    return `${formatPath(written)} (${
      place.line === undefined ? place.file : `line ${place.line}`
    })`;
  }

  /** Returns the nearest candidate; `undefined` if none is near, or if too many words have been compared. */
  nearest(word: string, candidates: readonly string[]): string | undefined {
    if (this.#compared > MAX_COMPARED) return undefined;
    for (const { length } of candidates) {
      this.#compared += Math.max(LEAST_COMPARED, word.length * length);
    }
    return this.#compared > MAX_COMPARED ? undefined : nearest(word, candidates);
  }

  /** Returns all problems, those of the file in the order of its lines. */
  list(): Problem[] {
    const line = (problem: Problem) => problem.line ?? Infinity;
    return this.#problems.toSorted((a, b) =>
      line(a) === line(b) ? (a.column ?? 0) - (b.column ?? 0) : line(a) - line(b)
    );
  }

  #add(
    severity: Problem["severity"],
    code: ProblemCode,
    { path, what }: { readonly path: Path; readonly what: ProblemText },
  ): void {
    const { message, hint, at = "value" } = what;
    const { place, path: written } = this.#places.find(path, at);
    const text = formatPath(written);
    const problem = { severity, code, ...place, path: text, message };
    this.#problems.push(hint === undefined ? problem : { ...problem, hint });
  }
}
