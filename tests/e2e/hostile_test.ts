/**
 * Clients and targets that misbehave: they reset at every point, send noise, stop reading, or die in the
 * middle. Whatever they do, nothing is left behind and the next client is served.
 *
 * @module
 */

import { connect as connectNode, type Socket } from "node:net";
import { assert, assertEquals } from "@std/assert";
import { loadConfig } from "../../src/config/load.ts";
import { PROTOCOLS } from "../../src/detect/mod.ts";
import { denoIo } from "../../src/io/deno.ts";
import type { Io } from "../../src/io/mod.ts";
import { startProxy } from "../../src/control/proxy.ts";
import { seeded } from "../sim/_faulty_io.ts";
import {
  bytes,
  connect,
  echo,
  readAll,
  readExactly,
  serveTcp,
  startShunt,
  TestShunt,
  until,
  writeAll,
} from "./_shunt.ts";

const SEED = 1;

/** A pause that lets others run, of a length that depends on the seed. */
function pause(random: () => number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, random() < 0.1 ? random() * 60 : 0));
}

/** Noise that a seed gives again. */
function noise(seed: number, length: number): Uint8Array {
  const data = new Uint8Array(length);
  let state = (seed * 2654435761) >>> 0 | 1;
  for (let i = 0; i < length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    data[i] = state;
  }
  return data;
}

/** Writes data in pieces of all sizes, at a pace of its own, then ends. */
async function feed(conn: Deno.TcpConn, data: Uint8Array, random: () => number): Promise<void> {
  for (let sent = 0; sent < data.length;) {
    const most = random() < 0.4 ? 20 : random() < 0.5 ? 70_000 : 400_000;
    const end = Math.min(data.length, sent + 1 + Math.floor(random() * most));
    await writeAll(conn, data.subarray(sent, end));
    sent = end;
    if (random() < 0.4) await pause(random);
  }
  await conn.closeWrite();
}

/** A client that resets its connection; Deno's own connections cannot. */
async function reset(port: number, first: Uint8Array): Promise<void> {
  const socket: Socket = connectNode(port, "127.0.0.1");
  socket.on("error", () => {});
  await new Promise((resolve) => socket.once("connect", resolve));
  if (first.length > 0) await new Promise((resolve) => socket.write(first, resolve));
  socket.resetAndDestroy();
}

/** Waits until nothing lives, and holds the counters to what began. */
async function assertNothingLeft(shunt: TestShunt): Promise<void> {
  await until(() => {
    const { sessions, flows, detectMemory } = shunt.proxy.active();
    return sessions === 0 && flows === 0 && detectMemory === 0;
  }, "all sessions and flows to end");
  let begun = 0;
  for (const counters of Object.values(shunt.proxy.stats())) {
    const { closes, sessionsTotal, sessionsActive, flowsTotal, flowsActive } = counters;
    assertEquals([sessionsActive, flowsActive], [0, 0]);
    assertEquals(Object.values(closes).reduce((sum, n) => sum + n), sessionsTotal + flowsTotal);
    assertEquals(closes.internal_error, 0);
    begun += sessionsTotal + flowsTotal;
  }
  // Records of workers come in batches.
  await until(() => shunt.records.length === begun, "a record of each");
  for (const { targets } of shunt.proxy.upstreams()) {
    for (const target of targets) assertEquals([target.sessions.total, target.flows.total], [0, 0]);
  }
}

async function assertServes(shunt: TestShunt): Promise<void> {
  const client = await connect(shunt.port());
  await writeAll(client, bytes("still there?"));
  await client.closeWrite();
  assertEquals(await readAll(client), bytes("still there?"));
  client.close();
}

for (const max of ["1KiB", "64KiB", "1MiB"]) {
  Deno.test(`hostile: no byte is lost, whatever the pace, with heads of at most ${max}`, async () => {
    const random = seeded(SEED);
    const answers = new Map<string, Uint8Array>();
    // The first 4 bytes of each client name its data and the answer to it.
    await using server = serveTcp(async (conn) => {
      const name = String(await readExactly(conn, 4));
      const pace = seeded(random() * 1e9);
      const [got] = await Promise.all([readAll(conn), feed(conn, answers.get(name)!, pace)]);
      assertEquals(got.length, answers.get(`${name} up`)!.length);
      assert(got.every((byte, i) => byte === answers.get(`${name} up`)![i]), "bytes up differ");
      answers.delete(name);
    });
    await using shunt = await startShunt(`
listeners:
  edge:
    bind: 127.0.0.1:0
    transports: tcp
    detect: { timeout: 30ms, max_bytes: ${max} }
    routes: [{ match: { protocol: ssh }, upstream: up }, { upstream: up }]
upstreams: { up: { targets: ["127.0.0.1:${server.port}"] } }
`);
    await Promise.all(Array.from({ length: 16 }, async (_, i) => {
      const pace = seeded(i + 1);
      const name = noise(i + 100, 4);
      const size = () => Math.floor(pace() * (pace() < 0.2 ? 3e6 : 2e5));
      const [up, down] = [noise(i + 200, size()), noise(i + 300, size())];
      answers.set(String(name), down).set(`${name} up`, up);
      const client = await connect(shunt.port());
      if (pace() < 0.5) await pause(pace);
      const split = Math.floor(pace() * 5);
      await writeAll(client, name.subarray(0, split));
      await pause(pace);
      await writeAll(client, name.subarray(split));
      const [got] = await Promise.all([readAll(client), feed(client, up, pace)]);
      assertEquals(got.length, down.length);
      assert(got.every((byte, at) => byte === down[at]), "bytes down differ");
      client.close();
    }));
    await until(
      () => [...answers.keys()].every((key) => key.endsWith("up")),
      "the server to agree",
    );
    await assertNothingLeft(shunt);
    assertEquals(shunt.counters().closes.done, 16);
  });
}

Deno.test("hostile: clients that reset, with or without bytes, delay no other", async () => {
  await using server = serveTcp(echo);
  await using shunt = await startShunt(`
listeners:
  edge:
    bind: 127.0.0.1:0
    detect: { timeout: 50ms }
    routes: [{ match: { protocol: tls }, upstream: up }, { upstream: up }]
upstreams: { up: { targets: ["127.0.0.1:${server.port}"] } }
`);
  const starts = [new Uint8Array(0), bytes("\x16"), bytes("?"), noise(SEED, 300_000)];
  for (let round = 0; round < 10; round++) {
    await Promise.all(starts.map((first) => reset(shunt.port(), first)));
  }
  await assertServes(shunt);
  assertEquals(shunt.counters().acceptErrors, 0);
  await assertNothingLeft(shunt);
});

Deno.test("hostile: clients that reset before they are accepted delay no other", async () => {
  const { promise: queued, resolve: open } = Promise.withResolvers<void>();
  const io: Io = {
    ...denoIo,
    listen(at) {
      const listener = denoIo.listen(at, false);
      return {
        local: listener.local,
        accept: () => queued.then(() => listener.accept()),
        close: () => listener.close(),
      };
    },
  };
  const { config } = loadConfig(
    `
listeners: { edge: { bind: 127.0.0.1:0, transports: tcp, routes: [{ upstream: up }] } }
upstreams: { up: { targets: ["builtin:echo"] } }
`,
    { file: "test.yaml", protocols: PROTOCOLS },
  );
  await using shunt = new TestShunt(await startProxy(config!, { io }), []);
  await Promise.all(Array.from({ length: 20 }, () => reset(shunt.port(), new Uint8Array(0))));
  open();
  // They lie in the queue before this one: a wait after each would add up to 14 s.
  const begun = performance.now();
  await assertServes(shunt);
  assert(performance.now() - begun < 3000, "the next client had to wait");
  assertEquals(shunt.counters().acceptErrors, 0);
});

Deno.test("hostile: noise by TCP and UDP, of any size, ends as sessions and flows end", async () => {
  const random = seeded(SEED);
  await using shunt = await startShunt(`
listeners:
  edge:
    bind: 127.0.0.1:0
    detect: { timeout: 100ms, max_bytes: 1KiB }
    limits: { flows: 30 }
    routes:
      - { match: { protocol: [tls, http, quic], sni: "*" }, upstream: hello }
      - { match: { protocol: http }, upstream: hello }
      - { upstream: echo }
upstreams:
  hello: { targets: ["builtin:hello"], idle_timeout: 200ms }
  echo: { targets: ["builtin:echo"], idle_timeout: 200ms }
`);
  const starts = ["", "\x16\x03\x01", "GET / HTTP/1.1\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"];
  const clients = Array.from({ length: 60 }, async (_, i) => {
    const client = await connect(shunt.port());
    const sent = writeAll(client, bytes(starts[i % starts.length]!))
      .then(() => writeAll(client, noise(i, Math.floor(random() * 100_000))))
      .then(() => client.closeWrite());
    await Promise.allSettled([sent, readAll(client)]);
    client.close();
  });
  const edge = { transport: "udp", hostname: "127.0.0.1", port: shunt.port() } as const;
  const sizes = [0, 1, 148, 1200, 9000, 65_507];
  const sockets = Array.from(
    { length: 40 },
    () => Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 }),
  );
  for (const [i, socket] of sockets.entries()) {
    await socket.send(noise(i, sizes[i % sizes.length]!), edge);
  }
  await Promise.all(clients);
  await until(() => shunt.counters().flowsTotal > 0, "a flow to begin");
  await assertServes(shunt);
  await assertNothingLeft(shunt);
  for (const socket of sockets) socket.close();
});

Deno.test("hostile: a client that never reads is cut off by the idle time, and its target sees the end", async () => {
  const block = new Uint8Array(1 << 20);
  let failed = false;
  await using server = serveTcp(async (conn) => {
    try {
      for (;;) await conn.write(block);
    } catch {
      failed = true;
    }
  });
  await using shunt = await startShunt(`
listeners: { edge: { bind: 127.0.0.1:0, transports: tcp, routes: [{ upstream: up }] } }
upstreams: { up: { targets: ["127.0.0.1:${server.port}"], idle_timeout: 300ms } }
`);
  const client = await connect(shunt.port());
  assertEquals((await shunt.ended()).reason, "idle_timeout");
  await until(() => failed, "the target to see its connection end");
  // The write that was under way has to let go of the socket: the client sees an end too.
  await readAll(client).catch(() => undefined);
  client.close();
  assertEquals(shunt.proxy.active().sessions, 0);
});

Deno.test("hostile: a target that dies while it is written to ends its sessions only", async () => {
  await using dying = serveTcp(async (conn) => {
    await conn.read(new Uint8Array(1000));
    // Closing with unread bytes resets the connection, as a killed process's kernel does.
    conn.close();
  });
  await using server = serveTcp(echo);
  await using shunt = await startShunt(`
listeners:
  edge: { bind: 127.0.0.1:0, transports: tcp, routes: [{ upstream: up }] }
  other: { bind: 127.0.0.1:0, transports: tcp, routes: [{ upstream: dying }] }
upstreams:
  up: { targets: ["127.0.0.1:${server.port}"] }
  dying: { targets: ["127.0.0.1:${dying.port}"] }
`);
  const steady = await connect(shunt.port());
  await Promise.all(Array.from({ length: 10 }, async () => {
    const client = await connect(shunt.port("other"));
    await Promise.allSettled([writeAll(client, noise(SEED, 1_000_000)), readAll(client)]);
    client.close();
  }));
  await until(() => shunt.counters("other").sessionsActive === 0, "the sessions to end");
  await writeAll(steady, bytes("as before"));
  assertEquals(await readExactly(steady, 9), bytes("as before"));
  steady.close();
  await assertNothingLeft(shunt);
});
