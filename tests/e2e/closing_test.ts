/**
 * What becomes of bytes that the kernel still has when a session ends: they arrive as long as the other
 * side takes them, and nothing stays behind that is neither counted nor reset.
 */

import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { createConnection, createServer, type Socket } from "node:net";
import type { AccessRecord } from "../../src/observe/access/record.ts";
import {
  connect,
  echo,
  readAll,
  serveTcp,
  startShunt,
  type TestShunt,
  until,
  writeAll,
} from "./_shunt.ts";

const ANSWER = new Uint8Array(1_200_000).map((_, i) => i * 31 + (i >> 8));

function config(port: number, { more = "", top = "" } = {}): string {
  return `
${top}
listeners: { edge: { bind: 127.0.0.1:0, transports: tcp, routes: [{ upstream: up }] } }
upstreams: { up: { targets: ["127.0.0.1:${port}"]${more} } }
`;
}

function lingering(shunt: TestShunt): { readonly connections: number; readonly bytes: number } {
  const { connections, bytes } = shunt.proxy.measures().lingering;
  return { connections, bytes };
}

/** Sockets of a local port that have bytes to send, closed ones among them (proc_net_tcp). */
async function unsentOf(port: number): Promise<number> {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  const files = ["/proc/net/tcp", "/proc/net/tcp6"].map((path) => Deno.readTextFile(path));
  const lines = (await Promise.all(files)).join("\n").split("\n");
  return lines.filter((line) => {
    const [, local = "", , , queues = ""] = line.trim().split(/\s+/);
    return local.endsWith(`:${hex}`) && parseInt(queues, 16) > 1;
  }).length;
}

/** Reads some 500 kB a second, and calls something each time. */
async function readSlowly(conn: Deno.TcpConn, each: () => void = () => {}): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  const buffer = new Uint8Array(10_000);
  for (;;) {
    const count = await conn.read(buffer);
    if (count === null) break;
    parts.push(buffer.slice(0, count));
    each();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return new Uint8Array(await new Blob(parts as Uint8Array<ArrayBuffer>[]).arrayBuffer());
}

function assertWhole(heard: Uint8Array): void {
  assertEquals(heard.length, ANSWER.length);
  assert(heard.every((byte, i) => byte === ANSWER[i]));
}

/** Waits until this many sessions have got their whole answer, as far as shunt knows. */
async function answered(shunt: TestShunt, times = 1): Promise<void> {
  const length = ANSWER.length * times;
  await until(
    () => shunt.proxy.totals().bytesDown === length,
    "the answer to be on its way",
    30_000,
  );
}

Deno.test("closing: bytes of a target that has reset arrive, however slowly a client reads that still sends", async () => {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.write(ANSWER);
    sockets.push(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  {
    await using shunt = await startShunt(config((server.address() as { port: number }).port));
    // A reset drops what the target's own kernel has not sent; by then shunt has everything.
    const resets = answered(shunt, 40).then(() => {
      for (const socket of sockets) socket.resetAndDestroy();
    });
    // More than the 32 that once lingered at most.
    await Promise.all(Array.from({ length: 40 }, async () => {
      const client = await connect(shunt.port());
      const sent: Promise<unknown>[] = [];
      const heard = await readSlowly(client, () => {
        sent.push(client.write(new Uint8Array(1)).catch(() => {}));
      });
      assertWhole(heard);
      client.close();
      await Promise.all(sent);
      assertEquals((await shunt.ended()).reason, "target_reset");
    }));
    await resets;
    await until(() => lingering(shunt).connections === 0, "nothing to linger");
    assertEquals(shunt.proxy.measures().lingering.resets.stalled, 0);
  }
  await new Promise((resolve) => server.close(resolve));
});

Deno.test("closing: bytes that a client has not read when both sides have ended are counted until they arrive", async () => {
  await using server = serveTcp(async (conn) => await writeAll(conn, ANSWER));
  await using shunt = await startShunt(config(server.port));
  const clients = await Promise.all(Array.from({ length: 3 }, () => connect(shunt.port())));
  for (const client of clients) await client.closeWrite();
  for (const _ of clients) assertEquals((await shunt.ended()).reason, "done");
  await until(() => lingering(shunt).connections === 3, "three connections to linger");
  assertGreater(lingering(shunt).bytes, 3 * 100_000);
  // What lingers takes descriptors, and they are counted.
  assertEquals(shunt.proxy.measures().descriptors.used, 3);
  for (const client of clients) {
    assertWhole(await readAll(client));
    client.close();
  }
  await until(() => lingering(shunt).connections === 0, "nothing to linger");
  assertEquals([lingering(shunt).bytes, shunt.proxy.measures().descriptors.used], [0, 0]);
});

Deno.test("closing: bytes of a client arrive at a slow target after both have ended", async () => {
  let heard: Uint8Array | undefined;
  const gate = Promise.withResolvers<void>();
  await using server = serveTcp(async (conn) => {
    await conn.closeWrite();
    await gate.promise;
    heard = await readSlowly(conn);
  });
  await using shunt = await startShunt(config(server.port));
  const client = await connect(shunt.port());
  assertEquals((await readAll(client)).length, 0);
  await writeAll(client, ANSWER);
  client.close();
  const { reason, up } = await shunt.ended();
  assertEquals([reason, up], ["done", ANSWER.length]);
  assertEquals(lingering(shunt).connections, 1);
  gate.resolve();
  await until(() => heard !== undefined, "the target to have all", 20_000);
  assertWhole(heard!);
  await until(() => lingering(shunt).connections === 0, "nothing to linger");
});

/** The error that ends a connection, or how many bytes it brought to its end. */
function endOf(conn: Deno.TcpConn): Promise<unknown> {
  return readAll(conn).then((heard) => heard.length, (error: unknown) => error);
}

/** Opens clients that read nothing from a target that sends without end. */
async function deaf(shunt: TestShunt, count: number): Promise<Deno.TcpConn[]> {
  const clients = await Promise.all(Array.from({ length: count }, () => connect(shunt.port())));
  await until(() => shunt.counters().sessionsActive === count, "the sessions to begin");
  return clients;
}

async function assertReset(clients: readonly Deno.TcpConn[]): Promise<void> {
  for (const client of clients) {
    const end = await endOf(client);
    assert(end instanceof Deno.errors.ConnectionReset, String(end));
    client.close();
  }
}

Deno.test("closing: an idle time resets clients that do not read, and none of their bytes stay in the kernel", async () => {
  await using server = serveTcp(async (conn) => {
    for (;;) await conn.write(ANSWER);
  });
  await using shunt = await startShunt(config(server.port, { more: ", idle_timeout: 400ms" }));
  const clients = await deaf(shunt, 20);
  for (const _ of clients) assertEquals((await shunt.ended()).reason, "idle_timeout");
  await until(async () => await unsentOf(shunt.port()) === 0, "the kernel to forget");
  await until(() => lingering(shunt).connections === 0, "nothing to linger");
  assertEquals(shunt.proxy.measures().lingering.resets.limit, clients.length);
  await assertReset(clients);
});

for (const hostname of ["127.0.0.1", "::1"]) {
  Deno.test(`closing: a client of a dual-stack socket is reset as well, at ${hostname}`, async () => {
    await using server = serveTcp(async (conn) => {
      for (;;) await conn.write(ANSWER);
    });
    const yaml = config(server.port, { more: ", idle_timeout: 400ms" });
    await using shunt = await startShunt(yaml.replace("127.0.0.1:0", '"[::]:0"'));
    const client = await Deno.connect({ hostname, port: shunt.port() });
    assertEquals((await shunt.ended()).reason, "idle_timeout");
    await until(async () => await unsentOf(shunt.port()) === 0, "the kernel to forget");
    await assertReset([client]);
  });
}

Deno.test("closing: a target that does not read is reset by the idle time as well", async () => {
  const gate = Promise.withResolvers<void>();
  let end: unknown;
  await using server = serveTcp(async (conn) => {
    await gate.promise;
    end = await endOf(conn);
  });
  await using shunt = await startShunt(config(server.port, { more: ", idle_timeout: 400ms" }));
  const client = await connect(shunt.port());
  const upload = (async () => {
    for (;;) await client.write(ANSWER);
  })().catch(() => {});
  assertEquals((await shunt.ended()).reason, "idle_timeout");
  gate.resolve();
  await until(() => end !== undefined, "the target to see an end");
  assert(end instanceof Deno.errors.ConnectionReset, String(end));
  await upload;
  client.close();
});

Deno.test("closing: a client that the kernel still delivers to is not idle", async () => {
  const gate = Promise.withResolvers<void>();
  await using server = serveTcp(async (conn) => {
    await writeAll(conn, ANSWER);
    await gate.promise;
  });
  await using shunt = await startShunt(config(server.port, { more: ", idle_timeout: 700ms" }));
  const client = await connect(shunt.port());
  await answered(shunt);
  let heard = 0;
  const buffer = new Uint8Array(10_000);
  const record: AccessRecord[] = shunt.records;
  while (heard < ANSWER.length) {
    const count = await client.read(buffer);
    if (count === null) break;
    heard += count;
    if (heard < ANSWER.length / 2) assertEquals(record.length, 0, `ended after ${heard} bytes`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assertEquals(heard, ANSWER.length);
  assertEquals((await shunt.ended()).reason, "idle_timeout");
  gate.resolve();
  client.close();
});

Deno.test("closing: a drain waits for bytes that are still to arrive", async () => {
  await using server = serveTcp(async (conn) => await writeAll(conn, ANSWER));
  await using shunt = await startShunt(config(server.port));
  const client = await connect(shunt.port());
  await client.closeWrite();
  assertEquals((await shunt.ended()).reason, "done");
  const drained = shunt.proxy.drain({ timeoutMs: 30_000 });
  assertWhole(await readSlowly(client));
  client.close();
  const started = performance.now();
  assertEquals(await drained, 0);
  assertLess(performance.now() - started, 5_000);
});

Deno.test("closing: a drain without time left resets connections with undelivered bytes", async () => {
  await using server = serveTcp(async (conn) => {
    for (;;) await conn.write(ANSWER);
  });
  await using short = serveTcp(async (conn) => await writeAll(conn, ANSWER));
  const yaml = `
listeners:
  edge: { bind: 127.0.0.1:0, transports: tcp, routes: [{ upstream: up }] }
  other: { bind: 127.0.0.1:0, transports: tcp, routes: [{ upstream: short }] }
upstreams:
  up: { targets: ["127.0.0.1:${server.port}"] }
  short: { targets: ["127.0.0.1:${short.port}"] }
`;
  const shunt = await startShunt(yaml);
  const [edge, other] = [shunt.port(), shunt.port("other")];
  const clients = await deaf(shunt, 4);
  const ended = await connect(other);
  await ended.closeWrite();
  assertEquals((await shunt.ended()).reason, "done");
  await until(() => lingering(shunt).connections === 1, "one to linger");
  const stuck = () => unsentOf(edge);
  await until(async () => await stuck() === 4, "the kernel to hold what is not read");
  assertEquals(await shunt.proxy.drain({ timeoutMs: 200 }), 4);
  await until(async () => await stuck() + await unsentOf(other) === 0, "the kernel to forget");
  await assertReset([...clients, ended]);
  const { resets } = shunt.proxy.measures().lingering;
  assertEquals([resets.limit, resets.shutdown], [4, 1]);
});

Deno.test("closing: sessions that end in order leave nothing lingering", async () => {
  await using server = serveTcp(echo);
  await using shunt = await startShunt(config(server.port));
  for (let i = 0; i < 20; i++) {
    const client = await connect(shunt.port());
    await writeAll(client, ANSWER.subarray(0, 10_000));
    await client.closeWrite();
    assertEquals((await readAll(client)).length, 10_000);
    client.close();
    assertEquals((await shunt.ended()).reason, "done");
  }
  await until(() => lingering(shunt).connections === 0, "nothing to linger");
  const { limit, stalled, displaced } = shunt.proxy.measures().lingering.resets;
  assertEquals([limit, stalled, displaced], [0, 0, 0]);
});

Deno.test("closing: clients that reset linger no longer, before their session has ended or after", async () => {
  const gate = Promise.withResolvers<void>();
  await using server = serveTcp(async (conn) => {
    await writeAll(conn, ANSWER);
    await gate.promise;
  });
  await using shunt = await startShunt(config(server.port));
  for (const reason of ["client_reset", "done"]) {
    const client = createConnection({ host: "127.0.0.1", port: shunt.port() });
    client.on("error", () => {});
    client.pause();
    await answered(shunt, reason === "done" ? 2 : 1);
    if (reason === "done") {
      client.end();
      gate.resolve();
      await until(() => lingering(shunt).connections === 1, "one to linger");
    }
    client.resetAndDestroy();
    assertEquals((await shunt.ended()).reason, reason);
    await until(() => lingering(shunt).connections === 0, "nothing to linger", 5_000);
    assertEquals(await unsentOf(shunt.port()), 0);
  }
  const { limit, stalled, displaced } = shunt.proxy.measures().lingering.resets;
  assertEquals([limit, stalled, displaced], [0, 0, 0]);
});

Deno.test("closing: builtin targets' clients that do not read are counted and reset as well", async () => {
  await using shunt = await startShunt(`
listeners: { edge: { bind: 127.0.0.1:0, transports: tcp, routes: [{ upstream: up }] } }
upstreams: { up: { targets: ["builtin:echo"], idle_timeout: 500ms } }
`);
  const client = await connect(shunt.port());
  const upload = (async () => {
    for (;;) await client.write(ANSWER);
  })().catch(() => {});
  const { reason, down } = await shunt.ended();
  assertEquals(reason, "idle_timeout");
  await until(async () => await unsentOf(shunt.port()) === 0, "the kernel to forget");
  await upload;
  // The failed write has reported the error; fewer bytes have come than were sent.
  const heard = await endOf(client);
  assert(typeof heard !== "number" || heard < down, `${heard} of ${down} bytes`);
  client.close();
});
