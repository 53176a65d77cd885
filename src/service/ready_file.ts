/**
 * The ready file, which shows that everything is bound, and to which addresses. Knows paths and text; binds
 * nothing.
 *
 * @module
 */

import { messageOf, ShuntError } from "../errors.ts";
import { readTextFile } from "../text_file.ts";
import type { BoundAddresses } from "../listen/bind.ts";
import { UsageError } from "./options.ts";

/** The content of the file. */
export interface Ready {
  readonly pid: number;
  /** The admin address, or null if it is off. */
  readonly admin: string | null;
  /** The bound addresses of each listener. */
  readonly listeners: Readonly<Record<string, BoundAddresses>>;
}

/**
 * Writes the file, which appears whole: a program that waits for it never reads half of it.
 *
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

/** Runs work on the file that becomes the ready file. */
async function writing(path: string, work: (unfinished: string) => Promise<void>): Promise<void> {
  const unfinished = `${path}.${Deno.pid}.tmp`;
  try {
    await work(unfinished);
  } catch (error) {
    // On a full disk there is an empty file.
    await removeReadyFile(unfinished).catch(() => {});
    throw new ShuntError(`Cannot write ready file "${path}": ${messageOf(error)}`, {
      code: "bad_ready_file",
    });
  }
}

/**
 * Removes the file: an old one must not look like this run's. Removes nothing but a file.
 *
 * @param pid The process that must have written it; at the end of a process the file may be its successor's
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

/** Writes a new file. The name is known in advance, so a link that someone has put in its place is not followed. */
async function writeAnew(path: string, text: string): Promise<void> {
  await removeReadyFile(path);
  await Deno.writeTextFile(path, text, { createNew: true });
}
