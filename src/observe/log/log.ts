/**
 * Where log lines go and what they look like: text or JSON lines on standard error or in a file. Knows
 * nothing of what is logged.
 *
 * @module
 */

import {
  type Config as LogConfig,
  configure,
  configureSync,
  dispose,
  getJsonLinesFormatter,
  getLogger,
  type LogLevel,
  type LogRecord,
  type TextFormatter,
} from "@logtape/logtape";
import { messageOf } from "../../errors.ts";
import type { Prepared } from "../../prepared.ts";
import { LineSink, type WriteSome } from "./line_sink.ts";
import { openLogFile } from "./log_file.ts";
import { textValue } from "./text_value.ts";

const logger = getLogger(["shunt", "log"]);

/** Milliseconds between two words on standard error of a file that cannot be written. */
const TELL_MS = 60_000;

/**
 * Writes a record as one line of text: time, level, category, message, then `key=value` pairs.
 *
 * @param record The record
 * @returns The line, with its line feed
 */
export const formatText: TextFormatter = (record: LogRecord): string => {
  const time = new Date(record.timestamp).toISOString();
  const category = record.category.slice(1).join(".");
  let line = `${time} ${record.level.padEnd(7)} ${category ? `${category}: ` : ""}`;
  line += record.message.map(String).join("");
  for (const key in record.properties) {
    const value = record.properties[key];
    if (value !== undefined) line += ` ${key}=${textValue(value)}`;
  }
  return line + "\n";
};

/** Writes a record as one line of JSON. */
export const formatJson: TextFormatter = getJsonLinesFormatter({
  categorySeparator: ".",
  message: "rendered",
  properties: "flatten",
});

/** The configuration's `log` part. */
export interface LogSettings {
  readonly level: LogLevel;
  readonly format: "text" | "json";
  readonly access: boolean;
  /** Access lines a second; 0 = no limit. */
  readonly access_rate: number;
  readonly template: string | null;
  /** Path of the log file; null is standard error. */
  readonly file: string | null;
}

/**
 * Reports how lines of a format are written.
 *
 * @param format The configuration's `log.format`
 * @returns The formatter
 */
export function formatterOf(format: LogSettings["format"]): TextFormatter {
  return format === "json" ? formatJson : formatText;
}

/** A log that is set up. */
export interface RunningLog extends AsyncDisposable {
  /**
   * Makes another configuration ready; its file is opened, also where it is the same.
   *
   * @param config The `log` part
   * @throws {ShuntError} with code `log_file` if its file cannot be written
   */
  prepare(config: LogSettings): Promise<Prepared>;
  /** Opens the file again, after it was renamed; where that fails lines go on to the old one. */
  reopen(): Promise<void>;
  /**
   * Writes lines that are formatted already.
   *
   * @param lines One or more lines, each with its line feed
   */
  write(lines: string): void;
}

function writeToStderr(bytes: Uint8Array): Promise<number> {
  return Deno.stderr.write(bytes);
}

/**
 * Sets the process's log up.
 *
 * @param config The `log` part of the configuration
 * @param stderr Writes to where lines go unless there is a file, and what is wrong with the file
 * @returns What writes the rest and takes the log down again
 * @throws {ShuntError} with code `log_file` if the file cannot be written
 */
export async function setUpLog(
  config: LogSettings,
  stderr: WriteSome = writeToStderr,
): Promise<RunningLog> {
  const file = config.file === null ? undefined : await openLogFile(config.file);
  const log = new ProcessLog(config, { file, stderr });
  await configure(log.loggers());
  return log;
}

class ProcessLog implements RunningLog {
  readonly #stderr: WriteSome;
  readonly #lines: LineSink;
  #config: LogSettings;
  #file: Deno.FsFile | undefined;
  #toldAt = -Infinity;

  constructor(
    config: LogSettings,
    { file, stderr }: { readonly file: Deno.FsFile | undefined; readonly stderr: WriteSome },
  ) {
    this.#config = config;
    this.#file = file;
    this.#stderr = stderr;
    this.#lines = new LineSink(this.#writerOf(file), {
      onFailure: (error) => this.#tellFailure(error),
      onDropped: (lines) =>
        logger.warn("Log lines were dropped: they could not be written, or not in time", { lines }),
    });
  }

  write(lines: string): void {
    this.#lines.add(lines);
  }

  async prepare(config: LogSettings): Promise<Prepared> {
    const file = config.file === null ? undefined : await openLogFile(config.file);
    return {
      commit: () => {
        this.#config = config;
        configureSync(this.loggers());
        this.#turnTo(file);
      },
      abort: () => file?.close(),
    };
  }

  async reopen(): Promise<void> {
    const { file: path } = this.#config;
    if (path === null) {
      logger.info('There is no log file to open again: "log.file" is not set');
      return;
    }
    let file: Deno.FsFile;
    try {
      file = await openLogFile(path);
    } catch (error) {
      const message = "Cannot open the log file again; lines go on to the one that was open";
      logger.error(message, { error: messageOf(error) });
      return this.#say("error", message, { error: messageOf(error) });
    }
    // A reload may have been quicker.
    if (this.#config.file !== path) return file.close();
    this.#turnTo(file);
    logger.info("Opened the log file again", { file: path });
  }

  /** Has lines go to another file, and closes the one before once nothing is written to it. */
  #turnTo(file: Deno.FsFile | undefined): void {
    const before = this.#file;
    this.#file = file;
    this.#lines.redirect(this.#writerOf(file)).then(() => before?.close());
  }

  #writerOf(file: Deno.FsFile | undefined): WriteSome {
    return file === undefined ? this.#stderr : (bytes) => file.write(bytes);
  }

  #tellFailure(error: unknown): void {
    // Where nobody reads standard error any more there is nobody to tell.
    if (this.#file === undefined || performance.now() - this.#toldAt < TELL_MS) return;
    this.#toldAt = performance.now();
    this.#say("error", "Cannot write to the log file; lines are dropped until it can be written", {
      file: this.#config.file,
      error: messageOf(error),
    });
  }

  /** Says something on standard error, whatever the file is like. */
  #say(level: LogLevel, message: string, properties: Record<string, unknown>): void {
    const line = formatterOf(this.#config.format)({
      category: ["shunt", "log"],
      level,
      message: [message],
      rawMessage: message,
      timestamp: Date.now(),
      properties,
    });
    this.#stderr(new TextEncoder().encode(line)).catch(() => {});
  }

  loggers() {
    const { format, level } = this.#config;
    const formatter = formatterOf(format);
    return {
      reset: true,
      sinks: { lines: (record: LogRecord) => this.#lines.add(formatter(record)) },
      loggers: [
        { category: "shunt", lowestLevel: level, sinks: ["lines"] },
        { category: ["logtape", "meta"], lowestLevel: "error" as const, sinks: ["lines"] },
      ],
    } satisfies LogConfig<"lines", string>;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { untold } = this.#lines;
    if (untold > 0) {
      logger.warn("Log lines were dropped: they could not be written, or not in time", {
        lines: untold,
      });
    }
    await this.#lines[Symbol.asyncDispose]();
    await dispose();
    this.#file?.close();
  }
}
