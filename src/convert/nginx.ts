/**
 * Reads the stream block of an nginx configuration, or its text alone. Knows where the parts are;
 * nginx_server.ts converts a server.
 *
 * @module
 */

import { byNames, Scope } from "./nginx_scope.ts";
import { noteUnconverted, readServer } from "./nginx_server.ts";
import { type Directive, originOf, readDirectives } from "./nginx_syntax.ts";
import { Upstreams } from "./nginx_upstream.ts";
import { emptyPlan, Names, type Plan, unconverted, unreadable } from "./plan.ts";

/** Why directives outside the stream block are not converted. */
const REASONS: Readonly<Record<string, string>> = {
  http: "shunt reads no requests; that part stays with nginx",
  mail: "shunt has no equivalent; that part stays with nginx",
  include: "put the file's text in its place and convert again",
  user: "let your service manager set the user",
  pid: "run it with --ready-file, which has the process id",
  error_log: "the log goes to standard error",
  daemon: "shunt stays in the foreground",
};

/**
 * Reads an nginx configuration.
 *
 * @param text The whole file, or the content of its stream block
 * @returns The plan of its stream block
 * @throws {ConfigError} with code `unreadable` if it cannot be read
 */
export function readNginx(text: string): Plan {
  const top = readDirectives(text);
  const plan = emptyPlan();
  const isStream = ({ name, block }: Directive) => name === "stream" && block !== undefined;
  const streams = top.filter(isStream);
  const inner = streams.length > 0 ? streams.flatMap(({ block }) => block ?? []) : top;
  if (!inner.some(({ name }) => name === "server")) {
    throw unreadable(
      0,
      'There is no "stream" block with a "server" in it; name the file that has it',
    );
  }
  if (streams.length > 0) {
    for (const directive of top) {
      if (!isStream(directive)) readTop(directive, plan);
    }
  }
  readStream(inner, plan);
  return plan;
}

function readTop(directive: Directive, plan: Plan): void {
  const { name, args: [value = ""] } = directive;
  const from = originOf(directive);
  if (name === "events" || name === "load_module") return;
  if (name === "worker_processes" && !plan.settings.some(({ path }) => path[0] === "workers")) {
    const workers = /^[1-9][0-9]{0,3}$/.test(value) ? Number(value) : value;
    plan.settings.push({ path: ["workers"], value: workers, from });
    return;
  }
  const known = Object.hasOwn(REASONS, name) ? REASONS[name] : undefined;
  plan.notes.push(unconverted(from, known ?? "shunt has no equivalent"));
}

function readStream(directives: readonly Directive[], plan: Plan): void {
  const maps = new Map<string, Directive>();
  const blocks = new Map<string, Directive>();
  for (const directive of directives) {
    const { name, args, block } = directive;
    if (block === undefined) continue;
    const variable = /^\$(\w+)$/.exec(args[1] ?? "")?.[1];
    if (name === "map" && variable !== undefined) maps.set(variable, directive);
    if (name === "upstream" && args[0] !== undefined) blocks.set(args[0], directive);
  }
  const used = new Set<Directive>();
  const upstreams = new Upstreams(plan, blocks);
  const names = new Names();
  const watched = new WatchedMap(maps, used);
  const around = byNames(directives);
  for (const server of directives) {
    if (server.name !== "server" || server.block === undefined) continue;
    used.add(server);
    const scope = new Scope(server.block, { around, used });
    readServer(server, { plan, maps: watched, upstreams, scope, names });
  }
  const unused = new Set(upstreams.unused());
  for (const directive of directives) {
    if (used.has(directive)) continue;
    if (blocks.get(directive.args[0] ?? "") === directive && !unused.has(directive)) continue;
    if (directive.name === "map" || directive.name === "upstream") {
      plan.notes.push(unconverted(originOf(directive), "no server that is converted uses it"));
    } else plan.notes.push(...noteUnconverted(directive));
  }
}

/** Maps, which records in a set which of them were looked up. */
class WatchedMap extends Map<string, Directive> {
  readonly #used: Set<Directive>;

  constructor(maps: ReadonlyMap<string, Directive>, used: Set<Directive>) {
    super(maps);
    this.#used = used;
  }

  override get(name: string): Directive | undefined {
    const map = super.get(name);
    if (map !== undefined) this.#used.add(map);
    return map;
  }
}
