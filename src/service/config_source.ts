/**
 * The configuration file of a running shunt: reads it for reloads, and watches it. Knows no reload.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { messageOf } from "../errors.ts";
import { checkAside } from "./check_aside.ts";
import { type ConfigFile, loadFile } from "./config_file.ts";
import type { Options } from "./options.ts";
import { FileWatch } from "./watch.ts";

const logger = getLogger(["shunt", "run"]);

/** The configuration file of a running shunt. */
export class ConfigSource implements AsyncDisposable {
  readonly #options: Options;
  readonly #first: ConfigFile;
  #watch: FileWatch | undefined;

  /**
   * @param options The command line, which names the file
   * @param first The file at the start
   */
  constructor(options: Options, first: ConfigFile) {
    this.#options = options;
    this.#first = first;
  }

  /**
   * Reads and checks the file. While it is watched, an unfinished file is never read.
   *
   * @param text The text of the file, which is read unless given
   * @throws {Error} if the file cannot be read, or is still being written after a while
   */
  async load(text?: string): Promise<ConfigFile> {
    return await loadFile(this.#options, {
      text: text ?? await this.#watch?.read(),
      check: checkAside,
    });
  }

  /** Watches the file. Calls back with the new text once per change, and only after the last call has ended. */
  watch(onChange: (text: string) => Promise<unknown>): void {
    const { file, text } = this.#first;
    this.#watch = new FileWatch(file, {
      text,
      onChange: async (text) => {
        await onChange(text);
      },
      onWaiting: () =>
        logger.info("The configuration is being written; waiting for its end", { file }),
      onMissed: () =>
        logger.warn(
          "A change of the configuration was only seen by looking at the file: nothing announces " +
            "changes there",
          { file },
        ),
      onError: (error) =>
        logger.warn("Cannot watch the configuration", { file, error: messageOf(error) }),
    });
  }

  /** Ends the watch. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#watch?.[Symbol.asyncDispose]();
  }
}
