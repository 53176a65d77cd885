import { assert, assertEquals, assertGreater, assertLess, assertLessOrEqual } from "@std/assert";
import { createServer } from "node:net";
import { loadConfig } from "../../src/config/load.ts";
import { PROTOCOLS } from "../../src/detect/mod.ts";
import { givenUp } from "../../src/io/attempt.ts";
import { denoIo } from "../../src/io/deno.ts";
import type { Io, Stream } from "../../src/io/mod.ts";
import type { AccessRecord } from "../../src/observe/access/record.ts";
import { startProxy } from "../../src/control/proxy.ts";
import type { DnsQuery, DnsRecord } from "../../src/resolve/dns.ts";
import { each, echoed, isServed, Opened, rss, Steady } from "./_flood.ts";
import { withShunt } from "./_process.ts";
import { UdpPeer } from "./_udp.ts";
import {
  bytes,
  connect,
  echo,
  readAll,
  readExactly,
  serveTcp,
  startShunt,
  TEST_IO,
  TestShunt,
  text,
  until,
  writeAll,
} from "./_shunt.ts";

function config(target: string, { upstream = "", top = "" } = {}): string {
  return `
listeners: { edge: { bind: 127.0.0.1:0, transports: tcp, routes: [{ upstream: up }] } }
upstreams:
  up:
    targets: ["${target}"]
${upstream}
${top}
`;
}

/** A shunt in this process that asks a test for addresses of names. */
async function withNames(
  yaml: string,
  { query, io }: { readonly query: DnsQuery; readonly io?: Io },
): Promise<TestShunt> {
  const { config } = loadConfig(yaml, {
    file: "test.yaml",
    protocols: PROTOCOLS,
    set: [`io=${TEST_IO}`],
  });
  const records: AccessRecord[] = [];
  const proxy = await startProxy(config!, {
    dns: { query },
    onEnd: (record) => records.push(record),
    ...(io === undefined ? {} : { io }),
  });
  return new TestShunt(proxy, records);
}

const record = (address: string, ttl = 0): DnsRecord => ({ address, ttl });

/** Answers of name servers for one family only. */
function ofIpv4(answer: () => readonly DnsRecord[] | Promise<readonly DnsRecord[]>): DnsQuery {
  return (_name, family) => Promise.resolve(family === 4 ? answer() : []);
}

Deno.test("faults: a target that accepts and never answers costs its session the idle time, and no other", async () => {
  await using silent = serveTcp(async (conn) => await readAll(conn));
  await using server = serveTcp(echo);
  await using shunt = await startShunt(`
listeners:
  edge: { bind: 127.0.0.1:0, transports: tcp, routes: [{ upstream: silent }] }
  other: { bind: 127.0.0.1:0, transports: tcp, routes: [{ upstream: up }] }
upstreams:
  silent: { targets: ["127.0.0.1:${silent.port}"], idle_timeout: 300ms }
  up: { targets: ["127.0.0.1:${server.port}"] }
`);
  const steady = await Steady.start(shunt.port("other"), 2);
  await each(50, async () => {
    const client = await connect(shunt.port());
    await writeAll(client, bytes("anyone?"));
    assertEquals(await client.read(new Uint8Array(1)).catch(() => null), null);
    client.close();
  });
  await until(() => shunt.counters().closes.idle_timeout === 50, "all to end by the idle time");
  for (let i = 0; i < 50; i++) {
    const { reason, up, durationMs } = await shunt.ended();
    assertEquals([reason, up], ["idle_timeout", 7]);
    assertGreater(durationMs, 299);
  }
  await steady.stop();
});

Deno.test("faults: bytes that a target sent before it reset its connection arrive", async () => {
  const answer = "a".repeat(20_000);
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.write(answer, () => socket.resetAndDestroy()));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  {
    await using shunt = await startShunt(config(`127.0.0.1:${port}`));
    for (let i = 0; i < 10; i++) {
      const client = await connect(shunt.port());
      await writeAll(client, bytes("ask"));
      assertEquals(text(await readExactly(client, answer.length)), answer);
      // Then it ends: in order, or by a reset.
      assertEquals(await client.read(new Uint8Array(1)).catch(() => null), null);
      client.close();
      const { reason, down } = await shunt.ended();
      assertEquals([reason, down], ["target_reset", answer.length]);
    }
  }
  await new Promise((resolve) => server.close(resolve));
});

Deno.test("faults: if both sides stop reading, the session waits, others go on, and everything arrives in the end", async () => {
  // More than the kernel buffers on the way.
  const mine = new Uint8Array(32_000_000).map((_, i) => i * 7 >> 3);
  const gate = Promise.withResolvers<void>();
  let got = 0;
  let same = true;
  await using server = serveTcp(echo);
  await using stuck = serveTcp(async (conn) => {
    const sent = writeAll(conn, mine);
    sent.catch(() => {});
    await gate.promise;
    const heard = await readAll(conn);
    got = heard.length;
    same = heard.every((byte, i) => byte === mine[i]);
    await sent;
  });
  await using shunt = await startShunt(`
listeners:
  edge: { bind: 127.0.0.1:0, transports: tcp, routes: [{ upstream: stuck }] }
  other: { bind: 127.0.0.1:0, transports: tcp, routes: [{ upstream: up }] }
upstreams:
  stuck: { targets: ["127.0.0.1:${stuck.port}"] }
  up: { targets: ["127.0.0.1:${server.port}"] }
limits: { relay_memory: 1MiB }
`);
  const client = await connect(shunt.port());
  let written = 0;
  const sent = (async () => {
    while (written < mine.length) written += await client.write(mine.subarray(written));
    await client.closeWrite();
  })();
  // If the test fails before it waits for this, that failure is the one to report.
  sent.catch(() => {});
  const steady = await Steady.start(shunt.port("other"), 4);
  let last = -1;
  await until(async () => {
    const before = last;
    last = written;
    await new Promise((resolve) => setTimeout(resolve, 50));
    return written > 0 && before === written;
  }, "the client to stall");
  assertLess(written, mine.length, "the client was not held back");
  await until(() => steady.rounds > 40, "others to be served");
  gate.resolve();
  const heard = await readAll(client);
  assert(heard.length === mine.length && heard.every((byte, i) => byte === mine[i]));
  await sent;
  client.close();
  const { reason, up, down } = await shunt.ended();
  assertEquals([reason, up, down], ["done", mine.length, mine.length]);
  assertEquals([got, same], [mine.length, true]);
  await steady.stop();
});

Deno.test("faults: names that fail, have no address or are slow end sessions as dns_failed, and are asked for again", async () => {
  await using server = serveTcp(echo);
  let answer: () => readonly DnsRecord[] | Promise<readonly DnsRecord[]> = () =>
    Promise.reject(new Error("SERVFAIL"));
  let asked = 0;
  const never = Promise.withResolvers<readonly DnsRecord[]>();
  const query = ofIpv4(() => {
    asked++;
    return answer();
  });
  const yaml = (name: string) =>
    config(`${name}:${server.port}`, { upstream: "    connect_timeout: 400ms" });
  const ends = async (shunt: TestShunt) => {
    assertEquals(await isServed(shunt.port()), false);
    const { reason, error } = await shunt.ended();
    assertEquals(reason, "dns_failed", String(error));
  };
  {
    await using shunt = await withNames(yaml("fails.example"), { query });
    await ends(shunt);
    const first = asked;
    // A failure is remembered, so that a flood of sessions does not cause a flood of queries.
    await each(50, () => ends(shunt), 5);
    assertEquals(asked, first);
    answer = () => [record("127.0.0.1")];
    await until(() => isServed(shunt.port()), "the name to be asked for again", 8000);
  }
  {
    answer = () => [];
    await using shunt = await withNames(yaml("empty.example"), { query });
    await ends(shunt);
  }
  {
    answer = () => never.promise;
    await using shunt = await withNames(yaml("slow.example"), { query });
    const begun = performance.now();
    await each(20, () => ends(shunt), 20);
    assertLess(performance.now() - begun, 3000);
    never.resolve([record("127.0.0.1")]);
    await until(() => isServed(shunt.port()), "the late answer to be used");
  }
});

Deno.test("faults: if a name's address changes, new sessions go to the new one and running ones stay", async () => {
  const names = new Map([["127.0.0.2", "old"], ["127.0.0.3", "new"]]);
  await using server = serveTcp(async (conn) => {
    await writeAll(conn, bytes(names.get((conn.localAddr as Deno.NetAddr).hostname) ?? "???"));
    await echo(conn);
  }, { hostname: "0.0.0.0" });
  let address = "127.0.0.2";
  await using shunt = await withNames(
    config(`flips.example:${server.port}`, { top: "dns: { min_ttl: 0s, max_ttl: 1s }" }),
    { query: ofIpv4(() => [record(address)]) },
  );
  const greeting = async () => {
    using client = await connect(shunt.port());
    return text(await readExactly(client, 3));
  };
  using before = await connect(shunt.port());
  assertEquals(text(await readExactly(before, 3)), "old");
  address = "127.0.0.3";
  await until(async () => await greeting() === "new", "new sessions to go to the new address");
  for (let i = 0; i < 10; i++) assertEquals(await greeting(), "new");
  await echoed(before, "still there");
});

/** Sockets whose connections to some addresses never complete. */
class HoledIo {
  readonly at: number[] = [];
  running = 0;
  most = 0;

  /** Sockets with holes. */
  io(isHole: (host: string) => boolean): Io {
    return {
      ...denoIo,
      connect: (to, attempt) => {
        if (to.kind !== "inet" || !isHole(to.host)) return denoIo.connect(to, attempt);
        this.at.push(performance.now());
        this.most = Math.max(this.most, ++this.running);
        return new Promise<Stream>((_, reject) => {
          attempt.onGiveUp = () => {
            this.running--;
            reject(givenUp());
          };
        });
      },
    };
  }
}

/** 40 addresses, the last of which is the server's. */
const FORTY = [...Array.from({ length: 39 }, (_, i) => `127.0.1.${i + 1}`), "127.0.0.1"];

Deno.test("faults: among 40 addresses that refuse, the one that accepts is found at once", async () => {
  await using server = serveTcp(echo);
  await using shunt = await withNames(config(`many.example:${server.port}`), {
    query: ofIpv4(() => FORTY.map((address) => record(address, 60))),
  });
  const begun = performance.now();
  await each(40, async () => assertEquals(await isServed(shunt.port()), true), 8);
  assertLess(performance.now() - begun, 5000);
});

Deno.test("faults: of 40 addresses that do not answer, few are tried at once, one each 250 ms, within connect_timeout", async () => {
  const holes = new HoledIo();
  await using shunt = await withNames(
    config("many.example:9", { upstream: "    connect_timeout: 2s\n    retries: 0" }),
    { query: ofIpv4(() => FORTY.map((address) => record(address, 60))), io: holes.io(() => true) },
  );
  const begun = performance.now();
  assertEquals(await isServed(shunt.port()), false);
  assertEquals((await shunt.ended()).reason, "connect_timeout");
  assertLess(performance.now() - begun, 3500);
  assertLessOrEqual(holes.at.length, 9);
  assertGreater(holes.at.length, 4);
  for (let i = 1; i < holes.at.length; i++) assertGreater(holes.at[i]! - holes.at[i - 1]!, 240);
  // Each holds a descriptor that is not reserved.
  assertLessOrEqual(holes.most, 4);
  assertEquals(holes.running, 0);
});

const stderrTo = (path: string) => ["sh", "-c", `exec "$0" "$@" 2>${path}`];

Deno.test("faults: a full disk under the log costs lines and nothing else", async () => {
  await using server = serveTcp(echo);
  const yaml = config(`127.0.0.1:${server.port}`);
  await withShunt(yaml, async (shunt) => {
    const steady = await Steady.start(shunt.port());
    await each(500, async () => assertEquals(await isServed(shunt.port()), true));
    assertEquals(shunt.log, []);
    await steady.stop();
  }, { under: stderrTo("/dev/full") });
});

Deno.test("faults: a log reader that stops reading delays no session, and shunt keeps a bounded number of lines", async () => {
  await using server = serveTcp(echo);
  const fifo = await Deno.makeTempFile();
  await Deno.remove(fifo);
  await new Deno.Command("mkfifo", { args: [fifo] }).output();
  // Open both ways, so that it has a reader: one that never reads.
  using _reader = await Deno.open(fifo, { read: true, write: true });
  const yaml = `
listeners:
  edge:
    bind: 127.0.0.1:0
    transports: tcp
    limits: { sessions: 10 }
    routes: [{ upstream: up }]
upstreams: { up: { targets: ["127.0.0.1:${server.port}"] } }
`;
  await withShunt(yaml, async (shunt) => {
    const steady = await Steady.start(shunt.port(), 10);
    const before = await rss(shunt.pid);
    using kept = new Opened();
    // Each is refused with a line of its own, some 300 bytes: ten times what the pipe holds.
    await each(3000, async () => {
      const conn = kept.add(await connect(shunt.port()));
      await conn.read(new Uint8Array(1)).catch(() => {});
      conn.close();
    });
    assertLess(await rss(shunt.pid) - before, 60);
    await steady.stop();
    await until(() => isServed(shunt.port()), "new sessions to be served");
  }, { under: stderrTo(fifo) });
  await Deno.remove(fifo);
});

const FAKETIME = [
  "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
  "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
];

Deno.test("faults: a clock that jumps a day ahead and two back ends nothing and stops nothing", async () => {
  const library = FAKETIME.find((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  });
  assert(library !== undefined, "Debian's package faketime is needed");
  const clock = await Deno.makeTempFile();
  const set = (offset: string) => Deno.writeTextFile(clock, `${offset}\n`);
  await set("+0");
  await using server = serveTcp(echo);
  await using peer = new UdpPeer((data) => data);
  await using checked = serveTcp(() => {});
  const yaml = `
listeners:
  edge:
    bind: 127.0.0.1:0
    transports: tcp
    limits: { new_per_source: 1000/s }
    routes: [{ upstream: up }]
  flows: { bind: 127.0.0.1:0, transports: udp, routes: [{ upstream: flows }] }
  idle: { bind: 127.0.0.1:0, transports: tcp, routes: [{ upstream: idle }] }
upstreams:
  up: { targets: ["localhost:${server.port}"], idle_timeout: 10s }
  idle: { targets: ["127.0.0.1:${server.port}"], idle_timeout: 300ms }
  flows: { targets: ["127.0.0.1:${peer.port}"], idle_timeout: 1m }
  checked: { targets: ["127.0.0.1:${checked.port}"], health: { interval: 100ms, timeout: 100ms } }
dns: { min_ttl: 0s, max_ttl: 1s }
workers: 2
`;
  const under = [
    "env",
    `LD_PRELOAD=${library}`,
    `FAKETIME_TIMESTAMP_FILE=${clock}`,
    "FAKETIME_NO_CACHE=1",
    "FAKETIME_DONT_FAKE_MONOTONIC=1",
  ];
  await withShunt(yaml, async (shunt) => {
    const steady = await Steady.start(shunt.port());
    // Quiet, but for less than its idle time.
    const quiet = await connect(shunt.port());
    await echoed(quiet, "before");
    await using client = new UdpPeer();
    await client.send(bytes("before"), shunt.port("flows"));
    assertEquals(await client.next(), bytes("before"));
    for (const offset of ["+86400", "-86400", "+0"]) {
      await set(offset);
      const checks = checked.accepted;
      await until(() => checked.accepted > checks + 3, "checks to go on");
      assertEquals(await isServed(shunt.port()), true);
      await client.send(bytes(offset), shunt.port("flows"));
      assertEquals(await client.next(), bytes(offset));
      const idle = await connect(shunt.port("idle"));
      const begun = performance.now();
      await readAll(idle).catch(() => {});
      idle.close();
      const took = performance.now() - begun;
      assert(took > 250 && took < 3000, `the idle time of 300 ms took ${took} ms`);
    }
    await echoed(quiet, "after");
    quiet.close();
    assertEquals(new Set(peer.heard.map(({ from }) => from.port)).size, 1, "the flow has moved");
    await steady.stop();
    const served = await shunt.ended({ listener: "edge", reason: "done" });
    assertLess(Number(served.duration_ms), 20_000);
    const times = shunt.log.map((line) => Date.parse(String(line["@timestamp"])));
    assertGreater(Math.max(...times) - Math.min(...times), 86_400_000, "the clock did not jump");
    assertEquals(shunt.log.filter(({ message }) => message === "Target is down"), []);
    assertEquals(shunt.access.filter(({ duration_ms }) => Number(duration_ms) < 0), []);
  }, { under });
  await Deno.remove(clock);
});
