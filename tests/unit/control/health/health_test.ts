import { assertEquals } from "@std/assert";
import type {
  HealthChange,
  HealthConfig,
  HealthState,
} from "../../../../src/control/health/health.ts";
import { HealthGroup } from "../../../../src/control/health/group.ts";
import { FULL_SHARE } from "../../../../src/resolve/standing.ts";
import type { Upstream } from "../../../../src/resolve/upstream.ts";
import { hosts, type Short, upstream } from "../../resolve/_upstream.ts";

/** The targets of one upstream, with a clock. */
class Bench {
  now = 1_000_000;
  readonly changes: string[] = [];
  web: Upstream;
  #group: HealthGroup;

  constructor(health: Partial<HealthConfig>, targets: readonly Short[] = hosts(2)) {
    this.web = upstream("round_robin", targets, { health });
    this.#group = new HealthGroup(this.web, undefined, this.#options());
  }

  reload(health: Partial<HealthConfig>, targets: readonly Short[] = hosts(2)): void {
    this.web = upstream("round_robin", targets, { health });
    this.#group = new HealthGroup(this.web, this.#group, this.#options());
  }

  #options() {
    return { now: this.now, onChange: this.#onChange };
  }

  readonly #onChange = (change: HealthChange): void => {
    const { kind, target, why } = change;
    const extra = kind === "ejected" ? change.forMs : kind === "back" ? change.outMs : "";
    this.changes.push(`${kind} ${this.web.targets.indexOf(target)} ${extra} ${why}`);
  };

  /** Check results of a target: `+` for each success, `-` for each failure. */
  check(i: number, results: string): void {
    const book = this.#group.targets[i]!;
    for (const result of results) {
      const change = result === "+" ? book.passed(this.now) : book.failed("refused", this.now);
      if (change !== undefined) this.#onChange(change);
    }
  }

  fail(i: number, times: number): void {
    for (; times > 0; times--) this.web.targets[i]!.standing.failed();
  }

  pass(ms: number): void {
    this.now += ms;
    this.#group.tick(this.now, this.#onChange);
  }

  get states(): HealthState[] {
    return this.#group.targets.map((book) => book.report().health);
  }

  get usable(): boolean[] {
    return this.web.targets.map((target) => target.standing.usable);
  }

  report(i: number) {
    return this.#group.targets[i]!.report();
  }
}

interface Row {
  readonly name: string;
  readonly rise?: number;
  readonly fall?: number;
  readonly results: string;
  readonly health: HealthState;
}

const CHECKED: readonly Row[] = [
  { name: "is unchecked before its first check", results: "", health: "unchecked" },
  { name: "is up after one success", results: "+", health: "up" },
  { name: "is down when its very first check fails", results: "-", health: "down" },
  { name: "stays up below fall", results: "+--", health: "up" },
  { name: "is down at fall", results: "+---", health: "down" },
  { name: "needs its failures in a row", results: "+--+--", health: "up" },
  { name: "stays down below rise", results: "+---+", health: "down" },
  { name: "is back at rise", results: "+---++", health: "up" },
  { name: "needs its successes in a row", results: "+---+-+", health: "down" },
  { name: "needs fall failures once it is back", results: "-++--", health: "up" },
  { name: "falls again", results: "-++---", health: "down" },
  { name: "is down at once with a fall of 1", fall: 1, results: "++-", health: "down" },
  { name: "is back at once with a rise of 1", rise: 1, results: "+---+", health: "up" },
  { name: "is no more down for many failures", results: "-".repeat(1000) + "++", health: "up" },
  { name: "is no more up for many successes", results: "+".repeat(1000) + "---", health: "down" },
];

for (const { name, rise = 2, fall = 3, results, health } of CHECKED) {
  Deno.test(`resolve health: a target ${name}`, () => {
    const bench = new Bench({ interval: 1_000, rise, fall });
    bench.check(0, results);
    assertEquals(bench.report(0).health, health);
    assertEquals(bench.web.targets[0]!.standing.usable, health !== "down");
    assertEquals(bench.web.targets[0]!.standing.dead, health === "down");
    const ok = [...results].filter((result) => result === "+").length;
    assertEquals(bench.report(0).checks, { ok, failed: results.length - ok });
  });
}

Deno.test("resolve health: reports since when, and why", () => {
  const bench = new Bench({ interval: 1_000 });
  assertEquals(bench.report(0), {
    health: "unchecked",
    since: 1_000_000,
    checks: { ok: 0, failed: 0 },
    ejections: 0,
  });
  bench.pass(500);
  bench.check(0, "+");
  assertEquals(bench.report(0).since, 1_000_500);
  bench.pass(500);
  bench.check(0, "+-");
  assertEquals([bench.report(0).since, bench.report(0).lastError], [1_000_500, "refused"]);
  bench.check(0, "--");
  assertEquals([bench.report(0).since, bench.report(0).lastError], [1_001_000, "refused"]);
  bench.check(0, "+");
  assertEquals(bench.report(0).lastError, "refused");
  bench.pass(2_000);
  bench.check(0, "+");
  assertEquals([bench.report(0).since, bench.report(0).lastError], [1_003_000, undefined]);
  assertEquals(bench.changes, [
    "down 0  refused",
    "back 0 2000 2 checks succeeded",
  ]);
});

Deno.test("resolve health: consecutive failures of traffic eject a target for a while", () => {
  const bench = new Bench({ eject_after: 5, eject_for: 10_000 });
  bench.fail(0, 4);
  bench.pass(100);
  bench.web.targets[0]!.standing.answered();
  bench.fail(0, 4);
  bench.pass(100);
  assertEquals(bench.usable, [true, true]);
  bench.fail(0, 1);
  bench.pass(100);
  assertEquals(bench.usable, [false, true]);
  assertEquals(bench.states, ["ejected", "unchecked"]);
  // What was under way fails late: it counts for nothing once the target is back.
  bench.fail(0, 20);
  bench.pass(9_900);
  assertEquals(bench.usable, [false, true]);
  bench.pass(100);
  assertEquals(bench.usable, [true, true]);
  bench.pass(100);
  assertEquals(bench.changes, [
    "ejected 0 10000 its traffic failed 5 times in a row",
    "back 0 10000 its time is over",
  ]);
  assertEquals(bench.report(0).ejections, 1);
});

Deno.test("resolve health: ejects for longer each time, and forgets after a long healthy time", () => {
  const bench = new Bench({ eject_after: 1, eject_for: 100 });
  const times = () => bench.changes.splice(0).map((change) => change.split(" ").slice(0, 3));
  for (const forMs of [100, 200, 400, 800, 1600, 1600, 1600]) {
    bench.fail(0, 1);
    bench.pass(1);
    bench.pass(forMs);
    assertEquals(times(), [["ejected", "0", `${forMs}`], ["back", "0", `${forMs}`]]);
  }
  bench.pass(1598);
  bench.fail(0, 1);
  bench.pass(1);
  assertEquals(times(), [["ejected", "0", "1600"]]);
  bench.pass(1600);
  bench.pass(1600);
  bench.fail(0, 1);
  bench.pass(1);
  assertEquals(times(), [["back", "0", "1600"], ["ejected", "0", "100"]]);
  assertEquals(bench.report(0).ejections, 9);
});

Deno.test("resolve health: never ejects with eject_after 0", () => {
  const bench = new Bench({ eject_after: 0 });
  bench.fail(0, 1_000_000);
  bench.pass(100);
  assertEquals(bench.usable, [true, true]);
});

Deno.test("resolve health: time during which a target is down does not count as healthy", () => {
  const bench = new Bench({ interval: 1_000, eject_after: 1, eject_for: 100 });
  bench.fail(0, 1);
  bench.pass(1);
  bench.check(0, "---");
  bench.pass(100_000);
  bench.check(0, "++");
  bench.fail(0, 1);
  bench.pass(1);
  assertEquals(bench.changes.at(-1), "ejected 0 200 its traffic failed once");
});

interface LastRow {
  readonly name: string;
  readonly targets: readonly Short[];
  readonly prepare?: (bench: Bench) => void;
  readonly usable: readonly boolean[];
}

const BACKUP: Short = ["10.0.1.1:80", { backup: true }];

const LAST: readonly LastRow[] = [
  { name: "the only target", targets: hosts(1), usable: [true] },
  { name: "the last of several that fail", targets: hosts(3), usable: [false, false, true] },
  { name: "the last beside a backup", targets: [...hosts(1), BACKUP], usable: [false, true] },
  {
    name: "the last beside one that drains",
    targets: hosts(2),
    prepare: (bench) => bench.web.targets[1]!.standing.set("drain", true),
    usable: [true, false],
  },
  {
    name: "the last beside one that is down",
    targets: hosts(2),
    prepare: (bench) => bench.check(1, "-"),
    usable: [true, false],
  },
];

for (const { name, targets, prepare, usable } of LAST) {
  Deno.test(`resolve health: never ejects the last usable target: ${name}`, () => {
    const bench = new Bench({ interval: 1_000, eject_after: 5 }, targets);
    prepare?.(bench);
    targets.forEach((_, i) => bench.fail(i, 100));
    for (let i = 0; i < 10; i++) bench.pass(100);
    assertEquals(bench.usable, usable);
  });
}

Deno.test("resolve health: two dead targets are tried in turn", () => {
  const bench = new Bench({ eject_after: 5, eject_for: 10_000 });
  bench.fail(0, 5);
  bench.fail(1, 5);
  bench.pass(100);
  assertEquals(bench.usable, [false, true]);
  bench.pass(10_000);
  assertEquals(bench.usable, [true, false]);
});

for (const reason of ["drain", "down"] as const) {
  Deno.test(`resolve health: calls ejected targets back when the last one goes: ${reason}`, () => {
    const bench = new Bench({ interval: 1_000, fall: 1, eject_after: 1, eject_for: 60_000 });
    bench.fail(0, 1);
    bench.pass(100);
    assertEquals(bench.usable, [false, true]);
    if (reason === "down") bench.check(1, "-");
    else bench.web.targets[1]!.standing.set("drain", true);
    bench.pass(100);
    assertEquals(bench.usable, [true, false]);
    assertEquals(bench.changes.at(-1), "back 0 100 no other target is left");
    bench.fail(0, 100);
    bench.pass(100);
    assertEquals(bench.usable, [true, false]);
  });
}

Deno.test("resolve health: checks may take all targets down", () => {
  const bench = new Bench({ interval: 1_000 });
  bench.check(0, "-");
  bench.check(1, "-");
  bench.pass(100);
  assertEquals(bench.usable, [false, false]);
});

Deno.test("resolve health: checks end the first ejection early, and not the next", () => {
  const bench = new Bench({ interval: 1_000, rise: 2, eject_after: 1, eject_for: 60_000 });
  bench.check(0, "+++++");
  bench.fail(0, 1);
  bench.pass(100);
  bench.check(0, "+");
  assertEquals(bench.states[0], "ejected");
  bench.check(0, "+");
  assertEquals(bench.states[0], "up");
  bench.fail(0, 1);
  bench.pass(100);
  bench.check(0, "++++++++");
  bench.pass(119_900);
  assertEquals(bench.states[0], "ejected");
  bench.pass(100);
  assertEquals(bench.states[0], "up");
});

Deno.test("resolve health: a target that is also down is back only when both have ended", () => {
  const bench = new Bench({ interval: 1_000, eject_after: 1, eject_for: 10_000 });
  bench.check(0, "+");
  for (const _ of [1, 2]) {
    bench.fail(0, 1);
    bench.pass(100);
    bench.pass(20_000);
  }
  bench.fail(0, 1);
  bench.pass(100);
  bench.changes.length = 0;
  bench.check(0, "---");
  assertEquals(bench.states[0], "down");
  bench.check(0, "++");
  assertEquals(bench.states[0], "ejected");
  bench.check(0, "---");
  bench.pass(40_000);
  assertEquals([bench.states[0], bench.usable[0]], ["down", false]);
  bench.check(0, "++");
  assertEquals([bench.states[0], bench.usable[0]], ["up", true]);
  assertEquals(bench.changes, [
    "down 0  refused",
    "down 0  refused",
    "back 0 40000 2 checks succeeded",
  ]);
});

Deno.test("resolve health: a target that comes back starts slowly", () => {
  const bench = new Bench({ eject_after: 1, eject_for: 1_000, slow_start: 9_000 });
  const { standing } = bench.web.targets[0]!;
  const share = () => standing.share;
  assertEquals(share(), FULL_SHARE);
  bench.fail(0, 1);
  bench.pass(100);
  bench.pass(1_000);
  assertEquals(share(), 100);
  bench.pass(10);
  assertEquals(share(), 101);
  bench.pass(990);
  assertEquals(share(), 200);
  bench.pass(4_000);
  assertEquals(share(), 600);
  bench.pass(3_999);
  assertEquals(share(), 999);
  bench.pass(1);
  assertEquals(share(), FULL_SHARE);
  assertEquals(bench.web.targets[1]!.standing.share, FULL_SHARE);
});

Deno.test("resolve health: a target that goes again begins its slow start anew", () => {
  const bench = new Bench({ eject_after: 1, eject_for: 1_000, slow_start: 9_000 });
  bench.fail(0, 1);
  bench.pass(100);
  bench.pass(1_000);
  bench.pass(4_500);
  assertEquals(bench.web.targets[0]!.standing.share, 550);
  bench.fail(0, 1);
  bench.pass(100);
  bench.pass(2_000);
  assertEquals(bench.web.targets[0]!.standing.share, 100);
});

Deno.test("resolve health: a reload keeps what is known of a target, in other memory too", () => {
  const health = { interval: 1_000, eject_after: 1, eject_for: 60_000, slow_start: 9_000 };
  const bench = new Bench(health, hosts(4));
  bench.check(0, "-");
  bench.fail(1, 1);
  bench.check(3, "-++");
  bench.pass(4_500);
  const before = bench.states;
  assertEquals(before, ["down", "ejected", "unchecked", "up"]);
  bench.reload(health, [...hosts(4)].reverse());
  assertEquals(bench.states, before.toReversed());
  assertEquals(bench.usable, [true, true, false, false]);
  assertEquals(bench.web.targets[0]!.standing.share, 550);
  bench.pass(60_000);
  assertEquals(bench.states, ["up", "unchecked", "unchecked", "down"]);
  // One that comes back into the configuration is a new one.
  bench.reload(health, hosts(4).slice(1));
  bench.reload(health, hosts(4));
  assertEquals(bench.states[0], "unchecked");
});

Deno.test("resolve health: a reload brings back targets that are no longer checked", () => {
  const bench = new Bench({ interval: 1_000, eject_after: 1, slow_start: 9_000 }, hosts(3));
  bench.check(0, "-");
  bench.fail(1, 1);
  bench.pass(100);
  bench.check(1, "-");
  assertEquals(bench.usable, [false, false, true]);
  bench.reload({ interval: 0, eject_after: 1 }, hosts(3));
  assertEquals(bench.states, ["unchecked", "ejected", "unchecked"]);
  bench.reload({ interval: 0, eject_after: 0 }, hosts(3));
  assertEquals(bench.states, ["unchecked", "unchecked", "unchecked"]);
  assertEquals(bench.usable, [true, true, true]);
  assertEquals(bench.web.targets.map(({ standing }) => standing.share), [1000, 1000, 1000]);
  assertEquals(bench.changes.slice(-2), [
    "back 0 100 its health is not watched any more",
    "back 1 0 its health is not watched any more",
  ]);
});

Deno.test("resolve health: a reload with a shorter eject_for lets targets back sooner", () => {
  const bench = new Bench({ eject_after: 1, eject_for: 3_600_000 });
  bench.fail(0, 1);
  bench.pass(100);
  bench.reload({ eject_after: 1, eject_for: 1_000 });
  bench.pass(900);
  assertEquals(bench.states[0], "ejected");
  bench.pass(100);
  assertEquals(bench.states[0], "unchecked");
});

Deno.test("resolve health: a new target does not inherit the old content of its memory", () => {
  const bench = new Bench({});
  const web = upstream("round_robin", hosts(2));
  web.targets[0]!.standing.set("down", true);
  web.targets[0]!.standing.set("drain", true);
  web.targets[1]!.standing.set("ejected", true);
  web.targets[1]!.standing.share = 1;
  new HealthGroup(web, undefined, { now: bench.now, onChange: () => {} });
  assertEquals(web.targets[0]!.standing.dead, false);
  assertEquals(web.targets[0]!.standing.is("drain"), true);
  assertEquals([web.targets[1]!.standing.usable, web.targets[1]!.standing.share], [true, 1000]);
});
