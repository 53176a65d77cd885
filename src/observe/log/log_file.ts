/**
 * Opens the file that log lines go to. Knows neither lines nor when to open it again.
 *
 * @module
 */

import { fileFault, ShuntError } from "../../errors.ts";
import { inTime } from "../../within.ts";

/** The owner writes and the group reads, as for logs on Debian, since lines name clients. */
const MODE = 0o640;
/** Milliseconds that opening it may take. */
const OPEN_MS = 5000;

/**
 * Opens a log file for appending, and creates it if necessary.
 *
 * @param path Where it is
 * @returns The open file
 * @throws {ShuntError} with code `log_file` if lines cannot be written to it
 */
export async function openLogFile(path: string): Promise<Deno.FsFile> {
  const found = await Deno.stat(path).catch(() => undefined);
  // Opening a pipe waits until it has a reader, possibly for ever.
  if (found?.isFifo || found?.isSocket) throw unusable(path, "it is a pipe or socket");
  try {
    const opened = Deno.open(path, { append: true, create: true, mode: MODE });
    // It may have become a pipe since.
    return await inTime(opened, OPEN_MS, new Error("it does not open"), (file) => file.close());
  } catch (error) {
    throw unusable(path, fileFault(error).replace(/: open '.*'$/, ""), error);
  }
}

function unusable(path: string, why: string, cause?: unknown): ShuntError {
  return new ShuntError(
    `Cannot open log file "${path}": ${why}; make it writable, set another "log.file", or none for standard error`,
    { code: "log_file", context: { path }, cause },
  );
}
