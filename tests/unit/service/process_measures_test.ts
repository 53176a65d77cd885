import { assert, assertEquals } from "@std/assert";
import { ProcessBook } from "../../../src/service/process_measures.ts";

function upAt(book: ProcessBook, now: number, ticks: readonly number[]): readonly boolean[] {
  return book.measures({ io: "deno", ready: true, startedAt: new Date(0), ticks }, now).workersUp;
}

Deno.test("process measures: a worker whose clock stops for a second is down", () => {
  const book = new ProcessBook();
  assertEquals(upAt(book, 0, [5, 5]), [true, true]);
  assertEquals(upAt(book, 15_000, [155, 5]), [true, false]);
  assertEquals(upAt(book, 30_000, [305, 6]), [true, true]);
});

Deno.test("process measures: asking again at once does not show workers as down", () => {
  const book = new ProcessBook();
  upAt(book, 0, [5, 5]);
  assertEquals(upAt(book, 10, [5, 5]), [true, true]);
  assertEquals(upAt(book, 1000, [15, 5]), [true, false]);
  assertEquals(upAt(book, 1010, [15, 5]), [true, false]);
});

Deno.test("process measures: the last reload counts, and only one that was applied is a new configuration", () => {
  const book = new ProcessBook();
  const state = { io: "deno", ready: true, startedAt: new Date(0), ticks: [] };
  const { configuredAt, lastReloadOk } = book.measures(state);
  assert(lastReloadOk);
  book.reloaded("refused");
  assertEquals(book.measures(state).lastReloadOk, false);
  assertEquals(book.measures(state).configuredAt, configuredAt);
  book.reloaded("unchanged");
  assertEquals(book.measures(state).lastReloadOk, true);
  assertEquals(book.measures(state).reloads, { applied: 0, unchanged: 1, refused: 1 });
});
