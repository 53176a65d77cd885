/**
 * Writes a plan as YAML, with its notes as comments at their places. Knows YAML's layout; knows no foreign
 * format and checks nothing.
 *
 * @module
 */

import { Document, isMap, Pair, Scalar, YAMLMap, YAMLSeq } from "yaml";
import type {
  Note,
  Plan,
  PlannedListener,
  PlannedRoute,
  PlannedTarget,
  PlannedUpstream,
  Setting,
} from "./plan.ts";

type Node = Scalar | YAMLMap | YAMLSeq;

/**
 * Writes a plan.
 *
 * @param plan The plan
 * @param heading Comment lines for the top of the file
 * @returns YAML text
 */
export function writePlan(plan: Plan, heading: readonly string[]): string {
  const top = new YAMLMap();
  add(top, "listeners", mapOf(plan.listeners, listenerNode));
  add(top, "upstreams", mapOf(plan.upstreams, upstreamNode), { space: true });
  addSettings(top, plan.settings);
  for (const { key } of top.items.slice(2)) if (key instanceof Scalar) key.spaceBefore = true;
  const document = new Document();
  document.contents = top;
  document.commentBefore = commentOf([
    ...heading,
    ...plan.notes.map(({ text }) => text),
  ]);
  return document.toString({ lineWidth: 100, flowCollectionPadding: true });
}

function mapOf<T extends { readonly name: string; readonly notes: readonly Note[] }>(
  items: readonly T[],
  node: (item: T) => YAMLMap,
): YAMLMap {
  const map = new YAMLMap();
  for (const item of items) add(map, item.name, node(item), { notes: item.notes });
  return map;
}

function listenerNode(listener: PlannedListener): YAMLMap {
  const map = new YAMLMap();
  add(map, "bind", listOrOne(listener.bind.map(({ value }) => value)));
  add(map, "transports", listOrOne(listener.transports));
  addSettings(map, listener.settings);
  const routes = new YAMLSeq();
  routes.items = listener.routes.map(routeNode);
  if (listener.last.length > 0) routes.comment = notesText(listener.last);
  add(map, "routes", routes);
  return map;
}

function routeNode({ match, upstream, notes }: PlannedRoute): YAMLMap {
  const map = new YAMLMap();
  const conditions = new YAMLMap();
  conditions.flow = true;
  for (const [key, items] of Object.entries(match)) {
    add(conditions, key, listOrOne(items.map(({ value }) => value)));
  }
  if (conditions.items.length > 0) add(map, "match", conditions);
  add(map, "upstream", new Scalar(upstream));
  if (notes.length > 0) map.commentBefore = notesText(notes);
  return map;
}

function upstreamNode({ targets, settings }: PlannedUpstream): YAMLMap {
  const map = new YAMLMap();
  const list = new YAMLSeq();
  list.items = targets.map(({ value }) => targetNode(value));
  add(map, "targets", list);
  addSettings(map, settings);
  return map;
}

function targetNode({ address, weight = 1, backup = false }: PlannedTarget): Node {
  if (weight === 1 && !backup) return new Scalar(address);
  const map = new YAMLMap();
  map.flow = true;
  add(map, "address", new Scalar(address));
  if (weight !== 1) add(map, "weight", new Scalar(weight));
  if (backup) add(map, "backup", new Scalar(true));
  return map;
}

function addSettings(top: YAMLMap, settings: readonly Setting[]): void {
  for (const { path, value } of settings) {
    let map = top;
    for (const key of path.slice(0, -1)) {
      const inner = map.get(key, true);
      if (isMap(inner)) map = inner as YAMLMap;
      else {
        const made = new YAMLMap();
        add(map, key, made);
        map = made;
      }
    }
    const node = typeof value === "object" ? listOrOne(value, true) : new Scalar(value);
    add(map, path.at(-1) ?? "", node);
  }
}

function listOrOne(values: readonly string[], always = false): Node {
  const [only] = values;
  if (values.length === 1 && only !== undefined && !always) return new Scalar(only);
  const list = new YAMLSeq();
  list.flow = true;
  list.items = values.map((value) => new Scalar(value));
  return list;
}

function add(
  map: YAMLMap,
  name: string,
  value: Node,
  { notes = [], space = false }: {
    readonly notes?: readonly Note[];
    readonly space?: boolean;
  } = {},
): void {
  const key = new Scalar(name);
  if (notes.length > 0) key.commentBefore = notesText(notes);
  key.spaceBefore = space;
  // Not `set`, which searches all existing keys.
  map.items.push(new Pair(key, value));
}

function notesText(notes: readonly Note[]): string {
  return commentOf(notes.map(({ text }) => text));
}

function commentOf(lines: readonly string[]): string {
  return lines.map((line) => ` ${line}`).join("\n");
}
