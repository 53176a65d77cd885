import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import type { LiveAnswer } from "../../../src/admin/answers.ts";
import { trafficOf } from "../../../src/admin/traffic.ts";
import { viewOf } from "../../../src/admin/view.ts";
import { main } from "../../../src/cli/mod.ts";
import { draw, TOP_COLUMNS, type TopFacts } from "../../../src/cli/top_screen.ts";
import {
  keysOf,
  press,
  TOP_START,
  TOP_VIEWS,
  type TopShown,
  type TopState,
} from "../../../src/cli/top_state.ts";
import { FakeControl, startTestAdmin } from "../admin/_control.ts";

const SHOWN: TopShown = { columns: TOP_COLUMNS, rows: 40, height: 10 };
const SCREEN = { width: 100, height: 24, color: false };

function live(i: number, more: Partial<LiveAnswer> = {}): LiveAnswer {
  return {
    id: `01J${i}`,
    transport: "tcp",
    listener: "edge",
    source: `192.0.2.${i}:4711`,
    bytes_up: 1024 * i,
    bytes_down: 7,
    age_ms: 61_000,
    ...more,
  };
}

function facts(more: Partial<TopFacts> = {}): TopFacts {
  const traffic = { ...trafficOf(new FakeControl()), at_ms: 2000, pid: 7 };
  const before = { ...traffic, at_ms: 1000, listeners: {} };
  return {
    address: "127.0.0.1:9901",
    traffic,
    view: viewOf(traffic, before),
    lives: [],
    trouble: undefined,
    ...more,
  };
}

function after(keys: string, state: TopState = TOP_START): TopState {
  return keysOf(keys).reduce((state, key) => press(state, key, SHOWN), state);
}

function words(line: string | undefined): readonly string[] {
  return (line ?? "").trim().split(/ {2,}/);
}

Deno.test("top: shows listeners with rates", () => {
  const { lines } = draw(facts(), TOP_START, SCREEN);
  assertEquals(lines.length, SCREEN.height);
  assertStringIncludes(lines[0]!, "is ready: pid 7, up 1d 1h, io deno, workers 2");
  assertEquals(words(lines[1]), [
    "12 sessions, 7 flows",
    "new 1290/s",
    "up 3.2 MiB/s",
    "down 120 B/s",
  ]);
  assertEquals(lines[2]?.trimEnd(), "[1 listeners] 2 targets  3 sessions");
  assertEquals(words(lines[3]), ["LISTENER", "ADDRESS", "SESSIONS", "FLOWS", "NEW", "UP", "DOWN"]);
  assertEquals(words(lines[4]), [
    "edge",
    "tcp 127.0.0.1:4001, udp 127.0.0.1:4001",
    ...["12", "7", "1290/s", "3.2 MiB/s", "120 B/s"],
  ]);
  assertStringIncludes(lines.at(-1)!, "q quit");
});

Deno.test("top: shows targets with state and health", () => {
  const { lines } = draw(facts(), after("2"), SCREEN);
  const rows = lines.slice(4, 7).map((line) => words(line).slice(0, 5));
  assertEquals(rows, [
    ["web", "10.0.0.5:443", "ready", "down", "0"],
    ["web", "[2001:db8::1]:443", "drain", "up", "4"],
    ["web", "unix:/run/app/web.sock", "ready", "up", "8"],
  ]);
});

Deno.test("top: without color there is no escape sequence, whatever the network sends", () => {
  const evil = "\x1b]0;owned\x07\u202e\u{1f600}";
  const lives = [live(1, { host: evil, source: evil, target: evil })];
  for (const state of [TOP_START, after("2"), after("3"), after("/\u202ex")]) {
    const { lines } = draw(facts({ lives, trouble: evil }), state, SCREEN);
    for (const line of lines) assertEquals(line.match(/[\p{Cc}\u202e]/u), null, line);
  }
});

Deno.test("top: color marks the title and dead targets", () => {
  const { lines } = draw(facts(), after("2"), { ...SCREEN, color: true });
  assert(lines[3]!.startsWith("\x1b[7mUPSTREAM"));
  assert(lines[4]!.startsWith("\x1b[1;31mweb"));
  assert(!lines[5]!.includes("\x1b"));
});

Deno.test("top: sorts by any column, in both directions, and back", () => {
  const lives = [live(2), live(10), live(1)];
  const sources = (keys: string) => {
    const { lines } = draw(facts({ lives }), after(keys), SCREEN);
    return lines.slice(4, 7).map((line) => words(line)[0]);
  };
  const [two, ten, one] = lives.map(({ source }) => source);
  assertEquals(sources("3"), [two, ten, one]);
  assertEquals(sources("3>"), [two, one, ten], "by source as text, descending");
  assertEquals(sources("3>r"), [ten, one, two]);
  const byUp = "3" + ">".repeat(8);
  assertEquals(sources(byUp), [ten, two, one]);
  assertStringIncludes(draw(facts({ lives }), after(byUp), SCREEN).lines[3]!, "UPv");
  assertEquals(sources(`${byUp}r`), [one, two, ten]);
  assertEquals(sources("3" + "\x1b[C".repeat(11)), [two, ten, one], "once round");
  assertEquals(after("3<").sorts.sessions.column, TOP_COLUMNS.sessions - 1);
});

Deno.test("top: filters by text in any letter case", () => {
  const rows = (keys: string) => draw(facts(), after(keys), SCREEN).rows;
  assertEquals([rows("2"), rows("2/DRAIN\r"), rows("2/nothing")], [3, 1, 0]);
  const typing = after("2/dr");
  assertEquals([typing.filter, typing.typing], ["dr", true]);
  assertStringIncludes(draw(facts(), typing, SCREEN).lines[2]!, "filter: dr_");
  assertEquals(after("\x7f", typing).filter, "d");
  assertEquals(after("q1", typing).filter, "drq1");
  assertEquals(after("\r", typing), { ...typing, typing: false });
  assertEquals(after("\x1b", typing).filter, "");
  assertEquals(after(`/${"x".repeat(300)}`).filter.length, 255);
});

Deno.test("top: scrolls within its rows", () => {
  const lives = Array.from({ length: 40 }, (_, i) => live(i));
  const state = after("3\x1b[6~\x1b[B");
  assertEquals(state.scroll, 11);
  assertEquals(after("\x1b[6~".repeat(9), state).scroll, 30);
  assertEquals(after("\x1b[5~".repeat(9), state).scroll, 0);
  const { lines, height } = draw(facts({ lives }), state, SCREEN);
  assertEquals([height, words(lines[4])[0]], [19, "192.0.2.11:4711"]);
  assertStringIncludes(lines.at(-1)!, "12-30 of 40");
});

Deno.test("top: q and Ctrl-C end it, an unknown key does nothing", () => {
  assertEquals([after("q").over, after("\x03").over, after("/a\x03").over], [true, true, true]);
  assertEquals(after("xZ\x1b[15~\x1bOP"), TOP_START);
  assertEquals(keysOf("a\x1b[A\x1b[5~\t\x1bé"), ["a", "up", "page up", "tab", "escape", "é"]);
});

Deno.test("top: says that shunt does not answer, and shows the last answer", () => {
  const { lines } = draw(facts({ trouble: "Nobody answers at 127.0.0.1:9901" }), TOP_START, SCREEN);
  assertEquals(lines[0], "No answer: Nobody answers at 127.0.0.1:9901");
  assertEquals(words(lines[4])[0], "edge");
});

Deno.test("top: fits every terminal, whatever is pressed", () => {
  const known = facts({ lives: [live(1, { host: "a".repeat(300) }), live(2)] });
  const key = fc.constantFrom(..."123<>r/qjkax\r\t\x7f", "\x1b[A", "\x1b[6~", "\x1b");
  fc.assert(fc.property(
    fc.array(key, { maxLength: 20 }),
    fc.integer({ min: 0, max: 200 }),
    fc.integer({ min: 0, max: 60 }),
    (keys, width, height) => {
      const state = after(keys.join(""));
      const { lines } = draw(known, state, { width, height, color: false });
      assertEquals(lines.length, Math.max(height, 0));
      for (const line of lines) assert(line.length <= width);
      assert(TOP_VIEWS.includes(state.view) && state.scroll >= 0);
    },
  ));
});

Deno.test("top: without a terminal, it says so and shows the tables once", async () => {
  await using running = await startTestAdmin();
  const [out, err]: [string[], string[]] = [[], []];
  const code = await main(["top", "--admin", running.admin.address!], {
    out: (line) => out.push(line),
    err: (line) => err.push(line),
  });
  assertEquals([code, err], [0, [
    "Standard input or output is not a terminal: showing the status once",
  ]]);
  assertStringIncludes(out.join("\n"), "LISTENER");
});
