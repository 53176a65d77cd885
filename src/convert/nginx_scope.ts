/**
 * The directives that hold for a server: its own, else those of the stream around it. Remembers
 * which were asked for. Knows no directive.
 *
 * @module
 */

import { formatDuration, formatSize } from "../config/scalars.ts";
import { type Directive, originOf } from "./nginx_syntax.ts";
import type { Origin, Setting } from "./plan.ts";

/** Directives by their names, each with its place. */
export type ByName = ReadonlyMap<
  string,
  readonly { readonly at: number; readonly is: Directive }[]
>;

/**
 * Sorts directives by their names.
 *
 * @param directives The directives of a block
 * @returns The same by name
 */
export function byNames(directives: readonly Directive[]): ByName {
  const found = new Map<string, { at: number; is: Directive }[]>();
  for (const [at, is] of directives.entries()) {
    const same = found.get(is.name);
    if (same === undefined) found.set(is.name, [{ at, is }]);
    else same.push({ at, is });
  }
  return found;
}

/** What holds for a server. */
export class Scope {
  readonly #own: readonly Directive[];
  readonly #named: ByName;
  readonly #around: ByName;
  readonly #asked: Set<Directive>;

  /**
   * @param own The directives of the server
   * @param options The directives around it, and what takes those that were asked for
   */
  constructor(
    own: readonly Directive[],
    { around, asked }: { readonly around: ByName; readonly asked: Set<Directive> },
  ) {
    this.#own = own;
    this.#named = byNames(own);
    this.#around = around;
    this.#asked = asked;
  }

  /**
   * Finds directives.
   *
   * @param names Their names
   * @returns Those of the server, else those around it, in their order
   */
  all(...names: readonly string[]): readonly Directive[] {
    const named = (list: ByName) =>
      names.flatMap((name) => list.get(name) ?? []).sort((a, b) => a.at - b.at)
        .map(({ is }) => is);
    const own = named(this.#named);
    const found = own.length > 0 ? own : named(this.#around);
    for (const directive of found) this.#asked.add(directive);
    return found;
  }

  /**
   * Finds a directive.
   *
   * @param name Its name
   * @returns The last one
   */
  one(name: string): Directive | undefined {
    return this.all(name).at(-1);
  }

  /**
   * Reports whether a directive is `on`.
   *
   * @param name Its name
   * @returns `false` where it is absent
   */
  on(name: string): boolean {
    return this.one(name)?.args[0] === "on";
  }

  /**
   * Lists what nobody asked for.
   *
   * @returns The server's own directives
   */
  rest(): readonly Directive[] {
    return this.#own.filter((directive) => !this.#asked.has(directive));
  }
}

/** Milliseconds of nginx's units. A month has 30 days there, a year 365. */
const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  M: 2_592_000_000,
  y: 31_536_000_000,
};

/**
 * Reads a time such as `60`, `10m` or `1h 30m`.
 *
 * @param text The time
 * @returns A duration of shunt's, or the text itself where it is none
 */
export function timeOf(text: string): string {
  if (!/^\s*([0-9]{1,9}(ms|[smhdwMy])?\s*)+$/.test(text) || text.length > 64) return text;
  let ms = 0;
  for (const [, digits, unit = "s"] of text.matchAll(/([0-9]+)(ms|[smhdwMy])?/g)) {
    ms += Number(digits) * (UNITS[unit] ?? 0);
  }
  return formatDuration(ms);
}

/**
 * Reads a size such as `16k`.
 *
 * @param text The size
 * @returns A size of shunt's, or the text itself where it is none
 */
export function sizeOf(text: string): string {
  const [, digits, unit = ""] = /^([0-9]{1,9})([kKmM])?$/.exec(text) ?? [];
  if (digits === undefined) return text;
  const factor = unit === "" ? 1 : unit.toLowerCase() === "k" ? 1024 : 1024 * 1024;
  return formatSize(Number(digits) * factor);
}

/**
 * Makes a setting of a directive that holds for a server.
 *
 * @param directive The directive, or `undefined`
 * @param options The setting's key and how its value is read
 * @returns The setting in a list, or an empty list
 */
export function settingOf(
  directive: Directive | undefined,
  { path, read }: {
    readonly path: readonly string[];
    readonly read: (text: string) => Setting["value"];
  },
): Setting[] {
  if (directive === undefined) return [];
  const from: Origin = originOf(directive);
  return [{ path, value: read(directive.args.join(" ")), from }];
}
