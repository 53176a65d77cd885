import { assertEquals, assertRejects } from "@std/assert";
import { Attempt } from "../../../src/io/attempt.ts";
import { whenRoom } from "../../../src/io/queue.ts";

class Full extends Error {}
const isFull = (error: unknown) => error instanceof Full;

Deno.test("io queue: tries until there is room, and reports every other error at once", async () => {
  let tries = 0;
  const connect = () => {
    if (++tries < 4) throw new Full();
    return Promise.resolve("connected");
  };
  assertEquals(await whenRoom(connect, isFull, new Attempt()), "connected");
  assertEquals(tries, 4);
  const refused = () => Promise.reject(new Error("refused"));
  await assertRejects(() => whenRoom(refused, isFull, new Attempt()), Error, "refused");
});

Deno.test("io queue: stops waiting once it is given up", async () => {
  const attempt = new Attempt();
  const full = () => {
    throw new Full();
  };
  const waiting = assertRejects(() => whenRoom(full, isFull, attempt), DOMException, "given up");
  await Promise.resolve();
  attempt.giveUp();
  await waiting;
});
