/**
 * Collects problems and gives each its place. Knows paths and places; judges nothing.
 *
 * @module
 */

import { nearest } from "./near.ts";
import { formatPath, type Path, type Problem, type ProblemCode } from "./problem.ts";
import type { Places } from "./tree.ts";

/**
 * Pairs of letters that may be compared for suggestions, so that they take no more than a moment: about
 * 5 ns each.
 */
const MAX_COMPARED = 30_000_000;
/** What a comparison of short words costs at least. */
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
   * @param problems What is known to be wrong already
   */
  constructor(places: Places, problems: readonly Problem[] = []) {
    this.#places = places;
    this.#problems = [...problems];
  }

  /**
   * Adds what keeps the configuration from being used.
   *
   * @param code What kind of thing is wrong
   * @param path Where
   * @param what What to say
   */
  error(code: ProblemCode, path: Path, what: ProblemText): void {
    this.#add("error", code, { path, what });
  }

  /**
   * Adds what is probably not meant.
   *
   * @param code What kind of thing is wrong
   * @param path Where
   * @param what What to say
   */
  warning(code: ProblemCode, path: Path, what: ProblemText): void {
    this.#add("warning", code, { path, what });
  }

  /**
   * Returns where a path is written, for a message about another.
   *
   * @param path The path
   * @returns Text such as `listeners.edge.routes[0] (line 12)`
   */
  refer(path: Path): string {
    const { place, path: written } = this.#places.find(path, "value");
    return `${formatPath(written)} (${
      place.line === undefined ? place.file : `line ${place.line}`
    })`;
  }

  /**
   * Finds what was probably meant, as long as the configuration does not ask it too often.
   *
   * @param word What was written
   * @param candidates What is legal
   * @returns The nearest candidate, or `undefined` if none is near
   */
  nearest(word: string, candidates: readonly string[]): string | undefined {
    if (this.#compared > MAX_COMPARED) return undefined;
    for (const { length } of candidates) {
      this.#compared += Math.max(LEAST_COMPARED, word.length * length);
    }
    return this.#compared > MAX_COMPARED ? undefined : nearest(word, candidates);
  }

  /**
   * Gives all problems, those of the file in the order of its lines.
   *
   * @returns The problems
   */
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
