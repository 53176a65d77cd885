/**
 * Reads a configuration file for a verb, and prints its problems. Knows no verb.
 *
 * @module
 */

import { fileFault } from "../errors.ts";
import { readTextFile } from "../text_file.ts";
import type { Config } from "../config/schema.ts";
import { type Checked, type CheckQuestion, checkText } from "./check_text.ts";
import { InputError, type Options, type Terminal } from "./options.ts";

/** The file that is read if `-c` is not given. */
export const DEFAULT_CONFIG = "config.yaml";

/** The options of every verb that reads a configuration. */
export const CONFIG_OPTIONS = { string: ["config"], collect: ["set"] } as const;

/** A file that was read and checked. */
export interface ConfigFile {
  readonly file: string;
  readonly text: string;
  /** Unset if the file has errors. */
  readonly config: Config | undefined;
  /** Errors and warnings, as lines for people. */
  readonly problems: readonly string[];
}

/** Returns the file that `-c` names. */
function configPath(options: Options): string {
  return options.get("config") ?? DEFAULT_CONFIG;
}

/** How to load a file. */
export interface LoadOptions {
  /** The text of the file, which is read unless given. */
  readonly text?: string | undefined;
  /** Checks it; in this thread unless given. */
  readonly check?: (question: CheckQuestion) => Checked | Promise<Checked>;
}

/**
 * Reads and checks the file that `-c` names.
 *
 * @throws {InputError} if the file cannot be read
 */
export async function loadFile(
  options: Options,
  { text, check = checkText }: LoadOptions = {},
): Promise<ConfigFile> {
  const file = configPath(options);
  const read = text ?? await readText(file);
  if (read.includes("\0")) throw new InputError(`Cannot read "${file}": it is not a text file`);
  const { config, problems } = await check({ text: read, file, set: options.all("set") });
  return { file, text: read, config, problems };
}

/**
 * Reads and checks the file that `-c` names, and prints its problems.
 *
 * @throws {InputError} if the file cannot be read
 */
export async function readConfig(options: Options, terminal: Terminal): Promise<ConfigFile> {
  const loaded = await loadFile(options);
  for (const problem of loaded.problems) terminal.err(problem);
  return loaded;
}

async function readText(file: string): Promise<string> {
  try {
    return await readTextFile(file, { pipe: true });
  } catch (error) {
    const hint = error instanceof Deno.errors.NotFound
      ? `it does not exist; "shunt init > ${file}" writes one to start from`
      : fileFault(error);
    throw new InputError(`Cannot read "${file}": ${hint}`);
  }
}
