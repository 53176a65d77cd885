/**
 * The stamp of a build: its commit, and the time of its files.
 *
 * @module
 */

import { run } from "./_command.ts";

/** The stamp of a build. */
export interface Stamp {
  /** The commit, with `-dirty` if tracked files differ from it; `null` if there is no git. */
  readonly commit: string | null;
  /** Seconds since 1970: `SOURCE_DATE_EPOCH`, else the time of the commit, else 0. */
  readonly epoch: number;
}

/**
 * Determines the stamp.
 *
 * @returns The stamp
 * @throws {Error} if `SOURCE_DATE_EPOCH` is no number of seconds
 */
export async function findStamp(): Promise<Stamp> {
  const [commit, time, changes] = await Promise.all([
    git("rev-parse", "--short=12", "HEAD"),
    git("log", "-1", "--format=%ct"),
    git("status", "--porcelain", "--untracked-files=no"),
  ]);
  const epoch = Deno.env.get("SOURCE_DATE_EPOCH") ?? time ?? "0";
  if (!/^[0-9]{1,11}$/.test(epoch)) {
    throw new Error(`SOURCE_DATE_EPOCH "${epoch}" is no number of seconds`);
  }
  return {
    commit: commit === undefined || changes === "" ? commit ?? null : `${commit}-dirty`,
    epoch: Number(epoch),
  };
}

async function git(...args: readonly string[]): Promise<string | undefined> {
  try {
    const { ok, out } = await run("git", args);
    return ok ? out.trim() : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
