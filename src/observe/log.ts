/**
 * Where log lines go and what they look like: text or JSON lines on standard error. Knows nothing
 * of what is logged.
 *
 * @module
 */

import {
  configure,
  dispose,
  getJsonLinesFormatter,
  getStreamSink,
  type LogRecord,
  type TextFormatter,
} from "@logtape/logtape";
import type { Config } from "../config/schema.ts";

/** Lines that may wait for a slow reader of the log; what comes above twice as many is dropped. */
const BUFFERED_LINES = 8192;
const FLUSH_MS = 50;

const PLAIN = /^[\w.:/@+%*[\]-]+$/;

function textValue(value: unknown): string {
  const text = Array.isArray(value) ? value.join(",") : String(value);
  // Names come from the network: quoting keeps a line one line.
  if (PLAIN.test(text)) return text;
  // JSON leaves DEL and the C1 controls as they are, which terminals obey.
  return JSON.stringify(text)
    .replace(/[\x7f-\x9f]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`);
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

const formatJson: TextFormatter = getJsonLinesFormatter({
  categorySeparator: ".",
  message: "rendered",
  properties: "flatten",
});

/**
 * Sets the process's log up.
 *
 * @param config The `log` part of the configuration
 * @param stream Where lines go
 * @returns What writes the rest and takes the log down again
 */
export async function setUpLog(
  config: Config["log"],
  stream: WritableStream = Deno.stderr.writable,
): Promise<AsyncDisposable> {
  let dropped = 0;
  const sink = getStreamSink(stream, {
    formatter: config.format === "json" ? formatJson : formatText,
    nonBlocking: {
      bufferSize: BUFFERED_LINES,
      flushInterval: FLUSH_MS,
      onDrop: ({ count }) => dropped += count,
    },
  });
  await configure({
    reset: true,
    sinks: { stream: sink },
    loggers: [
      { category: "shunt", lowestLevel: config.level, sinks: ["stream"] },
      {
        category: ["shunt", "access"],
        lowestLevel: "info",
        sinks: ["stream"],
        parentSinks: "override",
      },
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["stream"] },
    ],
  });
  return {
    async [Symbol.asyncDispose]() {
      await dispose();
      if (dropped > 0) {
        await Deno.stderr.write(
          new TextEncoder().encode(
            `${dropped} log lines were dropped: standard error was too slow\n`,
          ),
        );
      }
    },
  };
}
