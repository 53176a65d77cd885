import { assert, assertEquals } from "@std/assert";
import { configure, dispose, type LogRecord } from "@logtape/logtape";
import { HealthChecks } from "../../../../src/control/health/checks.ts";
import type { HealthConfig } from "../../../../src/control/health/health.ts";
import type { ProbeOutcome } from "../../../../src/control/health/probe.ts";
import type { Upstream } from "../../../../src/resolve/upstream.ts";
import { NO_NAMES, Probes } from "./_probes.ts";
import { hosts, seeded, type Short, upstream } from "../../resolve/_upstream.ts";
import { atOnce } from "../../../../src/slices.ts";

const OK: ProbeOutcome = { kind: "ok" };
const REFUSED: ProbeOutcome = { kind: "failed", why: "connection refused" };

class Bench implements Disposable {
  now = 5_000;
  readonly probes = new Probes();
  readonly checks: HealthChecks;

  constructor(random: () => number = () => 0.5) {
    this.checks = new HealthChecks({
      resolver: NO_NAMES,
      now: () => this.now,
      random,
      probe: this.probes.probe,
    });
  }

  watch(health: Partial<HealthConfig>, targets: readonly Short[] = hosts(1)): Upstream {
    const web = upstream("round_robin", targets, { health });
    atOnce(this.checks.watch([web]));
    return web;
  }

  pass(ms: number): void {
    for (; ms > 0; ms -= 100) {
      this.now += Math.min(ms, 100);
      this.checks.tick(this.now);
    }
  }

  async end(target: string, outcome: ProbeOutcome): Promise<void> {
    const pending = this.probes.pending.get(target);
    assert(pending !== undefined, `No check of ${target}`);
    await pending.end(outcome);
  }

  get pending(): string[] {
    return [...this.probes.pending.keys()];
  }

  [Symbol.dispose](): void {
    this.checks[Symbol.dispose]();
  }
}

const [A = "", B = ""] = hosts(2);

Deno.test("resolve health checks: a check begins when it is due, and one at a time", async () => {
  using bench = new Bench();
  bench.watch({ interval: 2_000, timeout: 700, probe: "http" });
  bench.pass(400);
  assertEquals(bench.pending, []);
  bench.pass(100);
  assertEquals(bench.pending, [A]);
  const { options } = bench.probes.pending.get(A)!;
  assertEquals([options.probe, options.timeout], ["http", 700]);
  bench.pass(10_000);
  assertEquals(bench.probes.begun.length, 1);
  await bench.end(A, OK);
  bench.pass(100);
  assertEquals(bench.probes.begun.length, 2);
  await bench.end(A, OK);
  bench.pass(1_900);
  assertEquals(bench.probes.begun.length, 2);
  bench.pass(100);
  assertEquals(bench.probes.begun.length, 3);
  assertEquals(bench.checks.state("web", A)?.checks, { ok: 2, failed: 0 });
});

for (const [random, gap] of [[0, 9_000], [0.25, 9_500], [0.5, 10_000], [0.999, 11_000]] as const) {
  Deno.test(`resolve health checks: an interval of 10 s may be ${gap} ms`, async () => {
    using bench = new Bench(() => random);
    bench.watch({ interval: 10_000 });
    const begun: number[] = [];
    while (begun.length < 4) {
      bench.pass(100);
      if (bench.pending.length === 0) continue;
      begun.push(bench.now);
      await bench.end(A, OK);
    }
    assertEquals(begun.slice(1).map((time, i) => time - begun[i]!), [gap, gap, gap]);
  });
}

Deno.test("resolve health checks: a thousand targets do not begin at once", async () => {
  using bench = new Bench(seeded(7));
  const targets = Array.from({ length: 1000 }, (_, i) => `10.0.${i >> 8}.${i & 255}:80`);
  bench.watch({ interval: 10_000 }, targets);
  const perTick: number[] = [];
  for (let tick = 0; tick < 10; tick++) {
    const before = bench.probes.begun.length;
    bench.pass(100);
    assert(bench.probes.pending.size <= 64);
    while (bench.probes.pending.size > 0) {
      for (const { end } of [...bench.probes.pending.values()]) await end(OK);
    }
    perTick.push(bench.probes.begun.length - before);
  }
  assertEquals(new Set(bench.probes.begun).size, 1000);
  assert(perTick.every((begun) => begun > 60 && begun < 140), perTick.join());
});

Deno.test("resolve health checks: 64 at once, and the target that has waited longest is next", async () => {
  using bench = new Bench(seeded(3));
  const targets = Array.from({ length: 200 }, (_, i) => `10.0.0.${i}:80`);
  bench.watch({ interval: 100 }, targets);
  bench.pass(1_000);
  assertEquals(bench.probes.pending.size, 64);
  for (let ended = 0; ended < 400; ended++) {
    await bench.end(bench.pending[0]!, REFUSED);
    assertEquals(bench.probes.pending.size, 64);
    bench.pass(100);
  }
  const counts = targets.map((target) => bench.probes.begun.filter((begun) => begun === target));
  const times = counts.map(({ length }) => length);
  assert(Math.min(...times) >= 2 && Math.max(...times) <= 3, times.join());
});

Deno.test("resolve health checks: results take targets out and bring them back", async () => {
  using bench = new Bench();
  const web = bench.watch({ interval: 1_000, rise: 2, fall: 2 }, hosts(2));
  const round = async (a: ProbeOutcome, b: ProbeOutcome) => {
    bench.pass(1_000);
    await bench.end(A, a);
    await bench.end(B, b);
    return web.targets.map(({ standing }) => standing.usable);
  };
  assertEquals(await round(REFUSED, OK), [false, true]);
  assertEquals(bench.checks.state("web", A)?.lastError, "connection refused");
  assertEquals(await round(OK, REFUSED), [false, true]);
  assertEquals(await round(OK, REFUSED), [true, false]);
  assertEquals(bench.checks.state("web", A)?.health, "up");
  assertEquals(bench.checks.state("web", B)?.health, "down");
});

Deno.test("resolve health checks: a check that could not be made changes nothing", async () => {
  using bench = new Bench();
  const web = bench.watch({ interval: 1_000, fall: 1 });
  for (const by of ["permission", "descriptors", "load"] as const) {
    bench.pass(1_100);
    await bench.end(A, { kind: "hindered", by, why: "no" });
  }
  assertEquals(web.targets[0]!.standing.usable, true);
  const { health, checks } = bench.checks.state("web", A)!;
  assertEquals([health, checks], ["unchecked", { ok: 0, failed: 0 }]);
});

Deno.test("resolve health checks: built-in targets are not checked, Unix sockets are", () => {
  using bench = new Bench();
  bench.watch({ interval: 1_000 }, ["builtin:echo", "unix:/run/a.sock"]);
  bench.pass(10_000);
  assertEquals(bench.pending, ["unix:/run/a.sock"]);
  assertEquals(bench.checks.state("web", "builtin:echo")?.health, "unchecked");
  assertEquals(bench.checks.state("web", "nobody:1"), undefined);
  assertEquals(bench.checks.state("nobody", "builtin:echo"), undefined);
});

Deno.test("resolve health checks: a reload gives up the checks of removed targets only", async () => {
  using bench = new Bench();
  bench.watch({ interval: 1_000 }, hosts(2));
  bench.pass(1_000);
  const [a, b] = [A, B].map((target) => bench.probes.pending.get(target)!.options.signal);
  const web = bench.watch({ interval: 1_000 }, [B]);
  assertEquals([a!.aborted, b!.aborted], [true, false]);
  await bench.end(B, REFUSED);
  assertEquals(web.targets[0]!.standing.usable, false);
  // No more checks: state that only checks know is dropped, and a late result is ignored.
  bench.pass(1_000);
  const late = bench.probes.pending.get(B)!;
  const unchecked = bench.watch({ interval: 0 }, [B]);
  assert(late.options.signal.aborted);
  await late.end(REFUSED);
  assertEquals(unchecked.targets[0]!.standing.usable, true);
  bench.pass(10_000);
  assertEquals(bench.pending, []);
});

Deno.test("resolve health checks: reloads neither advance nor delay a check", async () => {
  using bench = new Bench();
  bench.watch({ interval: 10_000 });
  for (let i = 0; i < 50; i++) {
    bench.watch({ interval: 10_000 });
    bench.pass(100);
  }
  assertEquals(bench.probes.begun.length, 1);
  await bench.end(A, OK);
  for (let i = 0; i < 100; i++) {
    bench.watch({ interval: 10_000 });
    bench.pass(100);
  }
  assertEquals(bench.probes.begun.length, 2);
  await bench.end(A, OK);
  bench.watch({ interval: 3_600_000 });
  bench.watch({ interval: 1_000 });
  bench.pass(1_000);
  assertEquals(bench.probes.begun.length, 3);
});

for (const jump of [-86_400_000, -1_000, 86_400_000]) {
  Deno.test(`resolve health checks: a clock that jumps by ${jump} ms does no harm`, async () => {
    using bench = new Bench();
    const web = bench.watch({ interval: 1_000, eject_after: 1, eject_for: 5_000 }, hosts(2));
    bench.pass(1_000);
    await bench.end(A, OK);
    await bench.end(B, OK);
    web.targets[0]!.standing.failed();
    bench.pass(100);
    assertEquals(bench.checks.state("web", A)?.health, "ejected");
    bench.now += jump;
    // The tick that sees a step back counts for nothing.
    bench.pass(5_100);
    assertEquals(bench.checks.state("web", A)?.health, "up");
    assertEquals(bench.probes.begun.length, 4);
    await bench.end(A, OK);
    bench.pass(1_000);
    assertEquals(bench.probes.begun.length, 5);
  });
}

Deno.test("resolve health checks: end with their owner", async () => {
  const bench = new Bench();
  const web = bench.watch({ interval: 1_000, eject_after: 1 }, hosts(2));
  bench.pass(1_000);
  const pending = bench.probes.pending.get(A)!;
  bench[Symbol.dispose]();
  assert(pending.options.signal.aborted);
  await pending.end(REFUSED);
  web.targets[1]!.standing.failed();
  bench.pass(10_000);
  assertEquals(web.targets.map(({ standing }) => standing.usable), [true, true]);
  assertEquals(bench.probes.begun.length, 2);
});

Deno.test("resolve health checks: log one line for each change, and each hindrance once", async () => {
  const records: LogRecord[] = [];
  await configure({
    reset: true,
    sinks: { memory: (record) => records.push(record) },
    loggers: [
      { category: ["shunt", "health"], lowestLevel: "debug", sinks: ["memory"] },
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: [] },
    ],
  });
  try {
    using bench = new Bench();
    const web = bench.watch({ interval: 1_000, fall: 1, rise: 1, eject_after: 2 }, hosts(2));
    const denied = { kind: "hindered", by: "permission", why: "Requires net access" } as const;
    for (const outcome of [denied, denied, OK, REFUSED, REFUSED, OK, OK]) {
      bench.pass(1_000);
      await bench.end(A, outcome);
      await bench.end(B, outcome === denied ? denied : OK);
    }
    for (let i = 0; i < 2; i++) web.targets[1]!.standing.failed();
    bench.pass(500);
    const where = (target: string) => ({ upstream: "web", target });
    assertEquals(
      records.map(({ level, rawMessage, properties }) => [level, rawMessage, properties]),
      [
        [
          "error",
          "Checks are not permitted, so they do not count; allow them with --allow-net",
          { ...where(A), because: "Requires net access" },
        ],
        ["warning", "Target is down", { ...where(A), because: "connection refused" }],
        [
          "info",
          "Target is back",
          { ...where(A), because: "a check succeeded", out_ms: 2_000 },
        ],
        [
          "warning",
          "Target is ejected",
          { ...where(B), because: "its traffic failed 2 times in a row", for_ms: 10_000 },
        ],
      ],
    );
  } finally {
    await dispose();
  }
});
