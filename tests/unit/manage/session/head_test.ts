import { assert, assertEquals } from "@std/assert";
import type { Stream } from "../../../../src/io/mod.ts";
import { Budget } from "../../../../src/manage/limits/budget.ts";
import { Head } from "../../../../src/manage/session/head.ts";
import type { ListenerState } from "../../../../src/manage/listener_state.ts";
import { Session } from "../../../../src/manage/session/session.ts";

const END = { host: "192.0.2.1", port: 1 };

/** A client of which the test needs what it names. */
function clientWith(own: Partial<Stream>): Stream {
  return {
    local: END,
    remote: END,
    read: () => Promise.resolve(null),
    write: () => Promise.resolve(1),
    closeWrite: () => Promise.resolve(),
    setNoDelay: () => {},
    close: () => {},
    ...own,
  };
}

/** A client whose bytes are available at once, at most so many a read, and how many were read. */
function sending(
  sent: Uint8Array,
  most: number,
): { readonly client: Stream; readonly taken: () => number } {
  let at = 0;
  const client = clientWith({
    read: () => Promise.reject(new Error("Not needed")),
    tryRead: (buffer) => {
      if (at === sent.length) return undefined;
      const piece = sent.subarray(at, at + Math.min(most, buffer.length));
      buffer.set(piece);
      at += piece.length;
      // As recv does it: no room gives 0, which means the end.
      return piece.length === 0 ? null : piece.length;
    },
  });
  return { client, taken: () => at };
}

/** A head whose client's reads are settled by the test. */
function pendingHead(): { head: Head; session: Session; arrive: (text: string | null) => void } {
  let { promise, resolve } = Promise.withResolvers<number | null>();
  let into = new Uint8Array();
  const client = clientWith({
    read: (buffer) => {
      into = buffer as Uint8Array<ArrayBuffer>;
      ({ promise, resolve } = Promise.withResolvers<number | null>());
      return promise;
    },
  });
  return {
    head: new Head(client, 1024, new Budget(1024)),
    session: new Session("01A", {} as ListenerState, client, END),
    arrive: (text) => {
      into.set(new TextEncoder().encode(text ?? ""));
      resolve(text === null ? null : text.length);
    },
  };
}

/** Lets a deadline pass while the head waits. */
async function expire(head: Head, session: Session): Promise<void> {
  const arrival = head.more(session, 0);
  session.onDeadline?.();
  assertEquals(await arrival, "deadline");
}

Deno.test("head: bytes of a read that ends after the deadline are gathered once", async () => {
  const { head, session, arrive } = pendingHead();
  await expire(head, session);
  assertEquals(head.gather(), { bytes: new Uint8Array(), ended: false });
  arrive("late");
  await head.pending;
  assertEquals(new TextDecoder().decode(head.gather().bytes), "late");
});

Deno.test("head: a read that detection takes up again after a deadline counts once", async () => {
  const { head, session, arrive } = pendingHead();
  await expire(head, session);
  const more = head.more(session, 0);
  arrive("late");
  assertEquals(await more, "bytes");
  assertEquals(new TextDecoder().decode(head.gather().bytes), "late");
});

Deno.test("head: a read that was taken up after a deadline does not count again at the next one", async () => {
  const { head, session, arrive } = pendingHead();
  await expire(head, session);
  const more = head.more(session, 0);
  arrive("late");
  assertEquals(await more, "bytes");
  await expire(head, session);
  assertEquals(new TextDecoder().decode(head.gather().bytes), "late");
  arrive(" later");
  await head.pending;
  assertEquals(new TextDecoder().decode(head.gather().bytes), "late later");
});

Deno.test("head: an end that comes after the deadline is gathered", async () => {
  const { head, session, arrive } = pendingHead();
  await expire(head, session);
  arrive(null);
  await head.pending;
  assertEquals(head.gather(), { bytes: new Uint8Array(), ended: true });
});

Deno.test("head: bytes dropped from the front while a read is under way do not move what that brings", async () => {
  const { head, session, arrive } = pendingHead();
  const first = head.more(session, Infinity);
  arrive("headerfirst");
  assertEquals(await first, "bytes");
  await expire(head, session);
  head.skip("header".length);
  assertEquals(new TextDecoder().decode(head.bytes), "first");
  arrive(" late");
  await head.pending;
  assertEquals(new TextDecoder().decode(head.gather().bytes), "first late");
  const more = head.more(session, Infinity);
  assertEquals(await more, "bytes");
  assertEquals(new TextDecoder().decode(head.bytes), "first late");
});

Deno.test("head: what shunt says itself goes before what is held, and before what a read under way brings", async () => {
  const { head, session, arrive } = pendingHead();
  await expire(head, session);
  head.prepend(new TextEncoder().encode("x".repeat(107)));
  assertEquals([head.length, head.bytes.length], [0, 107]);
  arrive("late");
  await head.pending;
  assertEquals(new TextDecoder().decode(head.gather().bytes), `${"x".repeat(107)}late`);
});

for (const limit of [1024, 8192, 65_536]) {
  Deno.test(`head: with bytes dropped and others put before, ${limit} bytes are held as they came`, () => {
    const sent = Uint8Array.from({ length: limit + 5000 }, (_, i) => i * 31 >> 3);
    const { client, taken } = sending(sent, 700);
    const budget = new Budget(limit);
    const head = new Head(client, limit, budget);
    let skipped = 0;
    while (taken() < 5000) {
      assertEquals(head.moreNow(), "bytes");
      assertEquals(head.bytes, sent.subarray(skipped, taken()));
      head.skip(500);
      skipped += 500;
      if (head.length > 200) {
        head.skip(head.length - 200);
        skipped = taken() - 200;
      }
    }
    while (head.length < limit && taken() < sent.length) assertEquals(head.moreNow(), "bytes");
    assertEquals(head.bytes, sent.subarray(skipped, taken()));
    assertEquals(budget.used, head.length);
    head.prepend(Uint8Array.of(1, 2, 3));
    head.prepend(Uint8Array.of(0));
    assertEquals(head.bytes.subarray(0, 4), Uint8Array.of(0, 1, 2, 3));
    assertEquals(head.bytes.subarray(4), sent.subarray(skipped, taken()));
    head.discard();
    assertEquals(budget.used, 0);
  });
}

Deno.test("head: bytes that are available at once are taken piece by piece, beyond its first buffer", () => {
  const sent = new Uint8Array(200_000).map((_, i) => i);
  const { client } = sending(sent, 50_000);
  const head = new Head(client, 262_144, new Budget(262_144));
  const arrivals = new Set<unknown>();
  while (head.length < sent.length) arrivals.add(head.moreNow());
  assertEquals([...arrivals], ["bytes"]);
  assertEquals(head.moreNow(), undefined);
  assertEquals(head.gather(), { bytes: sent, ended: false });
});

for (const limit of [1024, 4096, 5000, 8192, 10_000, 65_536]) {
  Deno.test(`head: byte by byte or at once, ${limit} bytes are held as they came`, () => {
    for (const step of [1, 7, 4096, 100_000]) {
      const sent = Uint8Array.from({ length: limit }, (_, i) => i * 31 >> 3);
      const { client } = sending(sent, step);
      const budget = new Budget(limit);
      const head = new Head(client, limit, budget);
      const buffers = new Set<Uint8Array>();
      while (head.length < limit) {
        assertEquals(head.moreNow(), "bytes");
        buffers.add(head.buffer);
      }
      assertEquals(head.bytes, sent);
      assertEquals(budget.used, limit);
      assert(buffers.size <= 4, `${buffers.size} buffers`);
      head.discard();
      assertEquals([budget.used, head.buffer.length], [0, 0]);
    }
  });
}

Deno.test("head: a head that is shed gives everything back and takes no more", async () => {
  const budget = new Budget(100);
  let ended = 0;
  const client = (bytes: number) =>
    clientWith({ read: (buffer) => Promise.resolve(Math.min(bytes, buffer.length)) });
  const session = new Session("01A", {} as ListenerState, client(1), END);
  const old = new Head(client(90), 1024, budget, () => ended++);
  assertEquals(await old.more(session, Infinity), "bytes");
  await new Promise((resolve) => setTimeout(resolve, 150));
  const young = new Head(client(20), 1024, budget, () => ended++);
  assertEquals(await young.more(session, Infinity), "bytes");
  assertEquals([ended, budget.used, old.length], [1, 20, 0]);
  assertEquals(await old.more(session, Infinity), "no_memory");
  old.discard();
  young.discard();
  assertEquals(budget.used, 0);
});

Deno.test("head: of those that want more in the same instant no more end than needed", async () => {
  const budget = new Budget(100);
  const client = clientWith({ read: (buffer) => Promise.resolve(Math.min(20, buffer.length)) });
  const session = () => new Session("01A", {} as ListenerState, client, END);
  const heads = Array.from({ length: 4 }, () => new Head(client, 1024, budget));
  for (const head of heads) assertEquals(await head.more(session(), Infinity), "bytes");
  // The youngest first, so that nobody takes another's bytes.
  const arrivals = heads.toReversed().map((head) => head.more(session(), Infinity));
  assertEquals(await Promise.all(arrivals), ["bytes", "no_memory", "bytes", "no_memory"]);
  assertEquals(budget.used, 80);
  for (const head of heads) head.discard();
  assertEquals(budget.used, 0);
});
