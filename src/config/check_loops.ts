/**
 * Finds targets that lead back to where their sessions come from. Knows listeners, routes and targets.
 *
 * @module
 */

import { boundHost, formatTarget, parseSocketAddress } from "../wire/address.ts";
import { isLoopbackHost } from "./check_admin.ts";
import type { Draft, DraftListener } from "./draft.ts";
import { type Path, quote } from "./problem.ts";
import type { Report } from "./report.ts";
import type { TargetConfig } from "./schema.ts";

/** A way from one listener to another, by a target that the other has bound. */
interface Way {
  readonly from: string;
  readonly to: string;
  readonly path: Path;
  readonly target: string;
}

/**
 * Warns of targets by which a session comes back to its listener, again and again.
 *
 * @param draft The usable parts of a configuration
 * @param report What takes the problems
 */
export function checkLoops({ listeners, upstreams }: Draft, report: Report): void {
  const ways: Way[] = [];
  for (const { name, path, targets = [] } of upstreams) {
    const users = listeners.filter(({ routes }) => routes.some((route) => route.upstream === name));
    targets.forEach(({ address }, index) => {
      const to = listeners.find((listener) => binds(listener, address));
      if (to === undefined) return;
      const way = { path: [...path, "targets", index], target: formatTarget(address) };
      for (const { name: from } of users) ways.push({ ...way, from, to: to.name });
    });
  }
  const said = new Set<Path>();
  for (const { from, to, path, target } of ways) {
    if (said.has(path) || !leads(to, from, ways)) continue;
    said.add(path);
    report.warning("conflict", path, {
      message: `Target ${quote(target)} is listener ${quote(to)}, whose sessions come back to ` +
        `${quote(from)}: they go round until a limit stops them`,
      hint: "name another target, or see that its routes lead elsewhere",
    });
  }
}

function binds({ bind = [] }: DraftListener, address: TargetConfig["address"]): boolean {
  if (address.kind !== "inet") return false;
  return bind.some((text) => {
    const bound = parseSocketAddress(text);
    if (typeof bound === "string" || bound.port === 0 || bound.port !== address.port) return false;
    const everywhere = bound.host === "0.0.0.0" || bound.host === "::";
    return everywhere
      ? isLoopbackHost(address.host)
      : boundHost(bound.host) === boundHost(address.host);
  });
}

/** Whether one listener is reached from another, in any number of steps. */
function leads(from: string, to: string, ways: readonly Way[]): boolean {
  const seen = new Set([from]);
  for (const name of seen) {
    if (name === to) return true;
    for (const way of ways) if (way.from === name) seen.add(way.to);
  }
  return false;
}
