/**
 * Makes a plan pass the checks of shunt's configuration: elements that they refuse are removed and become
 * notes with the checks' own words. So the output loads, whatever the input says.
 *
 * @module
 */

import { loadConfig, type Problem } from "../config/load.ts";
import type { ProtocolInfo } from "../facts/mod.ts";
import {
  type Condition,
  type Item,
  type Note,
  type Origin,
  type Plan,
  type PlannedListener,
  type PlannedRoute,
  type PlannedUpstream,
  type Setting,
  unconverted,
  unreadable,
} from "./plan.ts";
import { writePlan } from "./write.ts";

/** Removing something can reveal the next problem. In practice three rounds are enough. */
const MAX_ROUNDS = 32;

/**
 * Removes from a plan what shunt would refuse.
 *
 * @param plan The plan, which is changed
 * @param protocols The protocols that shunt detects
 * @throws {ConfigError} with code `unreadable` if nothing usable is left
 */
export function settle(plan: Plan, protocols: readonly ProtocolInfo[]): void {
  for (let round = 0; round < MAX_ROUNDS; round++) {
    dropEmpty(plan);
    if (plan.listeners.length === 0) throw nothingLeft(plan);
    const { problems } = loadConfig(writePlan(plan, []), { file: "", protocols });
    // Warnings are ignored: they are about settings that have no effect or are not used.
    if (problems.length === 0) return;
    const named: Named = {
      settings: plan.settings,
      listeners: new Map(plan.listeners.map((listener) => [listener.name, listener])),
      upstreams: new Map(plan.upstreams.map((upstream) => [upstream.name, upstream])),
    };
    for (const problem of problems) mark(named, problem);
    sweep(plan);
  }
  throw unreadable(0, "Cannot convert the file; please report it as a bug, with the file");
}

function nothingLeft({ notes }: Plan): Error {
  const reasons = notes.filter(({ about }) => about !== undefined).map(({ text }) => text);
  const reason = reasons.length === 0 ? "it names no listener with a target" : reasons.join(". ");
  return unreadable(0, `Nothing in the file can be converted: ${reason.slice(0, 1000)}`);
}

/** The elements that the checks refused, with the reasons; used when lists are swept. */
const refused = new WeakMap<object, string>();

function refuse(thing: object | undefined, why: string): void {
  if (thing !== undefined && !refused.has(thing)) refused.set(thing, why);
}

/** The parts of a plan by their names. */
interface Named extends Pick<Plan, "settings"> {
  readonly listeners: ReadonlyMap<string, PlannedListener>;
  readonly upstreams: ReadonlyMap<string, PlannedUpstream>;
}

/** Finds the smallest element that a problem is about and that can be removed. */
function mark(plan: Named, { path, message }: Problem): void {
  // The line numbers are those of a draft, and change when elements are removed.
  const why = decapitalize(message.replaceAll(/ \(line [0-9]+\)/g, ""));
  const keys = path.split(/[.[\]]+/).filter((key) => key !== "");
  const [top = "", name = "", key = "", ...rest] = keys;
  if (top === "listeners") {
    const listener = plan.listeners.get(name);
    const index = Number(rest[0]);
    if (listener === undefined) throw unsettled(path, message);
    if (key === "bind") refuse(listener.bind[index || 0], why);
    else if (key === "routes") refuse(partOfRoute(listener.routes[index], rest), why);
    else refuse(settingAt(listener.settings, [key, ...rest]) ?? listener, why);
  } else if (top === "upstreams") {
    const upstream = plan.upstreams.get(name);
    if (upstream === undefined) throw unsettled(path, message);
    if (key === "targets") refuse(upstream.targets[Number(rest[0])] ?? upstream, why);
    else refuse(settingAt(upstream.settings, [key, ...rest]) ?? upstream, why);
  } else {
    // Two keys that contradict each other are reported at one of them, which may have its default.
    const setting = settingAt(plan.settings, keys) ??
      plan.settings.find(({ path }) => path[0] === top);
    if (setting === undefined) throw unsettled(path, message);
    refuse(setting, why);
  }
}

function unsettled(path: string, message: string): Error {
  const what = path === "" ? message : `${path}: ${message}`;
  return unreadable(
    0,
    `Cannot convert the whole file: ${decapitalize(what)}; convert a part of it`,
  );
}

function decapitalize(message: string): string {
  return message.charAt(0).toLowerCase() + message.slice(1);
}

function partOfRoute(
  route: PlannedRoute | undefined,
  [, , condition, index]: readonly string[],
): object | undefined {
  return route?.match[condition as Condition]?.[Number(index)] ?? route;
}

function settingAt(settings: readonly Setting[], keys: readonly string[]): Setting | undefined {
  if (keys[0] === "") return undefined;
  return settings.find(({ path }) => path.every((key, i) => keys[i] === key)) ??
    settings.find(({ path }) => keys.every((key, i) => key === "" || path[i] === key));
}

/** Removes the refused elements and leaves a note for each. */
function sweep(plan: Plan): void {
  take(plan.settings, plan.notes);
  for (const listener of plan.listeners) {
    take(listener.bind, listener.notes);
    take(listener.settings, listener.notes);
    for (const route of listener.routes) takeConditions(route);
    takeRoutes(listener, (route) => refused.get(route));
  }
  for (const upstream of plan.upstreams) {
    take(upstream.targets, upstream.notes);
    take(upstream.settings, upstream.notes);
  }
  takeUpstreams(plan, (upstream) => refused.get(upstream));
  takeListeners(plan, (listener) => refused.get(listener));
}

function take<T extends { readonly from: Origin }>(list: T[], notes: Note[]): void {
  keep(list, (item) => {
    const why = refused.get(item);
    if (why !== undefined) notes.push(unconverted(item.from, why));
    return why === undefined;
  });
}

function keep<T>(list: T[], wanted: (item: T) => boolean): void {
  const kept = list.filter(wanted);
  if (kept.length < list.length) list.splice(0, list.length, ...kept);
}

function takeConditions(route: PlannedRoute): void {
  for (const items of Object.values(route.match)) {
    take(items, route.notes);
    // A condition without elements would widen the route, so the route is removed.
    if (items.length === 0) refuse(route, "nothing is left that it could match");
  }
}

function takeRoutes(
  listener: PlannedListener,
  reason: (route: PlannedRoute) => string | undefined,
): void {
  let pending: Note[] = [];
  keep(listener.routes, (route) => {
    const why = reason(route);
    if (why === undefined) {
      route.notes.unshift(...pending);
      pending = [];
      return true;
    }
    pending.push(...route.notes, ...originsOf(route).map((from) => unconverted(from, why)));
    return false;
  });
  listener.last.push(...pending);
}

/** Returns the directives that made a route. The entries of a map can be many. */
function originsOf({ from, match }: PlannedRoute): Origin[] {
  const items: Item<string>[] = Object.values(match).flat();
  const origins = new Map<number, Origin>([[from.line, from]]);
  for (const { from } of items) if (!origins.has(from.line)) origins.set(from.line, from);
  return [...origins.values()];
}

function takeUpstreams(
  plan: Plan,
  reason: (upstream: PlannedUpstream) => string | undefined,
): void {
  keep(plan.upstreams, (upstream) => {
    const why = reason(upstream);
    if (why === undefined) return true;
    plan.notes.push(...upstream.notes);
    // If its only target was refused, there is a note on the same directive already.
    const note = unconverted(upstream.from, why);
    if (!upstream.notes.some(({ about }) => about === note.about)) plan.notes.push(note);
    return false;
  });
}

function takeListeners(
  plan: Plan,
  reason: (listener: PlannedListener) => string | undefined,
): void {
  keep(plan.listeners, (listener) => {
    const why = reason(listener);
    if (why === undefined) return true;
    const routes = listener.routes.flatMap(({ notes }) => notes);
    plan.notes.push(
      ...listener.notes,
      ...routes,
      ...listener.last,
      unconverted(listener.from, why),
    );
    return false;
  });
}

/**
 * Gives an upstream without usable targets a target that closes: without its routes, their clients would
 * match other routes. Listeners without address or route are removed.
 */
function dropEmpty(plan: Plan): void {
  for (const { targets, notes, from } of plan.upstreams) {
    if (targets.length > 0) continue;
    notes.push(unconverted(from, "it has no usable target; builtin:reset closes what comes to it"));
    targets.push({ value: { address: "builtin:reset" }, from });
  }
  const names = new Set(plan.upstreams.map(({ name }) => name));
  for (const listener of plan.listeners) {
    takeRoutes(
      listener,
      ({ upstream }) => names.has(upstream) ? undefined : "its upstream is gone",
    );
  }
  takeListeners(plan, ({ bind, routes }) => {
    if (bind.length === 0) return "no address is left that it could listen on";
    return routes.length > 0 ? undefined : "no route is left";
  });
}
