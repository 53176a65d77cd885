/**
 * What nginx passes to: `upstream` blocks and single addresses, with what the server says about
 * timeouts and headers. Knows no listener and no route.
 *
 * @module
 */

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
  max_fails: "passive health checks are not supported yet",
  fail_timeout: "passive health checks are not supported yet",
  slow_start: "shunt has no equal",
  service: "shunt looks up addresses, not SRV records",
  down: "a target that is down is left out",
};

/** What `shunt` does anyway or needs not. */
const NEEDLESS = new Set(["zone", "resolve"]);

/** The upstreams of a plan, each planned when it is first passed to. */
export class Upstreams {
  readonly #plan: Plan;
  readonly #blocks: ReadonlyMap<string, Directive>;
  readonly #planned = new Map<string, string>();
  readonly #used = new Set<string>();
  readonly #names = new Names();

  /**
   * @param plan What takes the upstreams
   * @param blocks The `upstream` blocks by name
   */
  constructor(plan: Plan, blocks: ReadonlyMap<string, Directive>) {
    this.#plan = plan;
    this.#blocks = blocks;
  }

  /**
   * Plans what a server passes to.
   *
   * @param value The name of a block, or an address
   * @param options Where it is said and what the server says about it
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
      // Said once, where servers with other timeouts use the same block.
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
   * Plans what answers no one.
   *
   * @param builtin The built-in target
   * @param from What asks for it
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

  /**
   * Lists the blocks that nothing passes to.
   *
   * @returns The blocks
   */
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
  const limits: { readonly value: number; readonly from: Origin }[] = [];
  for (const directive of block.block ?? []) {
    const from = originOf(directive);
    if (directive.name === "server") {
      const { target, limit } = readServer(directive, notes);
      if (target !== undefined) targets.push({ value: target, from });
      if (limit !== undefined) limits.push({ value: limit, from });
      continue;
    }
    if (NEEDLESS.has(directive.name)) continue;
    const balance = readBalance(directive, notes);
    // The last method counts.
    if (balance !== undefined) settings.splice(0, 1, { path: ["balance"], value: balance, from });
  }
  const [limit] = limits;
  if (limit !== undefined) {
    const shared = limits.length === targets.length &&
      limits.every(({ value }) => value === limit.value);
    if (shared) settings.push({ path: ["limits", "sessions_per_target"], ...limit });
    else {
      const why = "max_conns: shunt has one limit for all targets of an upstream";
      notes.push(...limits.map(({ from }) => unconverted(from, why)));
    }
  }
  return { targets, notes, settings };
}

function readServer(
  directive: Directive,
  notes: Note[],
): { readonly target?: PlannedTarget; readonly limit?: number } {
  const [address = "", ...params] = directive.args;
  const from = originOf(directive);
  let target: PlannedTarget = { address: address.replace(/^(unix:.*):$/, "$1") };
  let limit: number | undefined;
  let down = false;
  for (const param of params) {
    const [name = "", value = ""] = param.split("=");
    const number = /^[0-9]{1,9}$/.test(value) ? Number(value) : undefined;
    if (name === "weight" && number !== undefined && number >= 1 && number <= 1000) {
      target = { ...target, weight: number };
    } else if (name === "backup") target = { ...target, backup: true };
    else if (name === "max_conns" && number !== undefined) limit = number;
    else if (!NEEDLESS.has(name)) {
      if (name === "down") down = true;
      const reason = Object.hasOwn(REASONS, name) ? REASONS[name] : undefined;
      notes.push(unconverted(from, `${param}: ${reason ?? "shunt has no equal"}`));
    }
  }
  return down ? {} : { target, ...(limit === undefined ? {} : { limit }) };
}

function readBalance(directive: Directive, notes: Note[]): string | undefined {
  const { name, args } = directive;
  if (name === "least_conn") return "least_sessions";
  if (name === "ip_hash") return "source_ip";
  if (name === "random" && args.length === 0) return "random";
  if (name === "hash" && /^\$(\{)?(binary_)?remote_addr\}?$/.test(args[0] ?? "")) {
    return args[1] === "consistent" ? "maglev" : "source_ip";
  }
  notes.push(unconverted(originOf(directive), "shunt has no equal"));
  return undefined;
}
