/**
 * Where log lines go and what they look like: text or JSON lines on standard error. Knows nothing
 * of what is logged.
 *
 * @module
 */

import {
  type Config as LogConfig,
  configure,
  configureSync,
  dispose,
  getJsonLinesFormatter,
  type LogRecord,
  type TextFormatter,
} from "@logtape/logtape";
import type { Config } from "../config/schema.ts";
import { LineSink } from "./line_sink.ts";

const PLAIN = /^[\w.:/@+%*[\]-]+$/;

function textValue(value: unknown): string {
  const text = Array.isArray(value) ? value.join(",") : String(value);
  // Names come from the network: quoting keeps a line one line.
  if (PLAIN.test(text)) return text;
  // JSON leaves DEL, the C1 controls and what turns the direction of text, which terminals obey.
  return JSON.stringify(text).replace(
    /[\x7f-\x9f\u2028-\u202e\u2066-\u2069]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

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

/**
 * Tells how lines of a format are written.
 *
 * @param format The configuration's `log.format`
 * @returns The formatter
 */
export function formatterOf(format: Config["log"]["format"]): TextFormatter {
  return format === "json" ? formatJson : formatText;
}

/** A log that is set up. */
export interface RunningLog extends AsyncDisposable {
  /**
   * Goes on with another configuration.
   *
   * @param config The `log` part
   */
  change(config: Config["log"]): void;
  /**
   * Writes lines that are formatted already.
   *
   * @param lines One or more lines, each with its line feed
   */
  write(lines: string): void;
}

async function writeToStderr(bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    written += await Deno.stderr.write(bytes.subarray(written));
  }
}

/**
 * Sets the process's log up.
 *
 * @param config The `log` part of the configuration
 * @param write Writes all of some bytes to where lines go; standard error unless given
 * @returns What writes the rest and takes the log down again
 */
export async function setUpLog(
  config: Config["log"],
  write: (bytes: Uint8Array) => Promise<void> = writeToStderr,
): Promise<RunningLog> {
  const lines = new LineSink(write);
  await configure(loggersOf(config, lines));
  return {
    write: (text) => lines.add(text),
    change: (config) => configureSync(loggersOf(config, lines)),
    async [Symbol.asyncDispose]() {
      if (lines.dropped > 0) {
        lines.add(`${lines.dropped} log lines were dropped: their reader was too slow\n`);
      }
      await lines[Symbol.asyncDispose]();
      await dispose();
    },
  };
}

function loggersOf(config: Config["log"], lines: LineSink) {
  const format = formatterOf(config.format);
  return {
    reset: true,
    sinks: { lines: (record: LogRecord) => lines.add(format(record)) },
    loggers: [
      { category: "shunt", lowestLevel: config.level, sinks: ["lines"] },
      { category: ["logtape", "meta"], lowestLevel: "error" as const, sinks: ["lines"] },
    ],
  } satisfies LogConfig<"lines", string>;
}
