/**
 * What a build is stamped with: its commit, and the time that its files carry.
 *
 * @module
 */

import { run } from "./_command.ts";

/** What a build is stamped with. */
export interface Stamp {
  /** The commit, with `-dirty` where tracked files differ from it; `null` where there is no git. */
  readonly commit: string | null;
  /** Seconds since 1970: `SOURCE_DATE_EPOCH`, or else the time of the commit, or else 0. */
  readonly epoch: number;
}

/**
 * Finds out what to stamp.
 *
 * @returns The stamp
 * @throws {Error} when `SOURCE_DATE_EPOCH` is no number of seconds
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
