/**
 * What the build has written into the bundle; nothing if shunt runs from source.
 *
 * @module
 */

/** What a build knows about itself. */
export interface Build {
  /** The git commit, with `-dirty` if files differed from it; `null` if there was no git. */
  readonly commit: string | null;
}

/** Declared by the first lines of a bundle. */
declare const SHUNT_BUILD: Build | undefined;

/** Set in a build, in which all modules are one file, which workers run too. */
export const BUILD: Build | undefined = typeof SHUNT_BUILD === "undefined"
  ? undefined
  : SHUNT_BUILD;

/** The name of a worker that checks a configuration. The bundle decides by it what to run. */
export const CHECK_WORKER = "shunt check";

/** Returns the URL of a worker's module, by its path relative to this one. In a build there is only one file. */
export function workerModule(path: string): string {
  return new URL(BUILD === undefined ? path : "", import.meta.url).href;
}
