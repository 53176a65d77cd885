/**
 * Reads the syntax of nginx: directives with arguments and blocks, each with its line. Knows no
 * directive.
 *
 * @module
 */

import { type Origin, unreadable } from "./plan.ts";
import { Scanner } from "./scanner.ts";

/** A directive. */
export interface Directive {
  readonly name: string;
  readonly args: readonly string[];
  /** The directives in its braces, if it has any. */
  readonly block?: readonly Directive[];
  readonly line: number;
}

/** Limits recursion. Real files nest five levels. */
const MAX_DEPTH = 32;

/**
 * Reads the directives of a text.
 *
 * @param text The text
 * @returns Its directives
 * @throws {ConfigError} with code `unreadable` if the syntax is wrong
 */
export function readDirectives(text: string): readonly Directive[] {
  const scanner = new Scanner(text);
  const directives = readBlock(scanner, 0);
  if (!scanner.done) throw unreadable(scanner.line, 'Unexpected "}"; remove it');
  return directives;
}

/** Returns a directive's line and text. */
export function originOf({ name, args, line, block }: Directive): Origin {
  const words = [name, ...args.map((arg) => arg === "" ? '""' : arg)].join(" ");
  return { line, directive: block === undefined ? words : `${words} { … }` };
}

function readBlock(scanner: Scanner, depth: number): Directive[] {
  if (depth > MAX_DEPTH) {
    throw unreadable(scanner.line, `Blocks are nested deeper than ${MAX_DEPTH} levels`);
  }
  const directives: Directive[] = [];
  for (;;) {
    skipBlank(scanner);
    if (scanner.done || scanner.next === "}") return directives;
    const { line } = scanner;
    const [name, ...args] = readWords(scanner);
    if (name === undefined) throw unreadable(line, `Unexpected ${JSON.stringify(scanner.next)}`);
    if (scanner.take(/;/y) !== undefined) {
      directives.push({ name, args, line });
      continue;
    }
    if (scanner.take(/\{/y) === undefined) {
      throw unreadable(line, `Directive ${JSON.stringify(name)} does not end; add ";"`);
    }
    const block = readBlock(scanner, depth + 1);
    if (scanner.take(/\}/y) === undefined) {
      throw unreadable(line, `Block ${JSON.stringify(name)} does not end; add "}"`);
    }
    directives.push({ name, args, line, block });
  }
}

function readWords(scanner: Scanner): string[] {
  const words: string[] = [];
  for (;;) {
    skipBlank(scanner);
    const { line, next } = scanner;
    if (next === '"' || next === "'") {
      const quoted = scanner.take(/"(?:[^"\\]|\\[\s\S])*"|'(?:[^'\\]|\\[\s\S])*'/y);
      if (quoted === undefined) {
        throw unreadable(line, `A text that begins with ${next} does not end`);
      }
      words.push(unescape(quoted.slice(1, -1)));
      continue;
    }
    // A "}" ends a block only if a word could begin there, unlike in "${name}".
    const word = next === "}" ? undefined : scanner.take(/(?:\\[\s\S]|\$\{|[^\s;{\\])+/y);
    if (word === undefined) return words;
    words.push(unescape(word));
  }
}

function unescape(word: string): string {
  const known: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t" };
  return word.replaceAll(/\\(["'\\nrt])/g, (_, char: string) => known[char] ?? char);
}

function skipBlank(scanner: Scanner): void {
  while (scanner.take(/\s+/y) !== undefined || scanner.take(/#[^\n]*/y) !== undefined);
}
