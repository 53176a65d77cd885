/**
 * Reads the syntax of libconfig: settings with values, groups, lists and arrays, each with its line.
 * Knows no setting.
 *
 * @module
 */

import { type Entry, MAX_DEPTH, type Value } from "./group.ts";
import { unreadable } from "./plan.ts";
import { Scanner } from "./scanner.ts";

/**
 * Reads a text.
 *
 * @param text The text
 * @returns Its settings; an `@include` becomes a setting of that name
 * @throws {ConfigError} with code `unreadable` if the syntax is wrong
 */
export function readLibconfig(text: string): readonly Entry[] {
  const scanner = new Scanner(text);
  const settings = readSettings(scanner, 0);
  if (!scanner.done) throw wrong(scanner, "a setting");
  return settings;
}

function readSettings(scanner: Scanner, depth: number): Entry[] {
  if (depth > MAX_DEPTH) {
    throw unreadable(scanner.line, `Groups are nested deeper than ${MAX_DEPTH} levels`);
  }
  const settings: Entry[] = [];
  for (;;) {
    skipBlank(scanner);
    const { line } = scanner;
    if (scanner.take(/@include/y) !== undefined) {
      skipBlank(scanner);
      settings.push({ name: "@include", value: readString(scanner), line });
      continue;
    }
    const name = scanner.take(/[A-Za-z*][-A-Za-z0-9_*]*/y);
    if (name === undefined) return settings;
    skipBlank(scanner);
    if (scanner.take(/[:=]/y) === undefined) throw wrong(scanner, `":" or "=" after "${name}"`);
    skipBlank(scanner);
    settings.push({ name, value: readValue(scanner, depth), line });
    skipBlank(scanner);
    scanner.take(/[;,]/y);
  }
}

function readValue(scanner: Scanner, depth: number): Value {
  const { line, next } = scanner;
  if (next === '"') return readString(scanner);
  if (scanner.take(/\{/y) !== undefined) {
    const settings = readSettings(scanner, depth + 1);
    if (scanner.take(/\}/y) === undefined) throw wrong(scanner, 'a setting or "}"');
    return { kind: "group", settings, line };
  }
  if (scanner.take(/[([]/y) !== undefined) {
    return { kind: "list", items: readItems(scanner, next === "(" ? ")" : "]", depth + 1), line };
  }
  const word = scanner.take(/[-+]?[A-Za-z0-9.]+(?:[-+][0-9]+)?/y) ?? "";
  const value = scalarOf(word);
  if (value === undefined) {
    throw word === ""
      ? wrong(scanner, "a value")
      : unreadable(line, `Value "${word.slice(0, 40)}" is not known; quote texts`);
  }
  return { kind: "scalar", value, line };
}

function scalarOf(word: string): number | boolean | undefined {
  if (/^(true|false)$/i.test(word)) return word.toLowerCase() === "true";
  if (/^0(x[0-9a-f]+|b[01]+|o[0-7]+)L{0,2}$/i.test(word)) return Number(word.replace(/L+$/i, ""));
  const decimal = /^([-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[-+]?[0-9]+)?)L{0,2}$/i.exec(word)?.[1];
  return decimal === undefined ? undefined : Number(decimal);
}

function readItems(scanner: Scanner, end: string, depth: number): Value[] {
  if (depth > MAX_DEPTH) {
    throw unreadable(scanner.line, `Lists are nested deeper than ${MAX_DEPTH} levels`);
  }
  const items: Value[] = [];
  for (;;) {
    skipBlank(scanner);
    if (scanner.next === end) {
      scanner.take(/[)\]]/y);
      return items;
    }
    items.push(readValue(scanner, depth));
    skipBlank(scanner);
    if (scanner.take(/,/y) === undefined && scanner.next !== end) {
      throw wrong(scanner, `"," or "${end}"`);
    }
  }
}

/** Reads a string. Adjacent strings are joined. */
function readString(scanner: Scanner): Value {
  const { line } = scanner;
  const parts: string[] = [];
  for (;;) {
    const part = scanner.take(/"(?:[^"\\]|\\[\s\S])*"/y);
    if (part === undefined) break;
    parts.push(part.slice(1, -1).replaceAll(/\\(x[0-9a-fA-F]{2}|[\s\S])/g, unescape));
    skipBlank(scanner);
  }
  if (parts.length === 0) throw wrong(scanner, "a text in quotes that ends");
  return { kind: "scalar", value: parts.join(""), line };
}

function unescape(_: string, code: string): string {
  if (code.length > 1) return String.fromCharCode(parseInt(code.slice(1), 16));
  const known: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", f: "\f" };
  return known[code] ?? code;
}

function skipBlank(scanner: Scanner): void {
  while (
    scanner.take(/\s+/y) !== undefined || scanner.take(/(?:#|\/\/)[^\n]*/y) !== undefined ||
    scanner.take(/\/\*[\s\S]*?\*\//y) !== undefined
  );
}

function wrong({ line, next, done }: Scanner, what: string): Error {
  const found = done ? "the end of the file" : JSON.stringify(next);
  return unreadable(line, `Expected ${what}, got ${found}; correct the syntax`);
}
