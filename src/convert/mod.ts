/**
 * Converts configurations of rpxy-l4, sslh and nginx into shunt's. Knows their formats and which of their
 * settings shunt also has; must never know sockets, sessions or how shunt runs.
 *
 * @module
 */

import { ConfigError } from "../errors.ts";
import type { ProtocolInfo } from "../facts/mod.ts";
import { type Format, FORMATS, guessFormat } from "./guess.ts";
import { readNginx } from "./nginx.ts";
import { type Note, type Plan, unreadable } from "./plan.ts";
import { readRpxy } from "./rpxy.ts";
import { settle } from "./settle.ts";
import { readSslh } from "./sslh.ts";
import { writePlan } from "./write.ts";

export { type Format, FORMATS } from "./guess.ts";

/** Real files have a few KiB; shunt reads at most 2 MiB. */
const MAX_LENGTH = 1024 * 1024;

/** How to convert. */
export interface ConvertOptions {
  /** The file's name, for the heading. */
  readonly file: string;
  /** The format; guessed unless given. */
  readonly from?: Format | undefined;
  /** The protocols that shunt detects. */
  readonly protocols: readonly ProtocolInfo[];
}

/** The result of converting. */
export interface Converted {
  /** A configuration for shunt, as YAML text that loads. */
  readonly yaml: string;
  /** The format that was read. */
  readonly format: Format;
  /** The number of directives that were not converted. Comments in the YAML name them. */
  readonly unconverted: number;
}

/**
 * Converts a configuration.
 *
 * @param text The configuration
 * @param options Its name and format, and the protocols that shunt detects
 * @returns YAML text that loads
 * @throws {ConfigError} with code `unreadable` and the line as `context.line` (0 for the whole file) if it
 * cannot be converted
 */
export function convertConfig(text: string, options: ConvertOptions): Converted {
  const { file, protocols } = options;
  if (text.length > MAX_LENGTH) throw unreadable(0, "The file is larger than 1 MiB");
  if (text.includes("\0")) throw unreadable(0, "The file is not a text file");
  const format = options.from ?? guessFormat(text);
  if (format === undefined) {
    throw unreadable(0, `Cannot guess the format; use --from ${FORMATS.join(", ")}`);
  }
  const plan = read(text.replace(/^\uFEFF/, ""), { format, protocols });
  settle(plan, protocols);
  const unconverted = new Set(notesOf(plan).flatMap(({ about }) => about ?? [])).size;
  const heading = [
    `Converted by "shunt convert" from ${JSON.stringify(file)} (${format})`,
    ...(unconverted === 0 ? [] : [`Directives that were not converted: ${unconverted}`]),
  ];
  return { yaml: writePlan(plan, heading), format, unconverted };
}

function read(
  text: string,
  { format, protocols }: {
    readonly format: Format;
    readonly protocols: readonly ProtocolInfo[];
  },
): Plan {
  switch (format) {
    case "rpxy-l4":
      return readRpxy(text, protocols);
    case "sslh":
      return readSslh(text);
    case "nginx":
      return readNginx(text);
  }
}

function notesOf({ notes, listeners, upstreams }: Plan): readonly Note[] {
  return [
    ...notes,
    ...listeners.flatMap((listener) => [
      ...listener.notes,
      ...listener.routes.flatMap((route) => route.notes),
      ...listener.last,
    ]),
    ...upstreams.flatMap((upstream) => upstream.notes),
  ];
}

/**
 * Formats the error of a configuration that could not be converted.
 *
 * @param error What was thrown
 * @param file The file's name
 * @returns A line that starts with the file, or `undefined` if the error has another cause
 */
export function formatUnreadable(error: unknown, file: string): string | undefined {
  if (!(error instanceof ConfigError) || error.code !== "unreadable") return undefined;
  const { line } = error.context;
  return `${file}${line === 0 ? "" : `:${line}`}: error: ${error.message}`;
}
