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
  /** What is in it. */
  readonly text: string;
  /** Unset if the file has errors. */
  readonly config: Config | undefined;
  /** Errors and warnings, as people read them. */
  readonly problems: readonly string[];
}

/**
 * Reports which file `-c` names.
 *
 * @param options The verb's options
 */
export function configPath(options: Options): string {
  return options.get("config") ?? DEFAULT_CONFIG;
}

/** How a file is loaded. */
export interface LoadOptions {
  /** What is in the file; read from it unless given. */
  readonly text?: string | undefined;
  /** How to check it: in this thread unless given. */
  readonly check?: (question: CheckQuestion) => Checked | Promise<Checked>;
}

/**
 * Reads and checks the file that `-c` names.
 *
 * @param options The verb's options
 * @param load How to load it
 * @returns The configuration, unless there are errors, and what is wrong with it
 * @throws {InputError} when the file cannot be read
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
 * Reads and checks the file that `-c` names; its problems go to the terminal.
 *
 * @param options The verb's options
 * @param terminal Where problems go
 * @returns The configuration, unless there are errors
 * @throws {InputError} when the file cannot be read
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
