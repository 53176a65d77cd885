/**
 * A group of libconfig settings that is read name by name: each value with its line, and at the end
 * the names that nobody asked for. Knows no setting.
 *
 * @module
 */

import type { LibconfigSetting, Value } from "./libconfig.ts";
import { type Item, type Note, type Origin, unconverted, unreadable } from "./plan.ts";

/** A group of settings. */
export class SslhGroup {
  /** Where the group begins. */
  readonly own: Origin;
  readonly #settings: readonly LibconfigSetting[];
  readonly #asked = new Set<string>();

  /**
   * @param settings What it holds
   * @param own Where it begins
   */
  constructor(settings: readonly LibconfigSetting[], own: Origin) {
    this.#settings = settings;
    this.own = own;
  }

  /**
   * Reports where a setting stands.
   *
   * @param name Its name
   * @returns Its line and text; those of the group where it is absent
   */
  origin(name: string): Origin {
    const setting = this.#settings.find((setting) => setting.name === name);
    if (setting === undefined) return { line: this.own.line, directive: name };
    return { line: setting.line, directive: `${name}: ${textOf(setting.value)}` };
  }

  /**
   * Lists the settings that were never asked for.
   *
   * @param idle Reports whether a setting of a value asks for nothing
   * @returns Where they stand
   */
  rest(idle: (name: string, value: unknown) => boolean): Origin[] {
    return this.#settings
      .filter(({ name, value }) =>
        !this.#asked.has(name) && !(value.kind === "scalar" && idle(name, value.value))
      )
      .map(({ name, value, line }) => ({ line, directive: `${name}: ${textOf(value)}` }));
  }

  /**
   * Reads a text, also one that is written as a number.
   *
   * @param name Its name
   * @returns The text, unless it is absent
   * @throws {ConfigError} when it is something else
   */
  text(name: string): string | undefined {
    const value = this.#scalar(name);
    if (value === undefined || typeof value === "string") return value;
    if (typeof value === "number") return String(value);
    throw this.#wrong(name, "a text");
  }

  /**
   * Reads a whole number.
   *
   * @param name Its name
   * @returns The number, unless it is absent
   * @throws {ConfigError} when it is something else
   */
  number(name: string): number | undefined {
    const value = this.#scalar(name);
    if (value === undefined) return undefined;
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
    throw this.#wrong(name, "a whole number");
  }

  /**
   * Reads a yes or no.
   *
   * @param name Its name
   * @returns The value; `false` where it is absent
   * @throws {ConfigError} when it is something else
   */
  flag(name: string): boolean {
    const value = this.#scalar(name);
    if (value === undefined) return false;
    if (typeof value === "boolean") return value;
    throw this.#wrong(name, "true or false");
  }

  /**
   * Reads a list of texts.
   *
   * @param name Its name
   * @returns The texts with their lines, unless it is absent
   * @throws {ConfigError} when it is something else
   */
  texts(name: string): readonly Item<string>[] | undefined {
    return this.#items(name)?.map((item) => {
      if (item.kind !== "scalar") throw this.#wrong(name, "a list of texts");
      const from = { line: item.line, directive: `${name}: ${textOf(item)}` };
      return { value: String(item.value), from };
    });
  }

  /**
   * Reads a list of groups.
   *
   * @param name Its name
   * @returns The groups, unless it is absent
   * @throws {ConfigError} when it is something else
   */
  groups(name: string): readonly SslhGroup[] | undefined {
    return this.#items(name)?.map((item) => {
      if (item.kind !== "group") throw this.#wrong(name, "a list of groups");
      return new SslhGroup(item.settings, { line: item.line, directive: name });
    });
  }

  #items(name: string): readonly Value[] | undefined {
    const value = this.#ask(name);
    if (value === undefined) return undefined;
    if (value.kind !== "list") throw this.#wrong(name, "a list");
    return value.items;
  }

  #scalar(name: string): string | number | boolean | undefined {
    const value = this.#ask(name);
    if (value === undefined) return undefined;
    if (value.kind !== "scalar") throw this.#wrong(name, "a single value");
    return value.value;
  }

  #ask(name: string): Value | undefined {
    this.#asked.add(name);
    return this.#settings.find((setting) => setting.name === name)?.value;
  }

  #wrong(name: string, what: string): Error {
    const { line } = this.origin(name);
    return unreadable(line, `Expected ${what} for ${JSON.stringify(name)}; correct it`);
  }
}

function textOf(value: Value): string {
  if (value.kind === "scalar") return String(value.value);
  return value.kind === "list" ? "( … )" : "{ … }";
}

/** What shunt does anyway, or needs not, by value. */
const ANYWAY: Readonly<Record<string, boolean>> = {
  fork: false,
  keepalive: false,
  resolve_on_forward: true,
  tfo_ok: false,
  transparent: false,
};

const REASONS: Readonly<Record<string, string>> = {
  fork: "shunt forks no processes",
  keepalive: "shunt sets no TCP keepalive; idle_timeout ends dead sessions",
  log_level: "log.access is for all sessions or none",
  minlength: "detectors know how much they need",
  resolve_on_forward: "names are resolved again when their time to live is over",
  service: "shunt knows no libwrap; routes can ask for a source",
  tfo_ok: "shunt has no TCP Fast Open",
  transparent: "send_proxy_protocol tells targets the client's address",
};

/**
 * Says which settings of an entry of `listen` or `protocols` were not asked for.
 *
 * @param group The entry
 * @returns One note each
 */
export function leftOver(group: SslhGroup): Note[] {
  return group.rest((name, value) => Object.hasOwn(ANYWAY, name) && ANYWAY[name] === value)
    .map((from) => {
      const name = from.directive.split(":")[0] ?? "";
      const known = Object.hasOwn(REASONS, name) ? REASONS[name] : undefined;
      return unconverted(from, known ?? "shunt has no equal");
    });
}
