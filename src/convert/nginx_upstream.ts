/**
 * Converts what nginx passes to: `upstream` blocks and single addresses, with the server's timeouts and
 * headers. Knows no listener and no route.
 *
 * @module
 */

import { timeOf } from "./nginx_scope.ts";
import { type Directive, originOf } from "./nginx_syntax.ts";
import {
  type Item,
  Names,
  type Note,
  type Origin,
  type Plan,
  type PlannedTarget,
  type Setting,
  unconverted,
} from "./plan.ts";

const REASONS: Readonly<Record<string, string>> = {
  service: "shunt looks up addresses, not SRV records",
  down: "a target that is down is left out",
};

/** Parameters of a single server in nginx, which shunt has for all targets of an upstream. */
const COMMON: readonly {
  readonly name: string;
  readonly path: readonly string[];
  readonly read: (text: string) => string | number;
}[] = [
  { name: "max_conns", path: ["limits", "sessions_per_target"], read: numberOf },
  { name: "max_fails", path: ["health", "eject_after"], read: numberOf },
  { name: "fail_timeout", path: ["health", "eject_for"], read: timeOf },
  { name: "slow_start", path: ["health", "slow_start"], read: timeOf },
];

function numberOf(text: string): string | number {
  return /^[0-9]{1,9}$/.test(text) ? Number(text) : text;
}

/** Parameters and directives that shunt does not need. */
const NEEDLESS = new Set(["zone", "resolve"]);

/** The upstreams of a plan, each added when it is first used. */
export class Upstreams {
  readonly #plan: Plan;
  readonly #blocks: ReadonlyMap<string, Directive>;
  readonly #planned = new Map<string, string>();
  readonly #used = new Set<string>();
  readonly #names = new Names();

  /**
   * @param plan The plan for the upstreams
   * @param blocks The `upstream` blocks by name
   */
  constructor(plan: Plan, blocks: ReadonlyMap<string, Directive>) {
    this.#plan = plan;
    this.#blocks = blocks;
  }

  /**
   * Adds the upstream for what a server passes to.
   *
   * @param value The name of a block, or an address
   * @param options The directive, and the server's settings
   * @returns The upstream's name
   */
  plan(
    value: string,
    { from, settings }: { readonly from: Origin; readonly settings: readonly Setting[] },
  ): string {
    const key = JSON.stringify([value, settings.map(({ path, value }) => [path, value])]);
    const known = this.#planned.get(key);
    if (known !== undefined) return known;
    const block = this.#blocks.get(value);
    const read = block === undefined
      ? {
        targets: [{ value: { address: value.replace(/^(unix:.*):$/, "$1") }, from }],
        notes: [],
        settings: [],
      }
      : readUpstream(block);
    const name = this.#names.free(value.replace(/^unix:\/?/, ""));
    this.#plan.upstreams.push({
      name,
      // Only once, even if servers with other timeouts use the same block.
      notes: this.#used.has(value) ? [] : read.notes,
      targets: read.targets,
      settings: [...read.settings, ...settings],
      from: block === undefined ? from : originOf(block),
    });
    this.#used.add(value);
    this.#planned.set(key, name);
    return name;
  }

  /**
   * Adds an upstream that refuses clients.
   *
   * @param builtin The built-in target
   * @param from The directive that requires it
   * @returns The upstream's name
   */
  reject(builtin: "reset" | "discard", from: Origin): string {
    const key = `builtin:${builtin}`;
    const known = this.#planned.get(key);
    if (known !== undefined) return known;
    const name = this.#names.free("reject");
    const targets = [{ value: { address: key }, from }];
    this.#plan.upstreams.push({ name, notes: [], targets, settings: [], from });
    this.#planned.set(key, name);
    return name;
  }

  /** Returns the blocks that no server passes to. */
  unused(): Directive[] {
    return [...this.#blocks].filter(([name]) => !this.#used.has(name)).map(([, block]) => block);
  }
}

function readUpstream(
  block: Directive,
): {
  readonly targets: Item<PlannedTarget>[];
  readonly notes: Note[];
  readonly settings: Setting[];
} {
  const notes: Note[] = [];
  const targets: Item<PlannedTarget>[] = [];
  const settings: Setting[] = [];
  const servers: Server[] = [];
  for (const directive of block.block ?? []) {
    const from = originOf(directive);
    if (directive.name === "server") {
      const server = readServer(directive, notes);
      if (server === undefined) continue;
      servers.push(server);
      targets.push({ value: server.target, from });
      continue;
    }
    if (NEEDLESS.has(directive.name)) continue;
    const balance = readBalance(directive, notes);
    // The last method counts.
    if (balance !== undefined) settings.splice(0, 1, { path: ["balance"], value: balance, from });
  }
  for (const { name, path, read } of COMMON) {
    const values = servers.flatMap(({ common, from }) => {
      const value = common.get(name);
      return value === undefined ? [] : [{ value: read(value), from }];
    });
    const [first] = values;
    if (first === undefined) continue;
    if (values.length === servers.length && values.every(({ value }) => value === first.value)) {
      settings.push({ path, ...first });
      continue;
    }
    const why = `${name}: shunt has one value for all targets of an upstream`;
    notes.push(...values.map(({ from }) => unconverted(from, why)));
  }
  return { targets, notes, settings };
}

/** One server of an `upstream` block. */
interface Server {
  readonly target: PlannedTarget;
  /** Parameters from {@linkcode COMMON}, by name. */
  readonly common: ReadonlyMap<string, string>;
  readonly from: Origin;
}

/** Returns `undefined` if the server is marked as down. */
function readServer(directive: Directive, notes: Note[]): Server | undefined {
  const [address = "", ...params] = directive.args;
  const from = originOf(directive);
  const common = new Map<string, string>();
  let target: PlannedTarget = { address: address.replace(/^(unix:.*):$/, "$1") };
  let down = false;
  for (const param of params) {
    const [name = "", value = ""] = param.split("=");
    const weight = numberOf(value);
    if (name === "weight" && typeof weight === "number" && weight >= 1 && weight <= 1000) {
      target = { ...target, weight };
    } else if (name === "backup") target = { ...target, backup: true };
    else if (COMMON.some((each) => each.name === name)) common.set(name, value);
    else if (!NEEDLESS.has(name)) {
      if (name === "down") down = true;
      const reason = Object.hasOwn(REASONS, name) ? REASONS[name] : undefined;
      notes.push(unconverted(from, `${param}: ${reason ?? "shunt has no equivalent"}`));
    }
  }
  return down ? undefined : { target, common, from };
}

function readBalance(directive: Directive, notes: Note[]): string | undefined {
  const { name, args } = directive;
  if (name === "least_conn") return "least_sessions";
  if (name === "ip_hash") return "source_ip";
  if (name === "random" && args.length === 0) return "random";
  if (name === "hash" && /^\$(\{)?(binary_)?remote_addr\}?$/.test(args[0] ?? "")) {
    return args[1] === "consistent" ? "maglev" : "source_ip";
  }
  notes.push(unconverted(originOf(directive), "shunt has no equivalent"));
  return undefined;
}
