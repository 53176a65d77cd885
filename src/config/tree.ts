/**
 * Reads YAML text as plain values and the places where they were written. Knows YAML and its dangers, but
 * no key of shunt's.
 *
 * @module
 */

import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type Node,
  parseDocument,
  type Scalar,
} from "yaml";
import { formatPath, type Path, type Problem, type ProblemCode } from "./problem.ts";
import { quote } from "../wording.ts";

/**
 * More than any real configuration: ten thousand routes with an upstream each are 1 MiB. Checking this
 * much takes some seconds and 250 MiB of heap.
 */
const MAX_LENGTH = 2 * 1024 * 1024;
/** The schema needs 7 levels. */
const MAX_DEPTH = 32;
/** Values behind aliases count each time they are used, so that a few lines cannot grow without bound. */
const MAX_ALIASED = 100_000;
/** Values that are not behind an alias. */
const MAX_VALUES = 200_000;
/** Enough to see what is wrong: one slip in YAML often causes several problems. */
const MAX_SYNTAX_PROBLEMS = 20;

/** Where something is written; overrides have no lines. */
export interface Place {
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
}

/** Where the key and the value of one path are written. */
interface Spot {
  readonly key?: Place;
  readonly value: Place;
}

/** Where every key and value of a configuration is written. */
export class Places {
  readonly #spots = new Map<string, Spot>();
  readonly #file: string;

  /** @param file The file's name */
  constructor(file: string) {
    this.#file = file;
  }

  /** Notes where the key and value of a path are written. */
  set(path: Path, spot: Spot): void {
    this.#spots.set(JSON.stringify(path), spot);
  }

  /** Notes that the values under a path come from another text without lines, whose places begin at its own top. */
  graft(path: Path, places: Places): void {
    const above = JSON.stringify(path).slice(0, -1);
    for (const written of this.#spots.keys()) {
      if (written.startsWith(`${above},`)) this.#spots.delete(written);
    }
    const value = { file: places.#file };
    for (let length = 1; length < path.length; length++) {
      const holder = JSON.stringify(path.slice(0, length));
      if (!this.#spots.has(holder)) this.#spots.set(holder, { value });
    }
    for (const below of places.#spots.keys()) {
      this.set([...path, ...JSON.parse(below) as Path], { value });
    }
  }

  /**
   * Finds where a path, or else what would contain it, is written.
   *
   * @returns The place, and the path as written: a list of one may be written as a scalar
   */
  find(path: Path, at: "key" | "value"): { readonly place: Place; readonly path: Path } {
    const spot = this.#spots.get(JSON.stringify(path));
    if (spot !== undefined) {
      return { place: at === "key" ? spot.key ?? spot.value : spot.value, path };
    }
    if (path.length === 0) return { place: { file: this.#file, line: 1, column: 1 }, path };
    const above = path.slice(0, -1);
    if (typeof path.at(-1) === "number") return this.find(above, at);
    return { place: this.find(above, "key").place, path };
  }
}

/** A text as values. */
export interface Tree {
  /** Plain values; absent if the text is not YAML. */
  readonly value?: unknown;
  readonly places: Places;
  readonly problems: readonly Problem[];
}

/**
 * Reads YAML text. Never throws.
 *
 * @returns Its values, their places and everything that is wrong with it as YAML
 */
export function readTree(text: string, file: string): Tree {
  const places = new Places(file);
  const refuse = (code: ProblemCode, message: string): Tree => ({
    places,
    problems: [{ severity: "error", code, file, line: 1, column: 1, path: "", message }],
  });
  if (text.length > MAX_LENGTH) {
    return refuse("too_large", `The file is larger than ${MAX_LENGTH / 2 ** 20} MiB`);
  }
  if (flowDepth(text) > MAX_DEPTH) {
    return refuse("too_large", `Lists and maps are nested deeper than ${MAX_DEPTH} levels`);
  }
  const lines = new LineCounter();
  const document = parse(text, lines);
  if (document === undefined) {
    return refuse("too_large", `Lists and maps are nested deeper than ${MAX_DEPTH} levels`);
  }
  const reader = new Reader(file, { lines, places });
  for (const { code, message, pos } of document.errors.slice(0, MAX_SYNTAX_PROBLEMS)) {
    reader.report("syntax", pos[0], { path: [], message: syntaxMessage(code, message) });
  }
  if (document.directives !== undefined && document.directives.yaml.version !== "1.2") {
    const message =
      'Remove the line "%YAML": shunt reads YAML 1.2, where 010 is ten and off a string';
    reader.report("syntax", 0, { path: [], message });
  }
  if (reader.problems.length > 0) return { places, problems: reader.problems };
  const value = reader.read(document.contents as Node | null, []);
  const problems = reader.problems;
  return reader.tooLarge ? { places, problems } : { value, places, problems };
}

/** Parses a document. Returns `undefined` if the parser's recursion reached the end of the stack. */
function parse(text: string, lineCounter: LineCounter) {
  try {
    return parseDocument(text, {
      lineCounter,
      prettyErrors: false,
      uniqueKeys: false,
      resolveKnownTags: false,
    });
  } catch (error) {
    // Any other error, such as a missing permission, is not about the text.
    if (!(error instanceof RangeError)) throw error;
    return undefined;
  }
}

/** Returns how deep brackets nest: for a megabyte of them yaml's parser takes seconds, its lexer milliseconds. */
function flowDepth(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (const token of new Lexer().lex(text)) {
    if (token === "[" || token === "{") deepest = Math.max(deepest, ++depth);
    else if (token === "]" || token === "}") depth--;
    if (deepest > MAX_DEPTH) break;
  }
  return deepest;
}

function syntaxMessage(code: string, message: string): string {
  switch (code) {
    case "MULTIPLE_DOCS":
      return 'The file has more than one YAML document; remove what follows the "---"';
    case "TAB_AS_INDENT":
      return "Tabs cannot indent YAML; use spaces";
    default:
      // The parser recurses into block lists and reports the end of the stack as an error.
      return message.startsWith("Maximum call stack")
        ? `Lists and maps are nested deeper than ${MAX_DEPTH} levels`
        // The message quotes unreadable text unchanged.
        : `Cannot read as YAML: ${message.replace(/\p{Cc}+/gu, " ")}`;
  }
}

/** Walks one document. */
class Reader {
  readonly problems: Problem[] = [];
  /** Whether the file has more than the reader reads, which has been reported. */
  tooLarge = false;
  readonly #file: string;
  readonly #lines: LineCounter;
  readonly #places: Places;
  readonly #anchors = new Map<string, Node>();
  #values = 0;
  /** How many aliases the current value is inside of. */
  #aliases = 0;

  constructor(file: string, { lines, places }: { lines: LineCounter; places: Places }) {
    this.#file = file;
    this.#lines = lines;
    this.#places = places;
  }

  report(
    code: ProblemCode,
    offset: number,
    { path, message }: { readonly path: Path; readonly message: string },
  ): void {
    const place = this.#place(offset);
    this.problems.push({ severity: "error", code, ...place, path: formatPath(path), message });
  }

  read(node: Node | null, path: Path, key?: Scalar): unknown {
    const keyOffset = key?.range?.[0];
    const offset = node === null || isEmpty(node) ? keyOffset ?? 0 : node.range?.[0] ?? 0;
    this.#places.set(path, {
      value: this.#place(offset),
      ...(keyOffset === undefined ? {} : { key: this.#place(keyOffset) }),
    });
    const most = this.#aliases > 0 ? MAX_ALIASED : MAX_VALUES;
    if (++this.#values > most || path.length > MAX_DEPTH) {
      if (!this.tooLarge) {
        this.tooLarge = true;
        const message = `The file has more than ${most} values or ${MAX_DEPTH} levels`;
        this.report("too_large", offset, { path, message });
      }
      return null;
    }
    if (node === null) return null;
    if (isAlias(node)) {
      const meant = this.#anchors.get(node.source);
      if (meant !== undefined) return this.#aliased(meant, path, key);
      const name = quote(`*${node.source}`);
      const message = node.source.startsWith(".")
        ? `A value that begins with "*" has to be quoted: write ${name}`
        : `Alias ${name} refers to nothing above it; quote the value if it is a name`;
      this.report("syntax", offset, { path, message });
      return null;
    }
    if ("anchor" in node && node.anchor !== undefined) this.#anchors.set(node.anchor, node);
    if (node.tag !== undefined && !node.tag.startsWith("tag:yaml.org,2002:")) {
      const message = `Tag ${quote(node.tag)} has no meaning here`;
      this.report("syntax", offset, { path, message });
    }
    if (isMap(node)) return this.#map(node.items as Pairs, path);
    if (isSeq(node)) {
      return node.items.map((item, index) => this.read(item as Node | null, [...path, index]));
    }
    return isScalar(node) ? node.value : null;
  }

  #aliased(meant: Node, path: Path, key?: Scalar): unknown {
    // An alias of a single value makes nothing grow.
    if (isScalar(meant)) return this.read(meant, path, key);
    this.#aliases++;
    const value = this.read(meant, path, key);
    this.#aliases--;
    return value;
  }

  #map(pairs: Pairs, path: Path): unknown {
    const map: Record<string, unknown> = Object.create(null);
    for (const { key, value } of pairs) {
      if (!isScalar(key)) {
        const message = "A key must be a plain word";
        this.report("wrong_type", key?.range?.[0] ?? 0, { path, message });
        continue;
      }
      // As written: "010" and "1e3" are names.
      const name = typeof key.value === "string" ? key.value : key.source ?? String(key.value);
      const keyPath = [...path, name];
      if (name === "__proto__") {
        const message = `Key ${quote(name)} cannot be used`;
        this.report("unknown_key", key.range?.[0] ?? 0, { path: keyPath, message });
        continue;
      }
      if (name in map) {
        const { line } = this.#places.find(keyPath, "key").place;
        const message = `Key ${quote(name)} appears twice; the first is on line ${line}`;
        this.report("duplicate", key.range?.[0] ?? 0, { path: keyPath, message });
        continue;
      }
      map[name] = this.read(value, keyPath, key);
    }
    return map;
  }

  #place(offset: number): Place {
    const { line, col } = this.#lines.linePos(offset);
    return { file: this.#file, line: Math.max(1, line), column: Math.max(1, col) };
  }
}

type Pairs = readonly { readonly key: Node | null; readonly value: Node | null }[];

/** An empty value has no text of its own: its key shows the place. */
function isEmpty(node: Node): boolean {
  return isScalar(node) && node.value === null && (node.source ?? "") === "";
}
