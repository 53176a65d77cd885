import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import {
  each,
  echoed,
  isServed,
  Opened,
  refused,
  rss,
  Steady,
} from "./_flood.ts";
import { type ShuntProcess, withShunt } from "./_process.ts";
import { bytes, connect, echo, serveTcp, until, writeAll } from "./_shunt.ts";
import { UdpPeer } from "./_udp.ts";

/** What floods may leave in memory, in MiB: a garbage collector takes its time. */
const SLACK_MIB = 60;

function config(port: number, { listener = "", upstream = "", top = "", transports = "tcp" } = {}) {
  return `
listeners:
  edge:
    bind: 127.0.0.1:0
    transports: ${transports}
    routes: [{ upstream: up }]
${listener}
upstreams:
  up:
    targets: ["127.0.0.1:${port}"]
${upstream}
${top}
`;
}

function count(shunt: ShuntProcess, reason: string): number {
  return shunt.access.filter((line) => line.reason === reason).length;
}

/** Watches memory while something goes on. */
async function peakWhile(pid: number, work: () => Promise<unknown>): Promise<number> {
  let peak = 0;
  let over = false;
  const watch = (async () => {
    while (!over) {
      peak = Math.max(peak, await rss(pid));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  try {
    await work();
  } finally {
    over = true;
    await watch;
  }
  return peak;
}

Deno.test("flood: connections beyond limits.sessions are closed at once and counted, and harm nobody", async () => {
  await using server = serveTcp(echo);
  await withShunt(
    config(server.port, { listener: "    limits: { sessions: 50 }" }),
    async (shunt) => {
      const port = shunt.port();
      const steady = await Steady.start(port, 8);
      using kept = new Opened();
      for (let i = 8; i < 50; i++) await echoed(kept.add(await connect(port)), "kept");
      let slowest = 0;
      const flood = () => each(2000, async () => slowest = Math.max(slowest, await refused(port)));
      await flood();
      const before = await rss(shunt.pid);
      const peak = await peakWhile(shunt.pid, flood);
      assertLess(peak - before, SLACK_MIB, "MiB that a flood took");
      assertLess(slowest, 3000, "ms until a refused client was told");
      await until(
        () => count(shunt, "limit_sessions") === 4000,
        "each refused session to be told of",
      );
      assertEquals(server.accepted, 50);
      kept.close();
      await until(() => isServed(port), "new sessions to be served again");
      await steady.stop();
    },
  );
});

for (const [where, route] of [["detection", "tls"], ["the relay", undefined]] as const) {
  Deno.test(`flood: hundreds of clients that send a byte now and then hold up nobody in ${where}`, async () => {
    await using server = serveTcp(echo);
    const yaml = `
listeners:
  edge:
    bind: 127.0.0.1:0
    transports: tcp
    detect: { timeout: 600ms, on_timeout: close }
    routes: [${route ? `{ match: { protocol: ${route} }, upstream: up }` : "{ upstream: up }"}]
  steady: { bind: 127.0.0.1:0, transports: tcp, routes: [{ upstream: up }] }
upstreams: { up: { targets: ["127.0.0.1:${server.port}"] } }
`;
    await withShunt(yaml, async (shunt) => {
      const steady = await Steady.start(shunt.port("steady"));
      // A TLS record whose end never comes.
      const word = new Uint8Array(2000).fill(1);
      word.set([22, 3, 1, 0x30, 0, 1, 0, 0x2f, 0xf0, 3, 3]);
      const before = await rss(shunt.pid);
      const rounds = route === undefined ? 12 : 1000;
      const peak = await peakWhile(shunt.pid, () =>
        each(400, async () => {
          const client = await connect(shunt.port());
          try {
            for (let i = 0; i < rounds; i++) {
              await writeAll(client, word.subarray(i, i + 1));
              await new Promise((resolve) => setTimeout(resolve, 50));
              if (route === undefined) assertEquals(await client.read(new Uint8Array(9)), 1);
            }
          } catch (error) {
            if (route === undefined) throw error;
          }
          client.close();
        }, 400));
      assertLess(peak - before, SLACK_MIB, "MiB that slow clients took");
      await until(
        () => count(shunt, route === undefined ? "done" : "detect_timeout") === 400,
        "all slow clients to be told of",
      );
      assertEquals(await isServed(shunt.port("steady")), true);
      await steady.stop();
    });
  });
}

Deno.test("flood: UDP from thousands of addresses takes no more than limits.flows, and those who were there stay", async () => {
  await using server = new UdpPeer((data) => data);
  const yaml = config(server.port, {
    transports: "udp",
    listener: "    limits: { flows: 300 }",
    upstream: "    idle_timeout: 1s",
  });
  await withShunt(yaml, async (shunt) => {
    const to = { transport: "udp", hostname: "127.0.0.1", port: shunt.port() } as const;
    const clients = Array.from({ length: 10 }, () => new UdpPeer());
    let over = false;
    let lost = 0;
    let answers = 0;
    const ask = async (client: UdpPeer, message: string) => {
      const heard = client.heard.length;
      await client.send(bytes(message), to.port);
      return await until(() => client.heard.length > heard, "an answer", 1000)
        .then(() => answers++, () => lost++);
    };
    for (const client of clients) await ask(client, "first");
    assertEquals(answers, 10);
    const steady = clients.map(async (client, i) => {
      while (!over) await ask(client, `client ${i}`);
    });
    const flood = (first: number) =>
      each(2500, async (i) => {
        const source = first + i;
        const socket = Deno.listenDatagram({
          transport: "udp",
          hostname: `127.${1 + (source >> 8)}.${source & 255}.7`,
          port: 0,
        });
        await socket.send(bytes("flood"), to);
        socket.close();
      });
    await flood(0);
    const before = await rss(shunt.pid);
    const peak = await peakWhile(shunt.pid, () => flood(2500));
    assertLess(peak - before, SLACK_MIB, "MiB that a flood took");
    const late = new UdpPeer();
    await until(async () => {
      await late.send(bytes("late"), to.port);
      return late.heard.length > 0;
    }, "a new flow once the flood has ended");
    over = true;
    await Promise.all(steady);
    // Queues of the kernel may overflow; a flow that was thrown out would lose all.
    assertGreater(answers, 30);
    assertLess(lost, answers / 4, "answers lost");
    for (const client of [...clients, late]) {
      assert(client.heard.every(({ from }) => from.port === to.port), "an answer of a stranger");
      await client[Symbol.asyncDispose]();
    }
    await until(() => count(shunt, "idle_timeout") >= 290, "the flood's flows to end");
    await shunt.stop();
    const stopped = shunt.log.find((line) => "dropped_limit_flows" in line);
    assertGreater(Number(stopped?.dropped_limit_flows), 1000);
  }, { ends: true });
});
