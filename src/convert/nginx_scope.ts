/**
 * The directives in force for a server: its own, else those of the stream around it. Records which of them
 * were used. Knows no directive.
 *
 * @module
 */

import { formatDuration, formatSize } from "../config/scalars.ts";
import { type Directive, originOf } from "./nginx_syntax.ts";
import type { Origin, Setting } from "./plan.ts";

/** Directives by name, each with its position. */
export type ByName = ReadonlyMap<
  string,
  readonly { readonly at: number; readonly is: Directive }[]
>;

/** Groups the directives of a block by name. */
export function byNames(directives: readonly Directive[]): ByName {
  const found = new Map<string, { at: number; is: Directive }[]>();
  for (const [at, is] of directives.entries()) {
    const same = found.get(is.name);
    if (same === undefined) found.set(is.name, [{ at, is }]);
    else same.push({ at, is });
  }
  return found;
}

/** The directives in force for a server. */
export class Scope {
  readonly #own: readonly Directive[];
  readonly #named: ByName;
  readonly #around: ByName;
  readonly #used: Set<Directive>;

  /**
   * @param own The directives of the server
   * @param options The directives around it, and the set that records used directives
   */
  constructor(
    own: readonly Directive[],
    { around, used }: { readonly around: ByName; readonly used: Set<Directive> },
  ) {
    this.#own = own;
    this.#named = byNames(own);
    this.#around = around;
    this.#used = used;
  }

  /**
   * Finds directives by their names, and records them as used.
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
    for (const directive of found) this.#used.add(directive);
    return found;
  }

  /** Finds the last directive of a name. */
  one(name: string): Directive | undefined {
    return this.all(name).at(-1);
  }

  /** Reports whether a directive is `on`; `false` if it is absent. */
  on(name: string): boolean {
    return this.one(name)?.args[0] === "on";
  }

  /** Returns the server's own directives that were not used. */
  rest(): readonly Directive[] {
    return this.#own.filter((directive) => !this.#used.has(directive));
  }
}

/** Milliseconds in nginx's units, where a month has 30 days and a year 365. */
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

/** Converts a time such as `60`, `10m` or `1h 30m` to a duration; other text is returned as it is. */
export function timeOf(text: string): string {
  if (!/^\s*([0-9]{1,9}(ms|[smhdwMy])?\s*)+$/.test(text) || text.length > 64) return text;
  let ms = 0;
  for (const [, digits, unit = "s"] of text.matchAll(/([0-9]+)(ms|[smhdwMy])?/g)) {
    ms += Number(digits) * (UNITS[unit] ?? 0);
  }
  return formatDuration(ms);
}

/** Converts a size such as `16k`; other text is returned as it is. */
export function sizeOf(text: string): string {
  const [, digits, unit = ""] = /^([0-9]{1,9})([kKmM])?$/.exec(text) ?? [];
  if (digits === undefined) return text;
  const factor = unit === "" ? 1 : unit.toLowerCase() === "k" ? 1024 : 1024 * 1024;
  return formatSize(Number(digits) * factor);
}

/**
 * Converts a directive to a setting.
 *
 * @param directive The directive, or `undefined`
 * @param options The setting's key, and how its value is read
 * @returns The setting in a list; empty without a directive
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
