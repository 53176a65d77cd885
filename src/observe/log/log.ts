/**
 * Writes log lines as text or JSON lines, to standard error or a file. Knows nothing about what is logged.
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

/** Milliseconds between two messages on standard error about a file that cannot be written. */
const REPORT_MS = 60_000;

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
const formatJson: TextFormatter = getJsonLinesFormatter({
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

/** Returns the formatter of a format in `log.format`. */
export function formatterOf(format: LogSettings["format"]): TextFormatter {
  return format === "json" ? formatJson : formatText;
}

function writeToStderr(bytes: Uint8Array): Promise<number> {
  return Deno.stderr.write(bytes);
}

/**
 * Sets up the process's log.
 *
 * @param config The `log` part of the configuration
 * @param stderr Writes lines if there is no file, and errors of the file
 * @returns The log; disposing it writes the remaining lines
 * @throws {ShuntError} with code `log_file` if the file cannot be written
 */
export async function setUpLog(
  config: LogSettings,
  stderr: WriteSome = writeToStderr,
): Promise<RunningLog> {
  const file = config.file === null ? undefined : await openLogFile(config.file);
  const log = new RunningLog(config, { file, stderr });
  await configure(log.loggers());
  return log;
}

/** The log of a running process; {@linkcode setUpLog} sets it up. */
export class RunningLog implements AsyncDisposable {
  readonly #stderr: WriteSome;
  readonly #lines: LineSink;
  #config: LogSettings;
  #file: Deno.FsFile | undefined;
  #reportedAt = -Infinity;

  /**
   * @param config The `log` part
   * @param to The file if there is one, and what writes if there is none
   */
  constructor(
    config: LogSettings,
    { file, stderr }: { readonly file: Deno.FsFile | undefined; readonly stderr: WriteSome },
  ) {
    this.#config = config;
    this.#file = file;
    this.#stderr = stderr;
    this.#lines = new LineSink(this.#writerOf(file), {
      onFailure: (error) => this.#reportFailure(error),
      onDropped: (lines) =>
        logger.warn("Log lines were dropped: they could not be written, or not in time", { lines }),
    });
  }

  /**
   * Writes lines that are already formatted.
   *
   * @param lines One or more lines, each with its line feed
   */
  write(lines: string): void {
    this.#lines.add(lines);
  }

  /**
   * Prepares another configuration. Its file is opened, even if it is the same.
   *
   * @param config The `log` part
   * @throws {ShuntError} with code `log_file` if its file cannot be written
   */
  async prepare(config: LogSettings): Promise<Prepared> {
    const file = config.file === null ? undefined : await openLogFile(config.file);
    return {
      commit: () => {
        this.#config = config;
        configureSync(this.loggers());
        this.#redirect(file);
      },
      abort: () => file?.close(),
    };
  }

  /** Opens the file again after it was renamed. If that fails, lines go on to the old one. */
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
      return this.#toStderr("error", message, { error: messageOf(error) });
    }
    // A reload may have come first.
    if (this.#config.file !== path) return file.close();
    this.#redirect(file);
    logger.info("Opened the log file again", { file: path });
  }

  /** Sends lines to another file, and closes the old one once nothing is written to it. */
  #redirect(file: Deno.FsFile | undefined): void {
    const before = this.#file;
    this.#file = file;
    this.#lines.redirect(this.#writerOf(file)).then(() => before?.close());
  }

  #writerOf(file: Deno.FsFile | undefined): WriteSome {
    return file === undefined ? this.#stderr : (bytes) => file.write(bytes);
  }

  #reportFailure(error: unknown): void {
    // If standard error itself cannot be written, there is no place for a message.
    if (this.#file === undefined || performance.now() - this.#reportedAt < REPORT_MS) return;
    this.#reportedAt = performance.now();
    const message = "Cannot write to the log file; lines are dropped until it can be written";
    this.#toStderr("error", message, { file: this.#config.file, error: messageOf(error) });
  }

  /** Writes a message to standard error, whatever the state of the file. */
  #toStderr(level: LogLevel, message: string, properties: Record<string, unknown>): void {
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

  /** LogTape's configuration for this log. */
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

  /** Writes the remaining lines, and closes the file. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { unreported } = this.#lines;
    if (unreported > 0) {
      logger.warn("Log lines were dropped: they could not be written, or not in time", {
        lines: unreported,
      });
    }
    await this.#lines[Symbol.asyncDispose]();
    await dispose();
    this.#file?.close();
  }
}
