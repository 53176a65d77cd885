/**
 * Groups of an sslh configuration, and why settings of its entries are not converted.
 *
 * @module
 */

import { Group, type Value } from "./group.ts";
import { type Item, type Note, unconverted } from "./plan.ts";

/** A group of settings. */
export class SslhGroup extends Group {
  /** Reads a text, which may be written as a number. */
  override text(name: string): string | undefined {
    const value = this.scalar(name);
    return typeof value === "number" ? String(value) : super.text(name);
  }

  /**
   * Reads a list of texts.
   *
   * @param name Its name
   * @returns The texts with their lines; `undefined` if it is absent
   * @throws {ConfigError} if it is something else
   */
  texts(name: string): readonly Item<string>[] | undefined {
    return this.#items(name)?.map((item) => {
      if (item.kind !== "scalar") throw this.wrong(name, "a list of texts");
      const from = { line: item.line, directive: this.directive(name, item) };
      return { value: String(item.value), from };
    });
  }

  /**
   * Reads a list of groups.
   *
   * @param name Its name
   * @returns The groups; `undefined` if it is absent
   * @throws {ConfigError} if it is something else
   */
  groups(name: string): readonly SslhGroup[] | undefined {
    return this.#items(name)?.map((item) => {
      if (item.kind !== "group") throw this.wrong(name, "a list of groups");
      return new SslhGroup(item.settings, { line: item.line, directive: name });
    });
  }

  protected override directive(name: string, value?: Value): string {
    return value === undefined ? name : `${name}: ${textOf(value)}`;
  }

  #items(name: string): readonly Value[] | undefined {
    const value = this.ask(name);
    if (value === undefined) return undefined;
    if (value.kind !== "list") throw this.wrong(name, "a list");
    return value.items;
  }
}

function textOf(value: Value): string {
  if (value.kind === "scalar") return String(value.value);
  return value.kind === "list" ? "( … )" : "{ … }";
}

/** Settings that shunt does not need if they have this value. */
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
  transparent: "send_proxy_protocol sends targets the client's address",
};

/** Makes a note on each setting of an entry of `listen` or `protocols` that was not read. */
export function leftOver(group: SslhGroup): Note[] {
  return group.rest((name, value) => Object.hasOwn(ANYWAY, name) && ANYWAY[name] === value)
    .map((from) => {
      const name = from.directive.split(":")[0] ?? "";
      const known = Object.hasOwn(REASONS, name) ? REASONS[name] : undefined;
      return unconverted(from, known ?? "shunt has no equivalent");
    });
}
