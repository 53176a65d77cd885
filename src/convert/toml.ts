/**
 * Reads TOML: values and tables, each with its line. Knows no key.
 *
 * @module
 */

import { type AST, ParseError, parseTOML } from "toml-eslint-parser";
import { type Entry, Group, MAX_DEPTH, type Value } from "./group.ts";
import { type Item, unreadable } from "./plan.ts";

/** A table of a TOML text. */
export class TomlTable extends Group {
  /**
   * Reads a list of texts, also a single one.
   *
   * @param name Its name
   * @returns The texts, unless it is absent
   * @throws {ConfigError} when it is something else
   */
  texts(name: string): readonly Item<string>[] | undefined {
    const value = this.ask(name);
    if (value === undefined) return undefined;
    return (value.kind === "list" ? value.items : [value]).map((item) => {
      if (item.kind !== "scalar" || typeof item.value !== "string") {
        throw this.wrong(name, "a list of texts");
      }
      return { value: item.value, from: this.origin(name) };
    });
  }

  /**
   * Reads a table.
   *
   * @param name Its name
   * @returns The table, unless it is absent
   * @throws {ConfigError} when it is something else
   */
  table(name: string): TomlTable | undefined {
    const value = this.ask(name);
    if (value === undefined) return undefined;
    if (value.kind !== "group") throw this.wrong(name, "a table");
    return new TomlTable(value.settings, this.origin(name));
  }

  /** The path from the top. */
  protected override directive(name: string): string {
    return this.own.directive === "" ? name : `${this.own.directive}.${name}`;
  }
}

/**
 * Reads a text.
 *
 * @param text The text
 * @returns What stands at its top
 * @throws {ConfigError} with code `unreadable` when the syntax is wrong
 */
export function readToml(text: string): readonly Entry[] {
  const top = emptyTable(1);
  for (const node of parse(text)) {
    if (node.type === "TOMLKeyValue") addEntry(top, node, 0);
    else {
      const table = openTable(top, node);
      for (const entry of node.body) addEntry(table, entry, 0);
    }
  }
  return top.settings;
}

function parse(text: string): AST.TOMLTopLevelTable["body"] {
  try {
    return parseTOML(text).body[0].body;
  } catch (error) {
    if (error instanceof ParseError) {
      throw unreadable(lineOf(text, error), `${error.message}; correct the TOML`);
    }
    // The parser calls itself for each level, and a function with an argument for each character.
    if (error instanceof RangeError) {
      throw unreadable(0, "A value is nested too deeply or too long");
    }
    throw error;
  }
}

/**
 * Finds the line of an error. What is missing is missing after the last word: the parser names the place
 * where it looked for it, which may be some lines below.
 */
function lineOf(text: string, { index, message }: ParseError): number {
  const isBehind = message.endsWith("must be on the same line");
  const skipped = isBehind ? /^\s*(?:#|$)/ : /^\s*$/;
  const lines = text.slice(0, isBehind ? index : index + 1).split("\n");
  return Math.max(1, lines.findLastIndex((line) => !skipped.test(line)) + 1);
}

/** A table while its text is read. */
interface Table {
  readonly kind: "group";
  readonly settings: Entry[];
  readonly line: number;
  /** Tables in it by name: of a list of tables, the text goes on with the last. */
  readonly below: Map<string, Table[]>;
}

function emptyTable(line: number): Table {
  return { kind: "group", settings: [], line, below: new Map() };
}

function openTable(top: Table, { key, kind }: AST.TOMLTable): Table {
  const { table, name, line } = descend(top, key);
  if (kind === "standard") return tableIn(table, name, line);
  // `[[name]]` is one more of a list.
  const one = emptyTable(line);
  const known = table.below.get(name);
  if (known !== undefined) known.push(one);
  else {
    const items = [one];
    table.below.set(name, items);
    table.settings.push({ name, value: { kind: "list", items, line }, line });
  }
  return one;
}

function addEntry(into: Table, { key, value }: AST.TOMLKeyValue, depth: number): void {
  const { table, name, line } = descend(into, key);
  table.settings.push({ name, value: valueOf(value, depth + 1), line });
}

/** Goes down a dotted key, to the table that its last part stands in. */
function descend(
  from: Table,
  { keys, loc }: AST.TOMLKey,
): { readonly table: Table; readonly name: string; readonly line: number } {
  const { line } = loc.start;
  const names = keys.map((part) => part.type === "TOMLBare" ? part.name : part.value);
  const name = names.pop()!;
  return { table: names.reduce((table, name) => tableIn(table, name, line), from), name, line };
}

/** Finds a table in another, or begins it there. */
function tableIn(table: Table, name: string, line: number): Table {
  const known = table.below.get(name)?.at(-1);
  if (known !== undefined) return known;
  const value = emptyTable(line);
  table.below.set(name, [value]);
  table.settings.push({ name, value, line });
  return value;
}

function valueOf(node: AST.TOMLContentNode, depth: number): Value {
  const { line } = node.loc.start;
  if (depth > MAX_DEPTH) {
    throw unreadable(line, `Values are nested deeper than ${MAX_DEPTH} levels`);
  }
  switch (node.type) {
    case "TOMLValue":
      return { kind: "scalar", value: node.value, line };
    case "TOMLArray":
      return { kind: "list", items: node.elements.map((item) => valueOf(item, depth + 1)), line };
    case "TOMLInlineTable": {
      const table = emptyTable(line);
      for (const entry of node.body) addEntry(table, entry, depth);
      return table;
    }
  }
}
