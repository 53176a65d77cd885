/**
 * Reads the secret of the admin address. Knows a file, not what the secret allows.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { messageOf, ShuntError } from "../errors.ts";
import { readTextFile } from "../text_file.ts";

const logger = getLogger(["shunt", "admin"]);

/** A shorter token could be guessed over a network. */
const MIN_LENGTH = 16;
/** A longer token does not fit into a request's head together with everything else. */
const MAX_LENGTH = 1024;

/**
 * Reads a token.
 *
 * @param path The file, if there is one
 * @returns Its content, without space around it; `undefined` without a file
 * @throws {ShuntError} with code `bad_token_file` if it cannot be read or holds no usable token
 */
export async function readToken(path: string | null | undefined): Promise<string | undefined> {
  if (path === null || path === undefined) return undefined;
  const fail = (why: string, cause?: unknown) =>
    new ShuntError(`Cannot use admin.token_file ${JSON.stringify(path)}: ${why}`, {
      code: "bad_token_file",
      cause,
    });
  let text: string;
  try {
    const { isFile, size, mode } = await Deno.stat(path);
    // Reading anything else may never end, for example while waiting for the writer of a pipe.
    if (!isFile) throw fail("it is not a file");
    if (size > MAX_LENGTH + 2) throw fail(`it is longer than ${MAX_LENGTH} characters`);
    if (mode !== null && (mode & 0o004) !== 0) {
      logger.warn("Everyone on this machine can read the admin token", { token_file: path });
    }
    text = (await readTextFile(path, { most: 2 * MAX_LENGTH })).trim();
  } catch (error) {
    throw error instanceof ShuntError ? error : fail(messageOf(error), error);
  }
  if (!/^[\x21-\x7e]*$/.test(text)) {
    throw fail("it holds more than one word of printable ASCII characters");
  }
  if (text.length >= MIN_LENGTH) return text;
  throw fail(
    `it holds ${text.length} characters, fewer than ${MIN_LENGTH}; "openssl rand -hex 32" makes a good one`,
  );
}
