import { assert, assertEquals, AssertionError } from "@std/assert";
import { HealthChecks } from "../../src/control/health/checks.ts";
import type { HealthConfig } from "../../src/control/health/health.ts";
import type { Upstream } from "../../src/resolve/upstream.ts";
import { NO_NAMES, Probes } from "../unit/control/health/_probes.ts";
import { type Short, upstream } from "../unit/resolve/_upstream.ts";
import { random } from "./_random.ts";
import { atOnce } from "../../src/slices.ts";

const NAMES = ["web", "mail", "vpn"];
const HOSTS = [".1:80", ".2:80", ".3:80"];
const LONGEST = 16;

/** Upstreams under random traffic, checks, operators, reloads and clocks. */
class World implements Disposable {
  readonly seen = new Set<string>();
  readonly #random: () => number;
  readonly #probes = new Probes();
  readonly #checks: HealthChecks;
  #now = 1e6;
  /** The time that really passes. */
  #real = 0;
  #upstreams: Upstream[] = [];
  /** Since when each target has been ejected. */
  readonly #ejected = new Map<string, number>();
  /** Targets whose checks and traffic fail now. */
  readonly #dead = new Set<string>();

  constructor(seed: number) {
    this.#random = random(seed);
    this.#checks = new HealthChecks({
      resolver: NO_NAMES,
      now: () => this.#now,
      random: this.#random,
      probe: this.#probes.probe,
    });
    this.#reload();
  }

  #chance(of: number): boolean {
    return this.#random() < of;
  }

  #upTo(most: number): number {
    return Math.floor(this.#random() * (most + 1));
  }

  #health(): Partial<HealthConfig> {
    return {
      interval: this.#chance(0.3) ? 0 : 100 + this.#upTo(3_000),
      rise: 1 + this.#upTo(3),
      fall: 1 + this.#upTo(3),
      eject_after: this.#upTo(4),
      eject_for: 1 + this.#upTo(2_000),
      slow_start: this.#chance(0.5) ? 0 : this.#upTo(3_000),
    };
  }

  #reload(): void {
    const before = new Map(
      this.#upstreams.flatMap(({ name, targets }) =>
        targets.map((target) => [`${name} ${target.name}`, target] as const)
      ),
    );
    this.#upstreams = NAMES.filter(() => this.#chance(0.8)).map((name) => {
      const net = `10.0.${NAMES.indexOf(name)}`;
      const targets: Short[] = ["builtin:echo", `unix:/run/${name}`, ...HOSTS.map((i) => net + i)]
        .filter(() => this.#chance(0.6)).map((at) => [at, { backup: this.#chance(0.2) }]);
      if (targets.length === 0) targets.push(`${net}.9:80`);
      // Half of the reloads go on in the same memory, as the plane's may.
      const fresh = upstream("round_robin", targets, { name, health: this.#health() });
      const cells = fresh.targets.map((target) =>
        this.#chance(0.5) ? before.get(`${name} ${target.name}`) ?? target : target
      );
      return upstream("round_robin", targets, { name, health: fresh.config.health, cells });
    });
    atOnce(this.#checks.watch(this.#upstreams));
    const names = new Set(
      this.#upstreams.flatMap(({ name, targets }) => targets.map((t) => `${name} ${t.name}`)),
    );
    for (const key of this.#ejected.keys()) if (!names.has(key)) this.#ejected.delete(key);
  }

  async step(): Promise<void> {
    if (this.#chance(0.01)) this.#reload();
    for (const { name, targets } of this.#upstreams) {
      for (const { name: target, standing } of targets) {
        const key = `${name} ${target}`;
        if (this.#chance(0.01)) this.#dead.add(key);
        if (this.#chance(0.02)) this.#dead.delete(key);
        if (this.#chance(0.005)) standing.set("drain", this.#chance(0.4));
        if (!this.#chance(0.5)) continue;
        if (this.#dead.has(key)) standing.failed();
        else standing.answered();
      }
    }
    for (const { target, end } of [...this.#probes.pending.values()]) {
      if (this.#chance(0.5)) continue;
      if (this.#chance(0.05)) await end({ kind: "hindered", by: "load", why: "late" });
      else if (this.#chance([...this.#dead].some((key) => key.endsWith(target)) ? 0.95 : 0.1)) {
        await end({ kind: "failed", why: "refused" });
      } else await end({ kind: "ok" });
    }
    const ms = 80 + this.#upTo(40);
    this.#real += ms;
    this.#now += ms;
    // A clock that is set back or forward by up to an hour.
    if (this.#chance(0.002)) this.#now += (this.#random() - 0.5) * 7.2e6;
    this.#checks.tick(this.#now);
    this.audit();
  }

  audit(): void {
    assert(this.#probes.pending.size <= 64);
    for (const { name, targets, config } of this.#upstreams) {
      let usable = 0;
      let onlyEjected = 0;
      for (const { name: target, standing, address } of targets) {
        const report = this.#checks.state(name, target)!;
        const key = `${name} ${target}`;
        if (standing.usable) usable++;
        if (standing.is("ejected") && !standing.is("down") && !standing.is("drain")) onlyEjected++;
        assert(standing.share >= 1 && standing.share <= 1000, `Share ${standing.share} of ${key}`);
        if (config.health.slow_start === 0) assertEquals(standing.share, 1000);
        // The reported state is the one that the data planes see.
        const seen = standing.is("down") ? "down" : standing.is("ejected") ? "ejected" : undefined;
        if (seen !== undefined) assertEquals(report.health, seen);
        else assert(report.health === "up" || report.health === "unchecked", key);
        if (config.health.interval === 0 || address.kind === "builtin") {
          assert(!standing.is("down"), `${key} is down without checks`);
        }
        if (config.health.eject_after === 0) assert(!standing.is("ejected"), key);
        this.seen.add(report.health);
        if (standing.share < 1000) this.seen.add("slow");
        if (!standing.is("ejected")) this.#ejected.delete(key);
        else if (!this.#ejected.has(key)) this.#ejected.set(key, this.#real);
        else {
          const since = this.#ejected.get(key)!;
          // Steps back of the clock cost a tick each; a reload may have made the time shorter only.
          const most = LONGEST * 2_001 + 40 * 120;
          assert(this.#real - since <= most, `${key} is ejected since ${this.#real - since} ms`);
        }
      }
      assert(usable > 0 || onlyEjected === 0, `${name} has ${onlyEjected} ejected, none usable`);
    }
  }

  /** All is well again and nothing changes: all that does not drain is back in the end. */
  async end(): Promise<void> {
    const settle = 200_000;
    for (let passed = 0; passed < settle; passed += 100) {
      for (const { targets } of this.#upstreams) {
        for (const { standing } of targets) standing.answered();
      }
      for (const { end } of [...this.#probes.pending.values()]) await end({ kind: "ok" });
      this.#now += 100;
      this.#real += 100;
      this.#checks.tick(this.#now);
    }
    this.audit();
    for (const { targets } of this.#upstreams) {
      for (const { name, standing } of targets) {
        assertEquals([name, standing.dead, standing.share], [name, false, 1000]);
      }
    }
  }

  summary(): string {
    return this.#upstreams.map(({ name, targets }) =>
      targets.map((target) => JSON.stringify([name, this.#checks.state(name, target.name)]))
    ).join("\n");
  }

  [Symbol.dispose](): void {
    this.#checks[Symbol.dispose]();
  }
}

async function run(seed: number, steps: number): Promise<World> {
  let step = 0;
  using world = new World(seed);
  try {
    for (; step < steps; step++) await world.step();
    await world.end();
    return world;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new AssertionError(`Seed ${seed}, step ${step}: ${reason}`, { cause: error });
  }
}

Deno.test("health simulation: no world loses its last target to ejection, and all come back", async () => {
  const seen = new Set<string>();
  for (let seed = 1; seed <= 200; seed++) {
    for (const what of (await run(seed, 400)).seen) seen.add(what);
  }
  // The worlds are hostile enough to meet every state.
  assertEquals([...seen].sort(), ["down", "ejected", "slow", "unchecked", "up"]);
});

Deno.test("health simulation: one seed gives one history", async () => {
  assertEquals((await run(3, 400)).summary(), (await run(3, 400)).summary());
});
