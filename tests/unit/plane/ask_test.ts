import { assertEquals, assertRejects } from "@std/assert";
import { ShuntError } from "../../../src/errors.ts";
import { answerTo, type Ask, Asker, type Question } from "../../../src/plane/ask.ts";

interface Sums {
  readonly double: Question<number, number>;
  readonly refuse: Question<string, never>;
}

const ANSWERS = {
  double: (about: number) => 2 * about,
  refuse: (why: string): never => {
    throw new ShuntError(why, { code: "bind_failed" });
  },
};

/** Keeps what is asked, so that a test says when it is answered. */
function asker() {
  const asked: Ask<Sums>[] = [];
  return { asked, asker: new Asker<Sums>((question) => asked.push(question)) };
}

Deno.test("ask: each question gets its own answer, whatever the order", async () => {
  const { asked, asker: sums } = asker();
  const answers = [1, 2, 3].map((number) => sums.ask("double", number));
  for (const question of asked.toReversed()) {
    if (question.name === "double") sums.receive(await answerTo(question, ANSWERS));
  }
  assertEquals(await Promise.all(answers), [2, 4, 6]);
});

Deno.test("ask: a question that fails keeps the code of its error", async () => {
  const { asked, asker: sums } = asker();
  const answer = sums.ask("refuse", "no such address");
  const [question] = asked;
  if (question?.name === "refuse") sums.receive(await answerTo(question, ANSWERS));
  const error = await assertRejects(() => answer, ShuntError, "no such address");
  assertEquals(error.code, "bind_failed");
});

Deno.test("ask: what has no answer when the other thread ends is rejected, and so is what comes later", async () => {
  const { asked, asker: sums } = asker();
  const answers = [sums.ask("double", 1), sums.ask("refuse", "late")];
  sums.end(new ShuntError("Worker died", { code: "worker_died" }));
  for (const answer of [...answers, sums.ask("double", 2)]) {
    assertEquals((await assertRejects(() => answer, ShuntError)).code, "worker_died");
  }
  assertEquals(asked.length, 2);
  // An answer that was on its way is nobody's.
  sums.receive({ type: "answer", number: 0, value: 2 });
});
