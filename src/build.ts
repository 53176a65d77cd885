/**
 * What the build has stamped into the bundle. Empty if shunt runs from source.
 *
 * @module
 */

/** What a build knows of itself. */
export interface Build {
  /** The git commit, with `-dirty` if files differed from it; `null` if there was no git. */
  readonly commit: string | null;
}

/** Declared by the first lines of a bundle. */
declare const SHUNT_BUILD: Build | undefined;

/** Set in a build, where all modules are one file, which is also what workers run. */
export const BUILD: Build | undefined = typeof SHUNT_BUILD === "undefined"
  ? undefined
  : SHUNT_BUILD;

/** The name of a worker that checks a configuration; the bundle knows by it what to run. */
export const CHECK_WORKER = "shunt check";

/**
 * Finds the module of a worker. In a build the one file is the worker's too.
 *
 * @param path Where it is, seen from here
 * @returns Its URL
 */
export function workerModule(path: string): string {
  return new URL(BUILD === undefined ? path : "", import.meta.url).href;
}
