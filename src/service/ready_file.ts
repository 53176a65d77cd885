/**
 * The ready file: reports that all is bound, and to which addresses. Knows paths and text,
 * never what is bound.
 *
 * @module
 */

import { messageOf, ShuntError } from "../errors.ts";
import { readTextFile } from "../text_file.ts";
import type { BoundAddresses } from "../listen/bind.ts";
import { UsageError } from "./options.ts";

/** What it says. */
export interface Ready {
  /** The process. */
  readonly pid: number;
  /** The admin address, or null if it is off. */
  readonly admin: string | null;
  /** What each listener is bound to. */
  readonly listeners: Readonly<Record<string, BoundAddresses>>;
}

/**
 * Writes the file, which appears whole: a program that waits for it never reads half of it.
 *
 * @param path Where
 * @param ready What to say
 * @throws {ShuntError} with code `bad_ready_file`
 */
export async function writeReadyFile(
  path: string,
  { pid, admin, listeners }: Ready,
): Promise<void> {
  await writing(path, async (unfinished) => {
    await writeAnew(unfinished, `${JSON.stringify({ pid, admin, listeners })}\n`);
    await Deno.rename(unfinished, path);
  });
}

/**
 * Makes sure that the file can be written.
 *
 * @param path Where
 * @throws {ShuntError} with code `bad_ready_file`
 */
export async function tryReadyFile(path: string): Promise<void> {
  await writing(path, async (unfinished) => {
    const old = await Deno.lstat(path).catch(() => undefined);
    if (old?.isDirectory) throw new Error("it is a directory");
    await writeAnew(unfinished, "");
    await Deno.remove(unfinished);
  });
}

/** Does something with the file that becomes the ready file. */
async function writing(path: string, work: (unfinished: string) => Promise<void>): Promise<void> {
  const unfinished = `${path}.${Deno.pid}.tmp`;
  try {
    await work(unfinished);
  } catch (error) {
    // On a full disk there is a file, and nothing in it.
    await removeReadyFile(unfinished).catch(() => {});
    throw new ShuntError(`Cannot write ready file "${path}": ${messageOf(error)}`, {
      code: "bad_ready_file",
    });
  }
}

/**
 * Removes the file: an old one must not be taken for this run's. Nothing but a file is ever removed.
 *
 * @param path Its path
 * @param pid Whose it has to be: at the end of a process it may be its successor's
 * @throws {UsageError} if a directory is in its place
 */
export async function removeReadyFile(path: string, pid?: number): Promise<void> {
  try {
    if (pid !== undefined && !(await readTextFile(path)).startsWith(`{"pid":${pid},`)) return;
    if ((await Deno.lstat(path)).isDirectory) {
      throw new UsageError(`Cannot use ready file "${path}": it is a directory`);
    }
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** The name is known in advance, so a link that someone has put in its place is not followed. */
async function writeAnew(path: string, text: string): Promise<void> {
  await removeReadyFile(path);
  await Deno.writeTextFile(path, text, { createNew: true });
}
