import { assert, assertEquals, assertLess, assertLessOrEqual } from "@std/assert";
import { HeapGuard, ResidentGuard } from "../../../../src/manage/limits/memory_guard.ts";
import { Pressure, pressureBytes } from "../../../../src/manage/limits/pressure.ts";

/** A heap of 100 bytes, part of which is garbage, whose collections take some milliseconds. */
class Heap {
  live = 0;
  garbage = 0;
  young = 0;
  now = 0;
  collections = 0;
  readonly guard: HeapGuard;

  constructor(readonly collectMs = 1) {
    this.guard = new HeapGuard({
      read: () => ({ used: this.live + this.garbage, limit: 100, young: this.young }),
      collect: () => {
        this.collections++;
        this.now += this.collectMs;
        this.live += this.young;
        this.garbage = this.young = 0;
      },
      now: () => this.now,
    });
  }

  /** Whether nothing new is taken, a tick later. */
  refuses(use: Partial<Pick<Heap, "live" | "garbage" | "young">>): boolean {
    Object.assign(this, use);
    this.now += 100;
    this.guard.tick();
    return this.guard.refusing;
  }
}

Deno.test("memory guard: a heap full of live objects refuses, until it is well below the limit", () => {
  const heap = new Heap();
  assertEquals(heap.refuses({ live: 69 }), false);
  assertEquals(heap.refuses({ live: 71 }), true);
  assertEquals(heap.refuses({ live: 65 }), true);
  assertEquals(heap.refuses({ live: 59 }), false);
  assertEquals(heap.refuses({ live: 65 }), false);
});

Deno.test("memory guard: a heap full of garbage never refuses, and is collected", () => {
  const heap = new Heap();
  for (let i = 0; i < 100; i++) {
    assertEquals(heap.refuses({ live: 30, garbage: heap.garbage + 20 }), false);
  }
  assert(heap.collections > 10);
});

Deno.test("memory guard: garbage that stays does not keep a heap refusing", () => {
  const heap = new Heap();
  assertEquals(heap.refuses({ live: 75 }), true);
  // All sessions have ended, and nothing is allocated that would make V8 collect.
  heap.live = 10;
  heap.garbage = 65;
  for (let i = 0; i < 20 && heap.guard.refusing; i++) heap.refuses({});
  assertEquals(heap.guard.refusing, false);
});

Deno.test("memory guard: young objects count, since all of them may become old at once", () => {
  assertEquals(new Heap().refuses({ live: 40, young: 35 }), true);
});

Deno.test("memory guard: collections take a fifth of the time, and a twentieth while it refuses", () => {
  for (const [live, most] of [[50, 0.2], [75, 0.05]] as const) {
    const heap = new Heap(200);
    while (heap.now < 100_000) heap.refuses({ live, garbage: 25 });
    assertLess(heap.collections * 200 / heap.now, most + 0.01, `with ${live} of 100 live`);
  }
});

Deno.test("memory guard: between two collections a heap that is nearly full refuses", () => {
  const heap = new Heap(200);
  assertEquals(heap.refuses({ live: 50, garbage: 25 }), false);
  assertEquals(heap.refuses({ live: 85 }), true);
});

/** A process that may have 1000 bytes. */
class Process {
  now = 0;
  asked = 0;
  readonly guard = new ResidentGuard(() => this.asked++);

  refuses(resident: number, lives: number, ticks = 10): boolean {
    for (let i = 0; i < ticks; i++) {
      this.now += 100;
      this.guard.tick(this.now, { resident, limit: 1000, lives });
    }
    return this.guard.refusing;
  }
}

Deno.test("memory guard: a process is asked to collect before it refuses", () => {
  const process = new Process();
  assertEquals(process.refuses(910, 100, 1), false);
  assertEquals(process.asked, 1);
  assertEquals(process.refuses(850, 100), false, "it has collected");
  assertEquals(process.refuses(910, 100), true, "there was nothing to collect");
  assertEquals(process.refuses(850, 100), true, "not well below");
  assertEquals(process.refuses(790, 100), false);
});

Deno.test("memory guard: a process that grows fast refuses at once", () => {
  assertEquals(new Process().refuses(960, 100, 1), true);
});

Deno.test("memory guard: memory that stays with the allocators is used again", () => {
  const process = new Process();
  assertEquals(process.refuses(920, 1000), true);
  assertEquals(process.refuses(920, 501), true);
  assertEquals(process.refuses(920, 500), false, "half are gone: what they had is there");
  assertEquals(process.refuses(920, 850), false, "as many as fit before");
  assertEquals(process.refuses(920, 950), true, "no more than before");
  assertEquals(process.refuses(920, 10), false);
  assertEquals(process.refuses(940, 20), true, "it grows");
});

Deno.test("memory guard: with no limit nothing is refused", () => {
  const guard = new ResidentGuard(() => {});
  guard.tick(0, { resident: 1e15, limit: Infinity, lives: 1 });
  assertEquals(guard.refusing, false);
});

Deno.test("pressure: a worker's own, and that of the process", () => {
  const memory = new SharedArrayBuffer(pressureBytes(2));
  const [first, second] = [new Pressure(memory, 2, 0), new Pressure(memory, 2, 1)];
  first.refuse(true, { used: 3, limit: 4 });
  assertEquals([first.refuses(), second.refuses()], [true, false]);
  assertEquals(second.heaps, [
    { used: 3, limit: 4, refuses: true },
    { used: 0, limit: 0, refuses: false },
  ]);
  second.clear(0);
  assertEquals([first.refuses(), second.refuses()], [false, false]);
  second.refuseAll(true);
  assertEquals([first.refuses(), second.refuses()], [true, true]);
  assertEquals([first.collects(), second.collects()], [false, false]);
  first.askToCollect();
  assertEquals([first.collects(), second.collects(), first.collects()], [true, true, false]);
});

Deno.test("pressure: many that begin between two ticks have the heap looked at", () => {
  const pressure = new Pressure(new SharedArrayBuffer(pressureBytes(1)), 1, 0);
  pressure.onMany(() => pressure.refuse(true, { used: 1, limit: 1 }));
  let taken = 0;
  while (taken < 10_000 && !pressure.refuses()) taken++;
  assertLessOrEqual(taken, 128);
});
