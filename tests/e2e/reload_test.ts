import { assert, assertEquals, assertRejects } from "@std/assert";
import { ShuntError } from "../../src/errors.ts";
import {
  bytes,
  connect,
  readAll,
  readExactly,
  serveTcp,
  startShunt,
  TEST_IO,
  text,
  until,
  writeAll,
} from "./_shunt.ts";
import { UdpPeer } from "./_udp.ts";

/** A target that greets with its name and then echoes. */
function named(name: string) {
  return serveTcp(async (conn) => {
    await writeAll(conn, bytes(name));
    const buffer = new Uint8Array(1024);
    for (;;) {
      const count = await conn.read(buffer);
      if (count === null) return;
      await writeAll(conn, buffer.subarray(0, count));
    }
  });
}

function config(port: number, more = "", listener = ""): string {
  return `
listeners:
  edge:
    bind: 127.0.0.1:0
    transports: tcp
${listener}
    routes: [{ upstream: up }]
${more}
upstreams: { up: { targets: ["127.0.0.1:${port}"] } }
drain_timeout: 5s
`;
}

/** A socket may take a moment to be closed. */
async function untilRefused(port: number): Promise<void> {
  await until(async () => {
    try {
      (await connect(port)).close();
      return false;
    } catch (error) {
      return error instanceof Deno.errors.ConnectionRefused;
    }
  }, `port ${port} to be closed`);
}

async function greeting(port: number): Promise<string> {
  using client = await connect(port);
  return text(await readExactly(client, 1));
}

Deno.test("reload: new sessions follow the new rules, running ones live on, counters and ports stay", async () => {
  await using a = named("a");
  await using b = named("b");
  await using shunt = await startShunt(config(a.port));
  const port = shunt.port();
  using before = await connect(port);
  assertEquals(text(await readExactly(before, 1)), "a");
  assertEquals(await shunt.reload(config(b.port)), ["upstreams.up changed: targets"]);
  assertEquals(shunt.port(), port);
  assertEquals(await greeting(port), "b");
  await writeAll(before, bytes("still there"));
  assertEquals(text(await readExactly(before, 11)), "still there");
  assertEquals(shunt.counters().sessionsTotal, 2);
  before.close();
  await until(() => shunt.records.length === 2, "both sessions to end");
  assertEquals(
    shunt.records.map(({ target }) => target).sort(),
    [
      `127.0.0.1:${a.port}`,
      `127.0.0.1:${b.port}`,
    ].sort(),
  );
  assertEquals(shunt.proxy.active(), { sessions: 0, flows: 0, detectMemory: 0 });
});

Deno.test("reload: nothing changes if nothing differs", async () => {
  await using a = named("a");
  await using shunt = await startShunt(config(a.port));
  assertEquals(await shunt.reload(config(a.port)), []);
  assertEquals(await greeting(shunt.port()), "a");
});

Deno.test("reload: listeners come and go, and sessions of a removed one live on and are counted", async () => {
  await using a = named("a");
  await using shunt = await startShunt(config(a.port));
  const more = "  extra: { bind: 127.0.0.1:0, transports: tcp, routes: [{ upstream: up }] }";
  assertEquals(await shunt.reload(config(a.port, more)), ["listeners.extra added"]);
  const extra = shunt.port("extra");
  using client = await connect(extra);
  assertEquals(text(await readExactly(client, 1)), "a");
  assertEquals(await shunt.reload(config(a.port)), ["listeners.extra removed"]);
  await untilRefused(extra);
  assertEquals(shunt.proxy.active().sessions, 1);
  await writeAll(client, bytes("x"));
  assertEquals(text(await readExactly(client, 1)), "x");
  client.close();
  assertEquals((await shunt.ended()).listener, "extra");
  await until(() => shunt.proxy.active().sessions === 0, "the session to be counted as ended");
  assertEquals(await greeting(shunt.port()), "a");
  // Another reload removes the listener, whose totals stay.
  await shunt.reload(config(a.port, "", "    limits: { sessions: 9 }"));
  await until(() => shunt.proxy.totals().sessionsTotal === 2, "the sum of all sessions");
});

Deno.test("reload: if an address cannot be bound, nothing changes and nothing is left bound", async () => {
  await using a = named("a");
  await using b = named("b");
  await using shunt = await startShunt(config(a.port));
  const port = shunt.port();
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const free = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const freePort = free.addr.port;
  free.close();
  const more =
    `  one: { bind: "127.0.0.1:${freePort}", transports: tcp, routes: [{ upstream: up }] }
  two: { bind: "127.0.0.1:${taken.addr.port}", transports: tcp, routes: [{ upstream: up }] }`;
  const error = await assertRejects(
    () => shunt.reload(config(b.port, more)),
    ShuntError,
    "the address is in use",
  );
  assertEquals(error.code, "bind_failed");
  assertEquals(Object.keys(shunt.proxy.addresses), ["edge"]);
  assertEquals(await greeting(port), "a");
  await assertRejects(() => connect(freePort), Deno.errors.ConnectionRefused);
});

Deno.test("reload: changes that need a new process are refused", async () => {
  await using a = named("a");
  await using shunt = await startShunt(config(a.port));
  const error = await assertRejects(
    () => shunt.reload(`${config(a.port)}\nworkers: 7`),
    ShuntError,
  );
  assertEquals([error.code, error.message], [
    "restart_needed",
    '"workers" cannot change while shunt runs; restart it, or set "workers" back',
  ]);
});

Deno.test("reload: a lowered limit holds for new sessions, running ones stay", async () => {
  await using a = named("a");
  await using shunt = await startShunt(config(a.port));
  const clients = await Promise.all([1, 2, 3].map(() => connect(shunt.port())));
  for (const client of clients) await readExactly(client, 1);
  await shunt.reload(config(a.port, "", "    limits: { sessions: 3 }"));
  using refused = await connect(shunt.port());
  assertEquals(await readAll(refused).catch(() => new Uint8Array()), new Uint8Array());
  assertEquals((await shunt.ended()).reason, "limit_sessions");
  for (const client of clients) {
    await writeAll(client, bytes("y"));
    assertEquals(text(await readExactly(client, 1)), "y");
    client.close();
  }
  await until(() => shunt.proxy.active().sessions === 0, "all to end");
  assertEquals(await greeting(shunt.port()), "a");
});

Deno.test("reload: limits of a source remember its sessions and flows", async () => {
  await using a = named("a");
  const limits = (most: number) => `    limits: { per_source: ${most} }`;
  await using shunt = await startShunt(config(a.port, "", limits(1)));
  using first = await connect(shunt.port());
  await readExactly(first, 1);
  await shunt.reload(config(a.port, "", limits(2)));
  using second = await connect(shunt.port());
  assertEquals(text(await readExactly(second, 1)), "a");
  using third = await connect(shunt.port());
  await readAll(third).catch(() => {});
  assertEquals((await shunt.ended()).reason, "limit_source");
});

function udpConfig(targets: string, routes = "[{ upstream: up }]"): string {
  return `
listeners: { edge: { bind: 127.0.0.1:0, transports: udp, routes: ${routes} } }
upstreams: { up: { targets: [${targets}] }, vpn: { targets: [${targets}], balance: first } }
drain_timeout: 5s
`;
}

Deno.test("reload: a flow whose target stays keeps its socket, one whose target is gone moves", async () => {
  await using one = new UdpPeer((data) => data);
  await using two = new UdpPeer((data) => data);
  await using client = new UdpPeer();
  await using shunt = await startShunt(udpConfig(`"127.0.0.1:${one.port}"`));
  const say = async (word: string) => {
    await client.send(bytes(word), shunt.port());
    assertEquals(text(await client.next()), word);
  };
  await say("first");
  await shunt.reload(udpConfig(`"127.0.0.1:${one.port}", "127.0.0.1:${two.port}"`));
  await say("second");
  assertEquals(one.heard.length, 2);
  assertEquals(one.heard[0]?.from.port, one.heard[1]?.from.port);
  assertEquals(shunt.records, []);
  await shunt.reload(udpConfig(`"127.0.0.1:${two.port}"`));
  await say("third");
  const record = await shunt.ended();
  assertEquals([record.reason, record.target], ["target_gone", `127.0.0.1:${one.port}`]);
  assertEquals(two.heard.length, 1);
  assertEquals(shunt.proxy.active().flows, 1);
});

Deno.test("reload: a flow that moves keeps the facts that it began with", async () => {
  const routes = "[{ match: { protocol: wireguard }, upstream: vpn }]";
  await using one = new UdpPeer((data) => data);
  await using two = new UdpPeer((data) => data);
  await using client = new UdpPeer();
  await using shunt = await startShunt(udpConfig(`"127.0.0.1:${one.port}"`, routes));
  const initiation = new Uint8Array(148);
  initiation[0] = 1;
  await client.send(initiation, shunt.port());
  assertEquals((await client.next()).length, 148);
  await shunt.reload(udpConfig(`"127.0.0.1:${two.port}"`, routes));
  // No detector knows bytes from the middle of a stream.
  await client.send(bytes("in the middle"), shunt.port());
  assertEquals(text(await client.next()), "in the middle");
  assertEquals((await shunt.ended()).reason, "target_gone");
  assertEquals(two.heard.length, 1);
});

Deno.test("reload: the flows of a removed socket finish, and it can be used again in the meantime", async () => {
  await using target = new UdpPeer((data) => data);
  await using client = new UdpPeer();
  await using late = new UdpPeer();
  const targets = `"127.0.0.1:${target.port}"`;
  const other = "  other: { bind: 127.0.0.1:0, transports: tcp, routes: [{ upstream: up }] }";
  await using shunt = await startShunt(udpConfig(targets));
  const port = shunt.port();
  const say = async (word: string) => {
    await client.send(bytes(word), port);
    assertEquals(text(await client.next()), word);
  };
  await say("hello");
  const without = `listeners:\n${other}\nupstreams: { up: { targets: [${targets}] } }`;
  await shunt.reload(without);
  await say("still here");
  await late.send(bytes("too late"), port);
  await until(() => shunt.proxy.totals().drops.draining === 1, "the latecomer to be dropped");
  await shunt.reload(udpConfig(targets).replace("127.0.0.1:0", `127.0.0.1:${port}`));
  await say("taken up again");
  await late.send(bytes("in time"), port);
  assertEquals(text(await late.next()), "in time");
  await shunt.reload(without);
  for (const reason of ["drained", "drained"]) {
    assertEquals((await shunt.ended()).reason, reason);
  }
  // The socket is free once its flows have ended.
  await until(() => {
    try {
      Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port }).close();
      return true;
    } catch {
      return false;
    }
  }, "the socket to be closed");
});

Deno.test("reload: 200 reloads under load lose not one connection", async () => {
  await using a = named("a");
  await using b = named("b");
  await using target = new UdpPeer((data) => data);
  const yaml = (round: number) => `
listeners:
  edge:
    bind: 127.0.0.1:0
    transports: tcp
    limits: { sessions: ${1000 + round % 2} }
    routes:
      - match: { source: 127.0.0.0/8 }
        upstream: ${round % 3 === 0 ? "up" : "other"}
  names:
    bind: 127.0.0.1:0
    transports: udp
    limits: { flows: ${500 + round} }
    routes: [{ upstream: datagrams }]
upstreams:
  up: { targets: ["127.0.0.1:${a.port}"] }
  other: { targets: ["127.0.0.1:${round % 2 === 0 ? a.port : b.port}"] }
  datagrams: { targets: ["127.0.0.1:${target.port}"] }
workers: ${TEST_IO === "libc" ? 2 : 1}
`;
  await using shunt = await startShunt(yaml(0));
  const [port, names] = [shunt.port(), shunt.port("names")];
  let done = false;
  let served = 0;
  const failures: string[] = [];
  const load = async () => {
    while (!done) {
      try {
        using client = await connect(port);
        const name = text(await readExactly(client, 1));
        assert(name === "a" || name === "b");
        await writeAll(client, bytes("ping"));
        assertEquals(text(await readExactly(client, 4)), "ping");
        served++;
      } catch (error) {
        failures.push(String(error));
      }
    }
  };
  const kept = async () => {
    using client = await connect(port);
    await readExactly(client, 1);
    while (!done) {
      await writeAll(client, bytes("kept"));
      assertEquals(text(await readExactly(client, 4)), "kept");
    }
  };
  const datagrams = async () => {
    await using client = new UdpPeer();
    while (!done) {
      await client.send(bytes("dig"), names);
      assertEquals(text(await client.next()), "dig");
    }
  };
  const clients = [...Array.from({ length: 8 }, load), kept(), kept(), datagrams(), datagrams()];
  for (let round = 1; round <= 200; round++) {
    const before = served;
    const changes = await shunt.reload(yaml(round));
    assert(changes.length > 0);
    await until(() => served >= before + 4, "sessions between two reloads");
  }
  done = true;
  await Promise.all(clients);
  assertEquals(failures, []);
  assert(served > 800, `only ${served} sessions were served`);
  await until(() => shunt.proxy.active().sessions === 0, "all sessions to end");
  const { sessionsTotal, closes } = shunt.proxy.totals();
  assertEquals(sessionsTotal, served + 2);
  assertEquals(closes.done + closes.client_reset, served + 2);
});

Deno.test("reload: an address may become a wildcard and back, and a socket whose flows drain in one worker is bound anew", async () => {
  const free = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = free.addr;
  free.close();
  const yaml = (host: string) => `
listeners: { edge: { bind: "${host}:${port}", routes: [{ upstream: up }] } }
upstreams: { up: { targets: ["builtin:echo"] } }
workers: 2
drain_timeout: 5s
`;
  const none = yaml("127.0.0.1").replace(`:${port}"`, ':0"').replace("edge", "other");
  await using shunt = await startShunt(yaml("127.0.0.1"));
  const echoes = async () => {
    using client = await connect(port);
    await writeAll(client, bytes("hello"));
    assertEquals(text(await readExactly(client, 5)), "hello");
  };
  for (const host of ["0.0.0.0", "[::]", "127.0.0.1"]) {
    await shunt.reload(yaml(host));
    // Deno's sockets take a moment to be closed.
    await until(() => echoes().then(() => true, () => false), `an answer by way of ${host}`);
  }
  await using client = new UdpPeer();
  await client.send(bytes("hello"), port);
  assertEquals(text(await client.next()), "hello");
  await shunt.reload(none);
  // Whichever worker has the flow, the other has closed its socket.
  await shunt.reload(yaml("127.0.0.1"));
  await echoes();
});
