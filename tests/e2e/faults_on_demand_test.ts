import { assert, assertEquals, assertGreaterOrEqual, assertLess } from "@std/assert";
import {
  bytes,
  connect,
  echo,
  readAll,
  readExactly,
  serveTcp,
  startShunt,
  TEST_IO,
  text,
  until,
  writeAll,
} from "./_shunt.ts";
import { withShunt } from "./_process.ts";
import { UdpPeer } from "./_udp.ts";

function config(port: number, faults: string, transport = "tcp"): string {
  return `
listeners: { edge: { bind: 127.0.0.1:0, transports: ${transport}, routes: [{ upstream: up }] } }
upstreams: { up: { targets: ["127.0.0.1:${port}"], faults: { ${faults} } } }
`;
}

Deno.test("faults: latency delays each direction, and the order stays", async () => {
  await using server = serveTcp(echo);
  await using shunt = await startShunt(config(server.port, "latency: 60ms, jitter: 20ms"));
  using client = await connect(shunt.port());
  const began = performance.now();
  for (const word of ["one ", "two ", "three"]) await writeAll(client, bytes(word));
  assertEquals(text(await readExactly(client, 13)), "one two three");
  assertGreaterOrEqual(performance.now() - began, 80);
});

Deno.test("faults: half-close is kept, and delayed bytes arrive after the session has ended", async () => {
  const heard = Promise.withResolvers<string>();
  await using server = serveTcp(async (conn) => {
    await conn.closeWrite();
    heard.resolve(text(await readAll(conn)));
  });
  await using shunt = await startShunt(config(server.port, "latency: 100ms"));
  using client = await connect(shunt.port());
  assertEquals(await readAll(client), new Uint8Array());
  await writeAll(client, bytes("last words"));
  await client.closeWrite();
  assertEquals(await heard.promise, "last words");
  assertEquals((await shunt.ended()).reason, "done");
});

Deno.test("faults: bandwidth limits each direction", async () => {
  await using server = serveTcp(echo);
  await using shunt = await startShunt(config(server.port, "bandwidth: 200KiB/s"));
  using client = await connect(shunt.port());
  const data = new Uint8Array(102_400).map((_, i) => i * 31);
  const began = performance.now();
  const [heard] = await Promise.all([readExactly(client, data.length), writeAll(client, data)]);
  assertEquals(heard, data);
  const ms = performance.now() - began;
  assertGreaterOrEqual(ms, 450);
  assertLess(ms, 5000);
});

Deno.test("faults: reset_after lets exactly that many bytes through and resets", async () => {
  await using server = serveTcp(async (conn) => {
    await writeAll(conn, new Uint8Array(100_000));
    await readAll(conn);
  });
  await using shunt = await startShunt(config(server.port, "reset_after: 1000B"));
  using client = await connect(shunt.port());
  let got = 0;
  let failure: unknown;
  const buffer = new Uint8Array(4096);
  try {
    for (;;) {
      const count = await client.read(buffer);
      if (count === null) break;
      got += count;
    }
  } catch (error) {
    failure = error;
  }
  const record = await shunt.ended();
  assertEquals([record.reason, record.down], ["fault", 1000]);
  assert(got <= 1000);
  if (TEST_IO === "libc") assert(failure instanceof Deno.errors.ConnectionReset);
});

Deno.test("faults: blackhole keeps the connection open and lets nothing through, not even the end", async () => {
  const heard: number[] = [];
  await using server = serveTcp(async (conn) => {
    await writeAll(conn, bytes("hello"));
    await conn.closeWrite();
    heard.push((await readAll(conn).catch(() => [])).length);
  });
  await using shunt = await startShunt(
    config(server.port, "blackhole: true").replace("targets:", "idle_timeout: 400ms, targets:"),
  );
  const began = performance.now();
  using client = await connect(shunt.port());
  await writeAll(client, bytes("anybody there?"));
  await client.closeWrite();
  assertEquals(await readAll(client).catch(() => bytes("")), bytes(""));
  assertGreaterOrEqual(performance.now() - began, 400);
  const record = await shunt.ended();
  assertEquals([record.reason, record.down], ["idle_timeout", 0]);
  await until(() => heard.length === 1, "the target's connection to end");
  assertEquals(heard, [0]);
});

Deno.test("faults: slow_close delays the end", async () => {
  await using server = serveTcp(() => {});
  await using shunt = await startShunt(config(server.port, "slow_close: 200ms"));
  using client = await connect(shunt.port());
  const began = performance.now();
  await readAll(client);
  assertGreaterOrEqual(performance.now() - began, 190);
});

Deno.test("faults: probability spares the rest, a route's faults come first, a reload changes them", async () => {
  await using server = serveTcp(echo);
  const yaml = (faults: string) => `
listeners:
  edge:
    bind: 127.0.0.1:0
    transports: tcp
    routes: [{ upstream: up, faults: { ${faults} } }]
upstreams: { up: { targets: ["127.0.0.1:${server.port}"], faults: { blackhole: true } } }
`;
  await using shunt = await startShunt(yaml("probability: 50%, seed: 7, reset_after: 1B"));
  const fates = async () => {
    const reasons: string[] = [];
    for (let i = 0; i < 12; i++) {
      using client = await connect(shunt.port());
      await writeAll(client, bytes("hello")).catch(() => {});
      await client.closeWrite().catch(() => {});
      await readAll(client).catch(() => {});
      reasons.push((await shunt.ended()).reason);
    }
    return reasons;
  };
  const first = await fates();
  assert(first.includes("fault") && first.includes("done"), first.join());
  await shunt.reload(yaml("probability: 50%, seed: 8, reset_after: 1B"));
  await fates();
  await shunt.reload(yaml("probability: 50%, seed: 7, reset_after: 1B"));
  assertEquals(await fates(), first);
});

/** Sends numbered datagrams and returns those that came back. */
async function exchange(faults: string): Promise<{ up: string[]; down: string[] }> {
  await using target = new UdpPeer((data) => data);
  await using client = new UdpPeer();
  await using shunt = await startShunt(config(target.port, faults, "udp"));
  for (let i = 0; i < 100; i++) {
    await client.send(bytes(`datagram ${i}`), shunt.port());
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  let before = -1;
  await until(async () => {
    const settled = client.heard.length === before;
    before = client.heard.length;
    await new Promise((resolve) => setTimeout(resolve, 100));
    return settled;
  }, "the last datagrams");
  const texts = (peer: UdpPeer) => peer.heard.map(({ data }) => text(data));
  return { up: texts(target), down: texts(client) };
}

Deno.test("faults: datagrams are lost and doubled at random, the same ones for the same seed", async () => {
  // Delayed, so that datagrams and answers cross. The directions do not share dice.
  const faults = "loss: 20%, duplicate: 10%, latency: 5ms, seed: 3";
  const first = await exchange(faults);
  const { up } = first;
  const kinds = new Set(up).size;
  assert(kinds > 60 && kinds < 95, `${kinds} of 100 arrived`);
  assert(up.length > kinds, "some came twice");
  assertEquals(await exchange(faults), first);
  assertEquals((await exchange("loss: 0%, seed: 3")).up.length, 100);
});

Deno.test("faults: datagrams are changed by one bit, overtaken, and late", async () => {
  const corrupt = await exchange("corrupt: 100%");
  assertEquals(corrupt.up.length, 100);
  assert(corrupt.up.every((word, i) => word !== `datagram ${i}`));
  const reordered = await exchange("reorder: 20%");
  assertEquals(reordered.up.length, 100);
  assert(reordered.up.join() !== reordered.up.toSorted().join());
  assert(reordered.up.some((word, i) => word !== `datagram ${i}`));
  const late = await exchange("latency: 30ms");
  assertEquals([late.up.length, late.down.length], [100, 100]);
});

Deno.test("faults: the admin address sets them while shunt runs, reloads keep them, null lifts them", async () => {
  const yaml = `
listeners: { edge: { bind: 127.0.0.1:0, transports: tcp, routes: [{ upstream: up }] } }
upstreams: { up: { targets: ["builtin:echo"] } }
admin: { bind: 127.0.0.1:0 }
drain_timeout: 1s`;
  await withShunt(yaml, async (shunt) => {
    const set = async (faults: unknown) => {
      const response = await fetch(`http://${shunt.ready.admin}/api/upstreams/up`, {
        method: "PATCH",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ faults }),
      });
      assertEquals(response.status, 200, await response.text());
    };
    const msOfEcho = async () => {
      using client = await connect(shunt.port());
      const began = performance.now();
      await writeAll(client, bytes("hello"));
      assertEquals(text(await readExactly(client, 5)), "hello");
      return performance.now() - began;
    };
    await set({ latency: "150ms" });
    assertGreaterOrEqual(await msOfEcho(), 300);
    shunt.kill("SIGHUP");
    await shunt.says("Reload: nothing has changed");
    assertGreaterOrEqual(await msOfEcho(), 300);
    await set(null);
    assertLess(await msOfEcho(), 300);
  });
});
