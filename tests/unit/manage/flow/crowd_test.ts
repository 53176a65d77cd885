import { assertEquals } from "@std/assert";
import { Crowd, type Crowded } from "../../../../src/manage/flow/crowd.ts";
import type { Flow } from "../../../../src/manage/flow/flow.ts";
import type { FlowData } from "../../../../src/manage/flow/data.ts";

interface Times {
  readonly waits?: number;
  readonly quiet?: number;
}

/** A crowd of sockets with a flow that has waited, and one that is quiet, since then. */
function crowd(now: number, sockets: Readonly<Record<string, Times>>) {
  const ended: string[] = [];
  const all = new Crowd({ now });
  for (const [name, { waits, quiet }] of Object.entries(sockets)) {
    const flow = (id: string, time: number | undefined) =>
      time === undefined
        ? undefined
        : { id: `${name} ${id}`, started: time, lastSeen: time } as unknown as Flow<FlowData>;
    const one: Crowded = {
      listener: { name: name[0]! },
      oldestUnanswered: flow("waits", waits),
      oldestQuiet: flow("quiet", quiet),
      end: ({ id }, reason) => void ended.push(`${id} ${reason}`),
    };
    all.add(one);
  }
  return { all, ended };
}

Deno.test("crowd: the flow that has waited longest makes room, whatever its socket", () => {
  const { all, ended } = crowd(5000, {
    a1: { waits: 300 },
    a2: { waits: 200 },
    b1: { waits: 100 },
  });
  assertEquals([all.displace("a"), all.displace(), all.displace("c")], [true, true, false]);
  assertEquals(ended, ["a2 waits displaced", "b1 waits displaced"]);
});

Deno.test("crowd: a flow that has waited for less than half a second makes room after a quiet one", () => {
  const times = { a1: { waits: 4600, quiet: 2500 }, a2: { waits: 4700, quiet: 1000 } };
  const { all, ended } = crowd(5000, times);
  all.displace("a");
  assertEquals(ended, ["a2 quiet displaced"]);
  const later = crowd(5100, times);
  later.all.displace("a");
  assertEquals(later.ended, ["a1 waits displaced"]);
  const none = crowd(5000, { a1: { waits: 4900 } });
  none.all.displace("a");
  assertEquals(none.ended, ["a1 waits displaced"]);
});

Deno.test("crowd: a limited number make room each second", () => {
  const { all, ended } = crowd(0, { a1: { waits: 0 } });
  for (let i = 0; i < 10_000; i++) all.displace();
  assertEquals(ended.length, 8000);
});
