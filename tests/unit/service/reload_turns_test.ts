/**
 * Measures the cost of a reload for the thread that serves, between two turns of the event loop, in the
 * processor's time of this thread, so that a busy machine does not matter.
 */

import { assert } from "@std/assert";
import { checkAside } from "../../../src/service/check_aside.ts";
import { startProxy } from "../../../src/control/proxy.ts";

/** What comes in may wait for 50 ms, and for more than one turn. */
const MOST_MS = 25;
const ROUNDS = 4;

const LARGE: Readonly<Record<string, (n: number) => string>> = {
  "routes": (n) => text({ routes: list(n, (i) => `{ match: { sni: h${i}.test }, upstream: up }`) }),
  "networks": (n) =>
    text({
      routes: list(n, (i) =>
        `{ match: { source: "2001:db8::${(i >> 8).toString(16)}:${
          (i & 255).toString(16)
        }" }, upstream: up }`),
    }),
  "upstreams": (n) =>
    text({
      routes: list(n, (i) => `{ match: { sni: h${i}.test }, upstream: u${i} }`),
      upstreams: list(n, (i) => `u${i}: { targets: [10.0.0.1:1] }`),
    }),
  "targets": (n) => text({ targets: list(n, (i) => `10.1.${i >> 8}.${i & 255}:1`), routes: [] }),
};

function list(n: number, item: (i: number) => string): string[] {
  return Array.from({ length: n }, (_, i) => item(i));
}

function text({ routes = [], upstreams = [], targets = ["builtin:echo"] }: {
  readonly routes?: readonly string[];
  readonly upstreams?: readonly string[];
  readonly targets?: readonly string[];
}): string {
  return `io: deno\nadmin: null\nlisteners:\n  edge:\n    bind: 127.0.0.1:0\n    transports: tcp\n    routes:\n${
    [...routes, "{ upstream: up }"].map((route) => `    - ${route}\n`).join("")
  }upstreams:\n${
    [
      ...upstreams,
      `up: { targets: [${targets.map((target) => JSON.stringify(target)).join(", ")}] }`,
    ]
      .map((upstream) => `  ${upstream}\n`).join("")
  }`;
}

/** Milliseconds that this thread has run for. */
function cpu(): number {
  return Number(Deno.readTextFileSync("/proc/thread-self/schedstat").split(" ")[0]) / 1e6;
}

/** The most that the thread ran for between two turns while something was done. */
async function longestTurn(work: () => Promise<unknown>): Promise<number> {
  let [last, longest] = [cpu(), 0];
  const look = () => {
    const now = cpu();
    longest = Math.max(longest, now - last);
    last = now;
  };
  const timer = setInterval(look, 0);
  await work();
  look();
  clearInterval(timer);
  return longest;
}

for (const [name, write] of Object.entries(LARGE)) {
  Deno.test({
    name: `reload: 10,000 ${name} do not block the serving thread for long`,
    ignore: Deno.build.os !== "linux",
    async fn() {
      const load = async (yaml: string) => {
        const { config, problems } = await checkAside({ text: yaml, file: "c.yaml", set: [] });
        assert(config !== undefined, problems[0]);
        return config;
      };
      const small = await load(text({}));
      await using proxy = await startProxy(small, { onEnd: () => {} });
      const turns: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        const turn = await longestTurn(async () => {
          await proxy.reload(await load(write(10_000)));
          await proxy.reload(small);
        });
        turns.push(Math.round(turn));
        if (turn <= MOST_MS) return;
      }
      assert(false, `the longest turns took ${turns} ms`);
    },
  });
}
