/**
 * The kinds of value that keys hold, as zod schemas: each reads a value of YAML, names what it expects
 * and describes itself for the JSON Schema. Knows no key.
 *
 * In issues about a wrong type, value or union, a schema's message is only what was expected;
 * zod_issues.ts writes the sentence around it.
 *
 * @module
 */

import { z } from "zod";
import {
  isIpLiteral,
  parseSocketAddress,
  parseTargetAddress,
  type TargetAddress,
} from "../wire/address.ts";
import type { Kind } from "../facts/kind.ts";
import { parseTemplate, TEMPLATE_FIELDS } from "../observe/access/template.ts";
import { nearest } from "./near.ts";
import {
  BANDWIDTH,
  DURATION,
  formatDuration,
  formatRate,
  formatSize,
  parseBandwidth,
  parseDuration,
  parseRate,
  parseShare,
  parseSize,
  RATE,
  SHARE,
  SIZE,
} from "./scalars.ts";
import { type Fault, isFault, listWords, quote } from "../wording.ts";

/** The least and the greatest legal value. */
interface Bounds {
  readonly min: number;
  readonly max: number;
}

/** A schema that reads a text and returns a value of another type. */
type Text<T> = z.ZodType<T, string>;

function text<T>(
  parse: (text: string) => T | Fault,
  { what, title, pattern }: {
    readonly what: string;
    readonly title: string;
    readonly pattern?: string;
  },
): Text<T> {
  return z.string({ error: () => what }).transform((input, context): T => {
    const value = parse(input);
    if (!isFault(value)) return value;
    const params = { hint: value.hint };
    context.issues.push({ code: "custom", message: value.fault, params, input });
    return z.NEVER;
  }).meta({ title, ...(pattern === undefined ? {} : { pattern }) });
}

function bounded(
  parse: (text: string) => number | Fault,
  { min, max, format }: Bounds & { readonly format: (value: number) => string },
): (text: string) => number | Fault {
  return (text) => {
    const value = parse(text);
    if (isFault(value) || (value >= min && value <= max)) return value;
    return { fault: `Expected ${format(min)} to ${format(max)}, got ${quote(text)}` };
  };
}

/**
 * A duration.
 *
 * @param min The least one, as written in a configuration
 * @param max The greatest one
 * @returns A schema that returns milliseconds
 */
export function duration(min: string, max: string): Text<number> {
  const bounds = { min: parseDuration(min) as number, max: parseDuration(max) as number };
  return text(bounded(parseDuration, { ...bounds, format: formatDuration }), {
    what: DURATION,
    title: `duration, ${min} to ${max}`,
    pattern: "^[0-9]{1,9}(ms|s|m|h)$",
  });
}

/**
 * A size, also as a plain number of bytes.
 *
 * @param min The least one, as written in a configuration
 * @param max The greatest one
 * @returns A schema that returns bytes
 */
export function size(min: string, max: string): z.ZodType<number, string | number> {
  const bounds = { min: parseSize(min) as number, max: parseSize(max) as number };
  const what = `${SIZE}, or a number of bytes`;
  const title = `size, ${min} to ${max}`;
  return z.union([
    text(bounded(parseSize, { ...bounds, format: formatSize }), {
      what,
      title,
      pattern: "^[0-9]{1,9}(B|KiB|MiB|GiB)$",
    }),
    count(bounds),
  ], { error: () => what }).meta({ title });
}

/**
 * A size, or `auto`.
 *
 * @param min The least one, as written in a configuration
 * @param max The greatest one
 * @returns A schema that returns bytes, or `auto`
 */
export function autoSize(
  min: string,
  max: string,
): z.ZodType<number | "auto", string | number> {
  const bounds = { min: parseSize(min) as number, max: parseSize(max) as number };
  const what = `"auto", ${SIZE}, or a number of bytes`;
  const read = bounded(parseSize, { ...bounds, format: formatSize });
  return z.union([
    text<number | "auto">((input) => {
      if (input === "auto") return "auto";
      if (isFault(parseSize(input))) return { fault: `Expected ${what}, got ${quote(input)}` };
      return read(input);
    }, { what, title: "size", pattern: "^(auto|[0-9]{1,9}(B|KiB|MiB|GiB))$" }),
    count(bounds),
  ], { error: () => what }).meta({ title: `"auto" or size, ${min} to ${max}` });
}

/** A whole number, or `auto`. */
export function autoCount(bounds: Bounds): z.ZodType<number | "auto", number | "auto"> {
  return z.union([z.literal("auto"), count(bounds)], { error: () => '"auto" or a whole number' })
    .meta({ title: `"auto" or number, ${bounds.min} to ${bounds.max}` });
}

/** A rate of at most so many per second: a schema that returns a number per second. */
export function rate(max: number): Text<number> {
  return text(bounded(parseRate, { min: 0, max, format: formatRate }), {
    what: RATE,
    title: `rate, 0/s to ${formatRate(max)}`,
    pattern: "^[0-9]{1,9}(\\.[0-9]{1,3})?/s$",
  });
}

/** A bandwidth: a schema that returns bytes per second. */
export const bandwidth: Text<number> = text(parseBandwidth, {
  what: BANDWIDTH,
  title: "bandwidth",
  pattern: "^[0-9]{1,9}(B|KiB|MiB|GiB)/s$",
});

/** A share: a schema that returns a number from 0 to 1. */
export const share: Text<number> = text(parseShare, {
  what: SHARE,
  title: "share, 0% to 100%",
  pattern: "^[0-9]{1,3}(\\.[0-9]{1,3})?%$",
});

/** A whole number. */
export function count({ min, max }: Bounds): z.ZodType<number, number> {
  return z.int({ error: () => "a whole number" }).min(min).max(max)
    .meta({ title: `number, ${min} to ${max}` });
}

/** One of some words. */
export function choice<const W extends readonly string[]>(words: W): z.ZodType<W[number], string> {
  return z.enum(words, { error: () => listWords(words) }) as z.ZodType<W[number], string>;
}

/**
 * A list; a single value is read as a list of one.
 *
 * @param item The schema of one element
 * @param options What the elements are, for messages, and whether the list may be empty
 */
export function list<T>(
  item: z.ZodType<T, string>,
  { what, empty = false }: { readonly what: string; readonly empty?: boolean },
): z.ZodType<T[], string | string[]> {
  return z.union([
    z.array(item).min(empty ? 0 : 1),
    item.transform((value) => [value]),
  ], { error: () => `${what} or a list of such` }).meta({ title: `${what} or a list of such` });
}

/** Characters that a name may have: it becomes a label in logs and metrics and a part of key paths. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/;

/** Returns what is wrong with a name of a listener or upstream, or `undefined`. */
export function nameFault(name: string): Fault | undefined {
  const fault = `Name ${quote(name)} cannot be used`;
  if (name in Object.prototype) {
    return { fault: `${fault}: every object of JavaScript has it`, hint: "use another" };
  }
  if (NAME.test(name)) return undefined;
  return {
    fault,
    hint: 'use up to 63 letters, digits, "-" and "_", the first a letter or digit',
  };
}

/**
 * The name of a listener or upstream, as a key. zod would not look at the values under a bad name, so
 * check.ts refuses bad names.
 */
export const name: z.ZodType<string, string> = z.string().meta({ pattern: NAME.source });

/** The name of an upstream, as a value. */
export const reference: z.ZodType<string, string> = z.string({ error: () => "a name" })
  .meta({ title: "name of an upstream" });

/** The name of a protocol; check.ts checks whether there is such a protocol. */
export const protocol: z.ZodType<string, string> = z.string({ error: () => "a protocol" })
  .meta({ title: "protocol" });

/** A pattern of some kind, or a list of such. */
export function patterns(
  { parse, what, listed = what, title, pattern }: Omit<Kind, "read">,
  options: { readonly empty?: boolean } = {},
): z.ZodType<string[], string | string[]> {
  return list(text(parse, { what, title, ...(pattern !== undefined && { pattern }) }), {
    what: listed,
    ...options,
  });
}

function checkBind(input: string): string | Fault {
  const address = parseSocketAddress(input);
  if (typeof address === "string") {
    return { fault: `Cannot parse address ${quote(input)}: ${address}` };
  }
  if (isIpLiteral(address.host) || address.host === "localhost") return input;
  return {
    fault: `Cannot listen on a name, got ${quote(input)}`,
    hint: 'use an IP address or "localhost"',
  };
}

/** An address to listen on. */
export const bindAddress: Text<string> = text(checkBind, {
  what: 'an address such as "0.0.0.0:443"',
  title: "address (IP:PORT)",
});

/** The admin address. */
export const adminAddress: Text<string> = text((input): string | Fault => {
  if (/^unix:./.test(input)) return input;
  return checkBind(input);
}, { what: 'an address such as "127.0.0.1:9901"', title: "address (IP:PORT or unix:PATH)" });

/** A target's address. */
export const targetAddress: Text<TargetAddress> = text((input): TargetAddress | Fault => {
  const address = parseTargetAddress(input);
  if (typeof address !== "string") return address;
  return { fault: `Cannot parse target ${quote(input)}: ${address}` };
}, {
  what: 'an address such as "10.0.0.5:443"',
  title: "address (HOST:PORT, unix:PATH or builtin:NAME)",
});

/** A template of access lines. */
export const accessTemplate: Text<string> = text((input): string | Fault => {
  const parts = parseTemplate(input);
  if (typeof parts === "string" || parts.length === 0) {
    const why = parts.length === 0 ? "it is empty" : parts;
    return { fault: `Cannot use template ${quote(input)}: ${why}` };
  }
  for (const part of parts) {
    if (typeof part === "string" || TEMPLATE_FIELDS.includes(part.field)) continue;
    const near = nearest(part.field, TEMPLATE_FIELDS) ??
      TEMPLATE_FIELDS.find((field) => field.split("_").includes(part.field));
    const hint = near === undefined
      ? `there are ${TEMPLATE_FIELDS.join(", ")}`
      : `did you mean ${quote(`{${near}}`)}?`;
    return { fault: `Unknown field ${quote(`{${part.field}}`)}`, hint };
  }
  return input;
}, { what: 'a template such as "{time} {source} {reason}" or null', title: "template or null" });
