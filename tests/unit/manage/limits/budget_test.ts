import { assert, assertEquals } from "@std/assert";
import { Budget, Holder } from "../../../../src/manage/limits/budget.ts";

/** Holds bytes of a budget, and gives them up if it is asked. */
class Waiting extends Holder {
  ended = false;
  readonly #budget: Budget;
  override readonly started: number;

  /**
   * @param budget Whose bytes
   * @param age Milliseconds ago when it began
   */
  constructor(budget: Budget, age: number) {
    super();
    this.#budget = budget;
    this.started = performance.now() - age;
  }

  /** Takes bytes, as a head does with each read. */
  read(bytes: number): boolean {
    const taken = this.#budget.claim(bytes, this);
    if (taken) this.#budget.note(this, this.held + bytes);
    return taken;
  }

  override shed(): void {
    this.ended = true;
    this.#budget.give(this.held);
  }
}

function full(budget: Budget, holders: readonly (readonly [age: number, bytes: number])[]) {
  const waiting = holders.map(([age, bytes]) => {
    const one = new Waiting(budget, age);
    assert(one.read(bytes));
    return one;
  });
  assertEquals(budget.used, budget.limit);
  return waiting;
}

function ended(holders: readonly Waiting[]): boolean[] {
  return holders.map((one) => one.ended);
}

Deno.test("budget: one that holds most ends, not the newcomer", () => {
  const budget = new Budget(1000);
  const holders = full(budget, [[3000, 100], [2000, 600], [1000, 300]]);
  assert(new Waiting(budget, 0).read(200));
  assertEquals(ended(holders), [false, true, false]);
  assertEquals(budget.used, 600);
});

Deno.test("budget: a newcomer that would hold most is itself refused", () => {
  const budget = new Budget(1000);
  const holders = full(budget, [[200, 100], [200, 100], [10, 800]]);
  holders[2]!.shed();
  budget.note(holders[2]!, 0);
  const large = new Waiting(budget, 0);
  assertEquals(large.read(900), false);
  assertEquals(ended(holders), [false, false, true]);
  assertEquals(budget.used, 200, "a refusal takes nothing");
});

Deno.test("budget: one that asks for more is refused if it holds most", () => {
  const budget = new Budget(1000);
  const holders = full(budget, [[1000, 100], [1000, 900]]);
  assertEquals(holders[1]!.read(50), false);
  assert(holders[0]!.read(50), "the other takes from it");
  assertEquals(ended(holders), [false, true]);
});

Deno.test("budget: many that hold little for long give way to one that has just come", () => {
  const budget = new Budget(10_000);
  const holders = full(budget, Array.from({ length: 100 }, () => [3000, 100] as const));
  assert(new Waiting(budget, 0).read(1500));
  assertEquals(ended(holders).filter(Boolean).length, 15);
});

Deno.test("budget: none is ended while there is enough", () => {
  const budget = new Budget(1000);
  const one = new Waiting(budget, 10_000);
  for (let i = 0; i < 10; i++) assert(one.read(100));
  assertEquals(one.ended, false);
});

Deno.test("budget: a worker does not end what other workers hold", () => {
  const cells = new Float64Array(2);
  const [first, second] = [new Budget(1000, cells, 0), new Budget(1000, cells, 1)];
  const holders = full(first, [[1000, 1000]]);
  assertEquals(new Waiting(second, 0).read(10), false);
  assertEquals(ended(holders), [false]);
});

Deno.test("budget: a holder of nothing is forgotten", () => {
  const budget = new Budget(1000);
  const gone = new Waiting(budget, 5000);
  gone.read(400);
  budget.give(400);
  budget.note(gone, 0);
  const holders = full(budget, [[1000, 1000]]);
  assert(new Waiting(budget, 0).read(1));
  assertEquals([gone.ended, ...ended(holders)], [false, true]);
});

Deno.test("budget: a holder that gives nothing up is asked once", () => {
  const budget = new Budget(100);
  let asked = 0;
  class Stubborn extends Holder {
    override shed(): void {
      asked++;
    }
  }
  const stubborn = new Stubborn();
  budget.claim(100, stubborn);
  budget.note(stubborn, 100);
  Object.defineProperty(stubborn, "started", { value: -1e6 });
  assertEquals([budget.claim(1), budget.claim(1), asked], [false, false, 1]);
});

Deno.test("budget: ending one costs the same, however many hold something", () => {
  const costs = [1000, 30_000].map((count) => {
    const budget = new Budget(count * 100);
    full(budget, Array.from({ length: count }, () => [3000, 100] as const));
    const begun = performance.now();
    for (let i = 0; i < 500; i++) assert(new Waiting(budget, 0).read(100));
    return performance.now() - begun;
  });
  // Thirty times as many; noise is allowed for.
  assert(costs[1]! < costs[0]! * 8 + 2, `${costs} ms`);
});
