import { assertEquals } from "@std/assert";
import { Displaced } from "../../../src/admin/displaced.ts";
import { type Held, type Phase, Places, sourceOf, Turns } from "../../../src/admin/places.ts";

interface Client extends Held {
  readonly name: string;
}

function client(name: string, phase: Phase = "request"): Client {
  return { name, source: name[0]!, phase };
}

Deno.test("admin places: a source is an IPv4 address, an IPv6 /64, or a Unix socket", () => {
  assertEquals(sourceOf("192.0.2.1"), sourceOf("::ffff:192.0.2.1"));
  assertEquals(sourceOf("2001:db8:1:2::1"), sourceOf("2001:db8:1:2:ffff::"));
  assertEquals(sourceOf("2001:db8:1:2::1") === sourceOf("2001:db8:1:3::1"), false);
  assertEquals(sourceOf("192.0.2.1") === sourceOf("192.0.2.2"), false);
  assertEquals(sourceOf(""), "");
});

Deno.test("admin places: the source with most places loses its oldest", () => {
  const places = new Places<Client>();
  for (const name of ["a1", "b1", "b2", "b3", "a2"]) places.add(client(name));
  const order = [];
  for (let loser = places.oldest(["request"]); loser; loser = places.oldest(["request"])) {
    order.push(loser.name);
    places.remove(loser);
  }
  assertEquals(order, ["b1", "a1", "b2", "a2", "b3"]);
  assertEquals(places.size, 0);
});

Deno.test("admin places: a request in progress, and one that is spared, keep their places", () => {
  const places = new Places<Client>();
  const [work, turn] = [client("a1", "work"), client("a2", "turn")];
  const [answer, last] = [client("a3", "answer"), client("a4", "answer")];
  for (const one of [work, turn, answer, last]) places.add(one);
  assertEquals(places.oldest(["request", "answer"])?.name, "a3");
  assertEquals(places.oldest(["answer"], answer)?.name, "a4");
  assertEquals(places.oldest(["request"]), undefined);
  places.remove(answer);
  places.remove(answer);
  assertEquals(places.size, 3);
});

Deno.test("admin turns: sources take turns, however many requests each has sent", () => {
  const turns = new Turns<Client>(100);
  for (const name of ["a1", "a2", "a3", "b1", "c1", "c2"]) {
    assertEquals(turns.push(client(name)), undefined);
  }
  const order = [];
  for (let next = turns.next(); next; next = turns.next()) order.push(next.name);
  assertEquals(order, ["a1", "b1", "c1", "a2", "c2", "a3"]);
});

Deno.test("admin turns: if too many wait, the source with most loses its newest", () => {
  const turns = new Turns<Client>(3);
  const gone = ["a1", "a2", "a3", "a4", "b1", "c1", "d1"].map((name) =>
    turns.push(client(name))?.name
  );
  assertEquals(gone, [undefined, undefined, undefined, "a4", "a3", "a2", "a1"]);
  assertEquals(["b1", "c1", "d1"].map(() => turns.next()?.name), ["b1", "c1", "d1"]);
  assertEquals(turns.next(), undefined);
});

Deno.test("admin displaced: all displaced clients are counted", () => {
  const displaced = new Displaced();
  for (const now of [0, 1, 59_999, 60_000]) displaced.add("answer", now);
  displaced.add("turn", 60_001);
  assertEquals(displaced.counts, { request: 0, answer: 4, turn: 1 });
});
