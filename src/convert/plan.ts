/**
 * The intermediate form between a foreign configuration and YAML: listeners, routes and upstreams with the
 * directive they come from. Knows neither a foreign format nor YAML.
 *
 * @module
 */

import { ConfigError } from "../errors.ts";
import { nameFault } from "../config/fields.ts";
import type { Transport } from "../config/schema.ts";
import { quote } from "../wording.ts";

/** The place of a directive. */
export interface Origin {
  /** Counted from 1. */
  readonly line: number;
  /** The directive as written, or its key. */
  readonly directive: string;
}

/** A comment of the YAML. */
export interface Note {
  readonly text: string;
  /** The directive that was not converted, if the note is about one. */
  readonly about?: string;
}

/** An element of a list, which can be removed with a note. */
export interface Item<T> {
  readonly value: T;
  readonly from: Origin;
}

/** A key with its value, such as `["limits", "sessions"]`. */
export interface Setting {
  readonly path: readonly string[];
  readonly value: string | number | readonly string[];
  readonly from: Origin;
}

/** A condition of a route that is a list. */
export type Condition = "protocol" | "sni" | "alpn" | "source";

/** The conditions of a route. Without any, it takes the rest. */
export type PlannedMatch = { [K in Condition]?: Item<string>[] };

/** One route. */
export interface PlannedRoute {
  readonly notes: Note[];
  readonly match: PlannedMatch;
  readonly upstream: string;
  readonly from: Origin;
}

/** One target. */
export interface PlannedTarget {
  readonly address: string;
  readonly weight?: number;
  readonly backup?: boolean;
}

/** One upstream. */
export interface PlannedUpstream {
  readonly name: string;
  readonly notes: Note[];
  readonly targets: Item<PlannedTarget>[];
  readonly settings: Setting[];
  readonly from: Origin;
}

/** One listener. */
export interface PlannedListener {
  readonly name: string;
  readonly notes: Note[];
  readonly bind: Item<string>[];
  readonly transports: readonly Transport[];
  readonly settings: Setting[];
  readonly routes: PlannedRoute[];
  /** Notes after the last route. */
  readonly last: Note[];
  readonly from: Origin;
}

/** A whole configuration. Its lists grow while it is read and shrink in settle.ts. */
export interface Plan {
  /** Notes that concern the whole file. */
  readonly notes: Note[];
  readonly listeners: PlannedListener[];
  readonly upstreams: PlannedUpstream[];
  readonly settings: Setting[];
}

/** Makes a plan without content. */
export function emptyPlan(): Plan {
  return { notes: [], listeners: [], upstreams: [], settings: [] };
}

/**
 * Makes a note that a directive was not converted.
 *
 * @param from The directive
 * @param why The reason, or what to do instead: a sentence fragment
 * @returns The note
 */
export function unconverted(from: Origin, why: string): Note {
  const about = aboutOf(from);
  return { text: `${about}: not converted; ${why}`, about };
}

/**
 * Makes a note on a directive that was converted.
 *
 * @param from The directive
 * @param what What there is to know: a sentence fragment
 * @returns The note
 */
export function remark(from: Origin, what: string): Note {
  return { text: `${aboutOf(from)}: ${what}` };
}

function aboutOf({ line, directive }: Origin): string {
  return `Line ${line}, ${quote(directive)}`;
}

/**
 * Makes the error of a file that cannot be converted.
 *
 * @param line The line, or 0 for the whole file
 * @param message What is wrong and what to do
 * @returns The error
 */
export function unreadable(line: number, message: string): ConfigError {
  return new ConfigError(message, { code: "unreadable", context: { line } });
}

/** Provides names that are valid in shunt's configuration, each once. */
export class Names {
  readonly #taken = new Set<string>();
  /** How often each name was requested, so that the search for a free one does not start over. */
  readonly #wanted = new Map<string, number>();

  /** Returns a free name that is as close as possible to the wanted one, which may have any characters. */
  free(wanted: string): string {
    const legal = wanted.replaceAll(/[^A-Za-z0-9_-]+/g, "-").replace(/^[-_]+/, "").slice(0, 55)
      .replace(/-+$/, "");
    const base = nameFault(legal) === undefined ? legal : "unnamed";
    for (let i = (this.#wanted.get(base) ?? 0) + 1;; i++) {
      const name = i === 1 ? base : `${base}-${i}`;
      if (this.#taken.has(name)) continue;
      this.#wanted.set(base, i);
      this.#taken.add(name);
      return name;
    }
  }
}

/** Writes seconds as a duration. */
export function inSeconds(seconds: number): string {
  return `${seconds}s`;
}
