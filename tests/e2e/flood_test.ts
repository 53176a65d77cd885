import { assert, assertEquals, assertGreater, assertLess, assertLessOrEqual } from "@std/assert";
import {
  cpuMs,
  descriptors,
  each,
  echoed,
  isReset,
  isServed,
  Opened,
  refused,
  rss,
  Steady,
} from "./_flood.ts";
import { type ShuntProcess, withShunt } from "./_process.ts";
import { bytes, connect, echo, serveTcp, startShunt, until, writeAll } from "./_shunt.ts";
import { seeded } from "../sim/_faulty_io.ts";
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

/** Measures the peak memory during some work. */
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

Deno.test("flood: connections beyond limits.sessions are closed at once and counted, and harm no other", async () => {
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
  Deno.test(`flood: hundreds of clients that send a byte now and then delay no other in ${where}`, async () => {
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
      // A TLS record without an end.
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

Deno.test("flood: UDP from thousands of addresses takes no more than limits.flows, and earlier flows stay", async () => {
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
    const rounds = clients.map(() => 0);
    // Queues of the kernel may overflow, as they may for anyone: clients ask again.
    const ask = async (client: UdpPeer, message: string) => {
      const heard = client.heard.length;
      for (let asked = -Infinity; client.heard.length === heard;) {
        if (performance.now() - asked > 100) {
          await client.send(bytes(message), to.port);
          asked = performance.now();
        }
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    };
    for (const client of clients) await ask(client, "first");
    const steady = clients.map(async (client, i) => {
      while (!over) {
        await ask(client, `client ${i}`);
        rounds[i]!++;
      }
    });
    let source = 0;
    /**
     * Sends datagrams from this many addresses, about 10,000 a second; the kernel drops what is too fast.
     */
    const flood = (count: number) =>
      each(count, async () => {
        const from = source++;
        const socket = Deno.listenDatagram({
          transport: "udp",
          hostname: `127.${1 + (from >> 8)}.${from & 255}.7`,
          port: 0,
        });
        await socket.send(bytes("flood"), to);
        socket.close();
        await new Promise((resolve) => setTimeout(resolve, 5));
      });
    await flood(2500);
    const before = await rss(shunt.pid);
    const peak = await peakWhile(shunt.pid, () =>
      until(async () => {
        await flood(500);
        // Far more have begun than there is room for: they took one another's places.
        return shunt.access.length > 1000 && source >= 5000 && rounds.every((all) => all > 2);
      }, "the flood's flows to take places, and clients to be answered meanwhile"));
    assertLess(peak - before, SLACK_MIB, "MiB that a flood took");
    const late = new UdpPeer();
    await until(async () => {
      await late.send(bytes("late"), to.port);
      return late.heard.length > 0;
    }, "a new flow once the flood has ended");
    over = true;
    await Promise.all(steady);
    const ports = clients.map(({ port }) => `127.0.0.1:${port}`);
    const displaced = shunt.access.filter(({ source, reason }) =>
      reason === "displaced" && ports.includes(String(source))
    );
    assertEquals(displaced, [], "flows that were answered");
    for (const client of [...clients, late]) {
      assert(client.heard.every(({ from }) => from.port === to.port), "an answer of a stranger");
      await client[Symbol.asyncDispose]();
    }
    await until(() => count(shunt, "idle_timeout") >= 290, "the flood's flows to end");
    await shunt.stop();
    const stopped = shunt.log.find(({ message }) => message === "Stopped");
    assertGreater(Number(stopped?.flows), 1000);
    // Which of the two depends on how soon the target answers: answered flows do not make room at once.
    const refused = Number(stopped?.dropped_limit_flows ?? 0);
    assertGreater(refused + count(shunt, "displaced"), 1000);
  }, { ends: true });
});

/** Runs shunt with at most this many descriptors. */
const few = (limit: number) => ["prlimit", `--nofile=${limit}:${limit}`];

/** Connects clients, and keeps those that are served. */
async function fill(port: number, clients: number, kept: Opened): Promise<number> {
  let served = 0;
  await each(clients, async () => {
    const conn = await connect(port);
    try {
      await writeAll(conn, bytes("x"));
      if (await conn.read(new Uint8Array(1)) === 1) {
        kept.add(conn);
        served++;
        return;
      }
    } catch (error) {
      if (!isReset(error)) throw error;
    }
    conn.close();
  }, 8);
  return served;
}

Deno.test("flood: with descriptors running out, sessions, checks, names and the admin address go on", async () => {
  await using server = serveTcp(echo);
  await using checked = serveTcp(() => {});
  await using peer = new UdpPeer((data) => data);
  const yaml = `
listeners:
  edge: { bind: 127.0.0.1:0, transports: tcp, routes: [{ upstream: up }] }
  named: { bind: 127.0.0.1:0, transports: tcp, routes: [{ upstream: named }] }
  flows: { bind: 127.0.0.1:0, transports: udp, routes: [{ upstream: flows }] }
upstreams:
  up: { targets: ["127.0.0.1:${server.port}"] }
  checked: { targets: ["127.0.0.1:${checked.port}"], health: { interval: 200ms, timeout: 200ms } }
  named: { targets: ["localhost:${server.port}"] }
  flows: { targets: ["127.0.0.1:${peer.port}"], idle_timeout: 300ms }
dns: { min_ttl: 0s, max_ttl: 1s }
admin: { bind: "127.0.0.1:0" }
`;
  await withShunt(yaml, async (shunt) => {
    const port = shunt.port();
    await until(
      () => shunt.log.some(({ message }) => String(message).includes("need more descriptors")),
      "a warning that limits need more descriptors than there are",
    );
    const admin = async (path: string) => {
      const answer = await fetch(`http://${shunt.ready.admin}${path}`);
      return [answer.status, await answer.text()] as const;
    };
    const steady = await Steady.start(port, 4);
    const idle = await descriptors(shunt.pid);
    using kept = new Opened();
    const served = await fill(port, 200, kept);
    // 160 less the reserve of 64, two each, less the steady ones.
    assertEquals(served, (160 - 64) / 2 - 4);
    await until(() => count(shunt, "no_descriptors") === 200 - served, "the refused to be told of");
    await until(
      () => shunt.log.some(({ message }) => String(message).includes("no descriptor is left")),
      "a warning",
    );
    assertEquals((await admin("/healthz"))[0], 200);
    const before = checked.accepted;
    await until(() => checked.accepted > before + 2, "checks to go on");
    const datagram = new UdpPeer();
    await datagram.send(bytes("no room"), shunt.port("flows"));
    kept.all.pop()?.close();
    kept.all.pop()?.close();
    // Names are asked for anew by each session here.
    await until(() => isServed(shunt.port("named")), "a session by name");
    kept.close();
    await until(() => isServed(port), "new sessions to be served again");
    await datagram.send(bytes("room"), shunt.port("flows"));
    assertEquals(await datagram.next(), bytes("room"));
    await until(
      async () => await descriptors(shunt.pid) <= idle + 2,
      "descriptors to be given back",
    );
    const odd = /Cannot|is down|Checks/;
    assertEquals(shunt.log.filter(({ message }) => odd.test(String(message))), []);
    await steady.stop();
    await datagram[Symbol.asyncDispose]();
    await shunt.stop();
    const stopped = shunt.log.find(({ message }) => message === "Stopped");
    assertEquals(stopped?.dropped_no_descriptors, 1);
  }, { under: few(160), ends: true });
});

// A session takes two: with an odd one left it is accepted and refused, with none not even accepted.
for (const spare of [10, 11]) {
  Deno.test(`flood: if the system refuses descriptors after ${spare}, accepting backs off, nothing spins, and it recovers`, async () => {
    await using server = serveTcp(echo);
    await using peer = new UdpPeer((data) => data);
    const yaml = `
listeners:
  edge: { bind: 127.0.0.1:0, transports: tcp, routes: [{ upstream: up }] }
  flows: { bind: 127.0.0.1:0, transports: udp, routes: [{ upstream: flows }] }
workers: 1 # each warns by itself
upstreams:
  up: { targets: ["127.0.0.1:${server.port}"], health: { interval: 200ms, timeout: 200ms } }
  flows: { targets: ["127.0.0.1:${peer.port}"] }
`;
    await withShunt(yaml, async (shunt) => {
      const port = shunt.port();
      const steady = await Steady.start(port, 4);
      // Lowered once it runs: it does not know, as where /proc cannot be read.
      const limit = await descriptors(shunt.pid) + spare;
      await new Deno.Command("prlimit", {
        args: ["--pid", `${shunt.pid}`, `--nofile=${limit}:${limit}`],
      })
        .output();
      const lowered = performance.now();
      using kept = new Opened();
      const conns = await Promise.all(Array.from({ length: 60 }, () => connect(port)));
      for (const conn of conns) {
        kept.add(conn);
        conn.write(bytes("x")).catch(() => {});
      }
      const errors = () =>
        shunt.log.filter(({ message }) => String(message).startsWith("Cannot accept"));
      // libc sockets accept, fail to connect and close in one turn, so that accepting hardly ever fails.
      const refused = () => shunt.access.filter(({ reason }) => reason === "no_descriptors").length;
      await until(
        () => errors().some(({ backoff_ms }) => backoff_ms === 1000) || refused() > 40,
        "a long back-off, or clients that are refused",
      );
      assertLessOrEqual(
        errors().length,
        1 + (performance.now() - lowered) / 1000,
        "warnings, of which there is one a second",
      );
      const datagram = new UdpPeer();
      await datagram.send(bytes("no room"), shunt.port("flows"));
      const cpu = await cpuMs(shunt.pid);
      const begun = performance.now();
      await until(() => performance.now() - begun > 800, "a while");
      assertLess(await cpuMs(shunt.pid) - cpu, 500, "ms of processor time in 800 ms");
      kept.close();
      await until(() => isServed(port), "new sessions to be served again");
      await until(async () => {
        await datagram.send(bytes("room"), shunt.port("flows"));
        return datagram.heard.length > 0;
      }, "new flows to be served again");
      assert(!shunt.log.some(({ message }) => message === "Target is down"), "a check was misled");
      await steady.stop();
      await datagram[Symbol.asyncDispose]();
    }, { mayLogErrors: true });
  });
}

Deno.test("flood: one source opens sessions and flows as fast as new_per_source allows, and IPv6 counts by its /64", async () => {
  await using server = serveTcp(echo);
  await using peer = new UdpPeer((data) => data);
  const rate = 10;
  await using shunt = await startShunt(`
listeners:
  edge:
    bind: 127.0.0.1:0
    transports: tcp
    proxy_protocol: { accept: required, trusted: 127.0.0.0/8 }
    limits: { new_per_source: ${rate}/s }
    routes: [{ upstream: up }]
  flows:
    bind: 127.0.0.1:0
    transports: udp
    limits: { new_per_source: ${rate}/s }
    routes: [{ upstream: flows }]
upstreams:
  up: { targets: ["127.0.0.1:${server.port}"] }
  flows: { targets: ["127.0.0.1:${peer.port}"] }
`);
  const random = seeded(1);
  const served = async (net: string) => {
    const host = Math.floor(random() * 1e9).toString(16).replace(/(....)$/, ":$1");
    const conn = await connect(shunt.port());
    try {
      await writeAll(conn, bytes(`PROXY TCP6 ${net}::${host} 2001:db8::1 1000 443\r\nx`));
      return await conn.read(new Uint8Array(1)) === 1;
    } catch (error) {
      if (!isReset(error)) throw error;
      return false;
    } finally {
      conn.close();
    }
  };
  const begun = performance.now();
  let most = 0;
  await each(300, async () => {
    if (await served("2001:db8:0:1")) most++;
  });
  const allowed = () => rate + rate * (performance.now() - begun) / 1000 + 2;
  assertLessOrEqual(most, allowed());
  assertGreater(most, rate - 1);
  assertEquals(await served("2001:db8:0:2"), true, "another /64 is served meanwhile");
  await until(() => served("2001:db8:0:1"), "the flooding /64 to be served again", 2000);
  await until(() => shunt.proxy.active().sessions === 0, "all sessions to end");
  const { closes } = shunt.counters();
  assertEquals(closes.done + closes.client_reset, server.accepted);
  assertGreater(closes.limit_rate, 100);

  const to = { transport: "udp", hostname: "127.0.0.1", port: shunt.port("flows") } as const;
  const flood = performance.now();
  await each(300, async () => {
    const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.9.9.9", port: 0 });
    await socket.send(bytes("x"), to);
    socket.close();
  });
  const other = new UdpPeer();
  await other.send(bytes("other"), to.port);
  assertEquals(await other.next(), bytes("other"));
  await until(() => shunt.counters("flows").drops.limit_rate > 0, "drops to be counted");
  const elapsed = (performance.now() - flood) / 1000;
  assertLessOrEqual(shunt.counters("flows").flowsTotal, rate + rate * elapsed + 3);
  await other[Symbol.asyncDispose]();
});

Deno.test("flood: if heads fill limits.detect_memory, new ones are refused, and memory does not grow", async () => {
  await using server = serveTcp(echo);
  const yaml = `
listeners:
  edge:
    bind: 127.0.0.1:0
    transports: tcp
    detect: { timeout: 1m }
    routes: [{ match: { protocol: tls, sni: "*" }, upstream: up }, { upstream: up }]
  steady: { bind: 127.0.0.1:0, transports: tcp, routes: [{ upstream: up }] }
upstreams: { up: { targets: ["127.0.0.1:${server.port}"] } }
limits: { detect_memory: 2MiB }
`;
  await withShunt(yaml, async (shunt) => {
    const steady = await Steady.start(shunt.port("steady"));
    // No protocol begins with it.
    const odd = "\0".repeat(200);
    assertEquals(await isServed(shunt.port(), odd), true);
    const hello = new Uint8Array(15_000);
    hello.set([22, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xf0, 3, 3]);
    const clients = 1200;
    const flood = async (wave: number) => {
      using kept = new Opened();
      await each(clients, async () => {
        const conn = kept.add(await connect(shunt.port()));
        await writeAll(conn, hello).catch(() => {});
      });
      // The first sessions hold it; about 140 have room.
      await until(() => count(shunt, "detect_memory") > wave * 1000, "clients to be refused");
      kept.close();
      await until(() => isServed(shunt.port(), odd), "new sessions to be served again");
    };
    await flood(1);
    assertGreater(clients - count(shunt, "detect_memory"), 80);
    const before = await rss(shunt.pid);
    const peak = await peakWhile(shunt.pid, () => flood(2));
    assertLess(peak - before, SLACK_MIB, "MiB that heads took");
    await steady.stop();
  });
});

for (const who of ["clients", "targets"] as const) {
  Deno.test(`flood: ${who} that stop reading take no more than limits.relay_memory, and delay no other`, async () => {
    const block = new Uint8Array(1 << 20);
    await using server = serveTcp(echo);
    const { promise: over, resolve: finish } = Promise.withResolvers<void>();
    await using stuck = serveTcp(async (conn) => {
      if (who === "clients") { for (;;) await conn.write(block); }
      await over;
    });
    const yaml = `
listeners:
  edge: { bind: 127.0.0.1:0, transports: tcp, routes: [{ upstream: stuck }] }
  steady: { bind: 127.0.0.1:0, transports: tcp, routes: [{ upstream: up }] }
upstreams:
  up: { targets: ["127.0.0.1:${server.port}"] }
  stuck: { targets: ["127.0.0.1:${stuck.port}"], idle_timeout: 2s }
limits: { relay_memory: 1MiB }
`;
    await withShunt(yaml, async (shunt) => {
      const steady = await Steady.start(shunt.port("steady"));
      using kept = new Opened();
      const before = await rss(shunt.pid);
      const peak = await peakWhile(shunt.pid, async () => {
        await each(120, async () => {
          const conn = kept.add(await connect(shunt.port()));
          if (who === "targets") {
            (async () => {
              for (;;) await conn.write(block);
            })().catch(() => {});
          }
        });
        // Each stops by itself, and then nothing moves for the idle time.
        await until(() => count(shunt, "idle_timeout") === 120, "stuck sessions to end", 20_000);
      });
      assertLess(peak - before, 40, "MiB that stuck sessions took");
      finish();
      assertEquals(await isServed(shunt.port("steady")), true);
      await steady.stop();
    });
  });
}
