/**
 * What the build has stamped into the file that runs. Knows nothing where shunt runs from source.
 *
 * @module
 */

/** What a build knows of itself. */
export interface Build {
  /** The git commit, with `-dirty` where files differed from it; `null` where there was no git. */
  readonly commit: string | null;
}

/** Declared by the first lines of a bundle. */
declare const SHUNT_BUILD: Build | undefined;

/** The build, where this is one: all modules are one file then, which is also what workers run. */
export const BUILD: Build | undefined = typeof SHUNT_BUILD === "undefined"
  ? undefined
  : SHUNT_BUILD;

/** The name of a worker that checks a configuration, by which the one file knows what it is to be. */
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
