/**
 * Datagrams with forged sources, a new one each. Honest clients are served all the time, with UDP and with
 * TCP. `SHUNT_FLOOD_SECONDS=60` makes them last a minute.
 *
 * @module
 */

import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { cpuMs, descriptors, echoed, rss } from "./_flood.ts";
import { type ShuntProcess, withShunt } from "./_process.ts";
import { bytes, connect, echo, serveTcp, text, until } from "./_shunt.ts";
import { SpoofedFlood } from "./_spoof.ts";
import { openBoth } from "../_both.ts";
import { UdpPeer } from "./_udp.ts";

const SECONDS = Number(Deno.env.get("SHUNT_FLOOD_SECONDS") ?? 4);
const MOST_MS = SECONDS * 1000 + 60_000;
const PER_SECOND = 5000;
/**
 * The longest wait of an honest client; in the suite this holds for most of them, as the machine may be
 * busy.
 */
const LATE_MS = 100;
const LATE_SHARE = SECONDS < 30 ? 0.5 : 0.01;

/** After how long an honest client asks again. */
const AGAIN_MS = 40;

/** How long a new flow and a new session took to be served, in milliseconds. */
async function served(port: number): Promise<number> {
  const begun = performance.now();
  const flow = async () => {
    await using client = new UdpPeer();
    let again = 0;
    await until(async () => {
      // Queues of the kernel may overflow if the machine is busy.
      if (performance.now() >= again) {
        again = performance.now() + AGAIN_MS;
        await client.send(bytes("honest"), port);
      }
      return client.heard.length > 0;
    }, "an honest flow to be served");
  };
  const session = async () => {
    const conn = await connect(port);
    await echoed(conn, "honest");
    conn.close();
  };
  await Promise.all([flow(), session()]);
  return performance.now() - begun;
}

/** Floods a running shunt, and serves honest clients meanwhile. */
async function underFlood(shunt: ShuntProcess, payload: Uint8Array): Promise<void> {
  const port = shunt.port();
  await served(port);
  const cpu = await cpuMs(shunt.pid);
  const flood = new SpoofedFlood(port, PER_SECOND, payload);
  const begun = performance.now();
  const took: number[] = [];
  try {
    while (performance.now() - begun < SECONDS * 1000) {
      took.push(await served(port));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  } finally {
    flood.stop();
  }
  const seconds = (performance.now() - begun) / 1000;
  took.sort((a, b) => a - b);
  const late = took.filter((ms) => ms > LATE_MS).length;
  const used = (await cpuMs(shunt.pid) - cpu) / seconds / 10;
  const told = `${took.length} served, median ${took[took.length >> 1]!.toFixed(1)} ms, ` +
    `worst ${took.at(-1)!.toFixed(1)} ms, ${late} late; ${
      (flood.sent / seconds).toFixed(0)
    } forged/s, ${used.toFixed(0)}% CPU, ${
      (await rss(shunt.pid)).toFixed(0)
    } MiB, ${await descriptors(
      shunt.pid,
    )} descriptors`;
  if (Deno.env.has("SHUNT_FLOOD_SECONDS")) await Deno.stdout.write(bytes(`${told}\n`));
  assertGreater(took.length, SECONDS, told);
  assertLess(late, 1 + took.length * LATE_SHARE, told);
}

// Targets and listeners share a number, so that one upstream serves both.
async function withTarget(
  answers: (message: string) => boolean,
  work: (port: number) => Promise<void>,
): Promise<void> {
  const { udp, tcp: server } = openBoth((port) => serveTcp(echo, { port }));
  await using tcp = server;
  const loop = (async () => {
    for await (const [data, from] of udp) {
      if (answers(text(data))) await udp.send(data, from);
    }
  })();
  try {
    await work(tcp.port);
  } finally {
    udp.close();
    await loop;
  }
}

const ANSWERS: readonly (readonly [string, (message: string) => boolean])[] = [
  ["a target that ignores them", (message) => message === "honest"],
  ["a target that answers all of them", () => true],
];

for (const [what, answers] of ANSWERS) {
  Deno.test(`spoofed: 5,000 sources a second with ${what} keep no client out`, async () => {
    await withTarget(answers, async (target) => {
      // Small, so that it is full in a moment; the default would take a few seconds.
      const flows = SECONDS < 30 ? "limits: { flows: 12000 }" : "";
      const yaml = `
listeners:
  edge:
    bind: 127.0.0.1:0
    ${flows}
    routes: [{ upstream: up }]
upstreams: { up: { targets: ["127.0.0.1:${target}"] } }
admin: null
`;
      await withShunt(yaml, async (shunt) => {
        await underFlood(shunt, bytes("forged"));
        await shunt.stop();
        const stopped = shunt.log.find(({ message }) => message === "Stopped");
        assertEquals(stopped?.dropped_limit_flows, undefined, "newcomers were refused");
      }, { ends: true, mostMs: MOST_MS });
    });
  });
}

Deno.test("spoofed: flows take only their share of the descriptors, and leave TCP its own", async () => {
  await withTarget((message) => message === "honest", async (target) => {
    const yaml = `
listeners: { edge: { bind: 127.0.0.1:0, routes: [{ upstream: up }] } }
upstreams: { up: { targets: ["127.0.0.1:${target}"] } }
admin: null
`;
    // 400 less the reserve of 64: 252 for flows, the rest for 42 sessions.
    const few = ["prlimit", "--nofile=400:400"];
    await withShunt(yaml, async (shunt) => {
      const before = await descriptors(shunt.pid);
      await underFlood(shunt, bytes("forged"));
      assert(await descriptors(shunt.pid) <= before + 252 + 10, "flows took more than their share");
      await shunt.stop();
      const stopped = shunt.log.find(({ message }) => message === "Stopped");
      assertEquals(stopped?.dropped_no_descriptors, undefined, "newcomers were refused");
    }, { under: few, ends: true, mostMs: MOST_MS });
  });
});
