import { assert, assertEquals, assertGreater, assertLess, assertStringIncludes } from "@std/assert";
import { type ShuntProcess, withShunt } from "./_process.ts";
import { bytes, connect, readAll, readExactly, text, until, writeAll } from "./_shunt.ts";

/** Everything is echoed. */
function config(drain: string): string {
  return `
listeners:
  edge:
    bind: 127.0.0.1:0
    routes: [{ upstream: up }]
upstreams:
  up: { targets: ["builtin:echo"], idle_timeout: 10m }
drain_timeout: ${drain}
`;
}

/** Sends text and reads it back. */
async function converse(client: Deno.TcpConn, words: string): Promise<void> {
  await writeAll(client, bytes(words));
  assertEquals(text(await readExactly(client, words.length)), words);
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

Deno.test("run: the ready file lists all bound addresses, TCP and UDP with the same number, and is removed at the end", async () => {
  const yaml = config("0s").replace(
    "  edge:\n",
    `  two: { bind: ["127.0.0.1:0", "[::1]:0"], routes: [{ upstream: up }] }
  stream: { bind: "127.0.0.1:0", transports: tcp, routes: [{ upstream: up }] }
  packet: { bind: "127.0.0.1:0", transports: udp, routes: [{ upstream: up }] }
  edge:
`,
  );
  await withShunt(yaml, async (shunt) => {
    const written = await Deno.readTextFile(shunt.readyFile);
    const { two, stream, packet, edge } = shunt.ready.listeners;
    assertEquals([two?.tcp.length, stream?.udp.length, packet?.tcp.length], [2, 0, 0]);
    assertEquals(edge?.tcp, edge?.udp);
    assertEquals(two?.tcp, two?.udp);
    const expected = { pid: shunt.pid, admin: null, listeners: { two, stream, packet, edge } };
    assertEquals(written, `${JSON.stringify(expected)}\n`);
    const folder = shunt.readyFile.slice(0, shunt.readyFile.lastIndexOf("/"));
    const files = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
    assertEquals(files.sort(), ["config.yaml", "ready.json"]);
    const ports = [...two!.tcp, ...stream!.tcp, ...packet!.udp, ...edge!.tcp];
    assertEquals(new Set(ports).size, 5);
    for (const address of ports) assert(/^(127\.0\.0\.1|\[::1\]):[1-9]\d*$/.test(address), address);
    for (const address of edge!.udp) assert(shunt.lines.includes(`edge listens on udp ${address}`));
    for (const address of stream!.tcp) {
      assert(shunt.lines.includes(`stream listens on tcp ${address}`));
    }
    await shunt.stop();
    assertEquals(await exists(shunt.readyFile), false);
  }, { ends: true });
});

Deno.test("run: --set replaces values of the file, as often as it is given", async () => {
  const args = ["--set", "listeners.edge.transports=tcp", "--set", "drain_timeout=0s"];
  await withShunt(config("10m"), async (shunt) => {
    assertEquals(shunt.ready.listeners.edge?.udp, []);
    using client = await connect(shunt.port());
    await converse(client, "drained at once");
    await shunt.stop();
    await shunt.ended({ reason: "shutdown" });
  }, { args, ends: true });
});

Deno.test("run: --set upstreams.up.targets replaces a list with a list", async () => {
  const args = ["--set", "upstreams.up.targets=['builtin:discard']"];
  await withShunt(config("0s"), async (shunt) => {
    using client = await connect(shunt.port());
    await writeAll(client, bytes("into the void"));
    await client.closeWrite();
    assertEquals(await readAll(client), new Uint8Array());
    await shunt.ended({ target: "builtin:discard", bytes_up: 13 });
  }, { args });
});

/** Reports whether a port refuses connections. */
async function refuses(port: number): Promise<boolean> {
  try {
    (await connect(port)).close();
    return false;
  } catch (error) {
    return error instanceof Deno.errors.ConnectionRefused;
  }
}

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  Deno.test(`run: ${signal} drains: what runs goes on, nothing new is taken, exit code 0`, async () => {
    await withShunt(config("10m"), async (shunt) => {
      const to: Deno.NetAddr = { transport: "udp", hostname: "127.0.0.1", port: shunt.port() };
      using client = await connect(shunt.port());
      await converse(client, "before");
      shunt.kill(signal);
      await shunt.says("Draining");
      await until(() => refuses(shunt.port()), "new sessions to be refused");
      await converse(client, "after");

      // A flow that is refused costs nothing: the answer to the session still comes.
      const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
      await socket.send(bytes("too late"), to);
      await converse(client, "and on");
      socket.close();

      await client.closeWrite();
      await readAll(client);
      assertEquals(await shunt.exited(), 0);
      await shunt.ended({ transport: "tcp", reason: "done", bytes_up: 17 });
      assertEquals(shunt.access.filter(({ transport }) => transport === "udp"), []);
      assertEquals(await exists(shunt.readyFile), false);
    }, { ends: true });
  });
}

/** Stops shunt while a session runs, and says how it ended and how long that took. */
async function stopWithSession(
  shunt: ShuntProcess,
  stop: () => Promise<void>,
): Promise<{ readonly code: number; readonly ms: number }> {
  using client = await connect(shunt.port());
  await converse(client, "running");
  const started = performance.now();
  shunt.kill("SIGTERM");
  await stop();
  await readAll(client).catch(() => {});
  const code = await shunt.exited();
  const ms = performance.now() - started;
  await shunt.ended({ reason: "shutdown", bytes_up: 7 });
  return { code, ms };
}

Deno.test("run: a session that outlives drain_timeout is closed, which is still a clean end", async () => {
  await withShunt(config("700ms"), async (shunt) => {
    const { code, ms } = await stopWithSession(shunt, () => Promise.resolve());
    assertEquals(code, 0);
    assertGreater(ms, 600);
  }, { ends: true });
});

Deno.test("run: a second signal ends shunt at once, whatever runs", async () => {
  await withShunt(config("10m"), async (shunt) => {
    const { code, ms } = await stopWithSession(shunt, async () => {
      await shunt.says("Draining");
      shunt.kill("SIGTERM");
    });
    assertEquals(code, 1);
    assertLess(ms, 10_000);
  }, { ends: true });
});

Deno.test("run: SIGHUP neither kills nor disturbs", async () => {
  await withShunt(config("0s"), async (shunt) => {
    using client = await connect(shunt.port());
    await converse(client, "before");
    shunt.kill("SIGHUP");
    await shunt.says("Reload: nothing has changed");
    await converse(client, "after");
    using other = await connect(shunt.port());
    await converse(other, "new");
  });
});

Deno.test("run: log.format text writes access lines for people", async () => {
  const args = ["--set", "log.format=text"];
  await withShunt(config("0s"), async (shunt) => {
    using client = await connect(shunt.port());
    await converse(client, "hello");
    client.close();
    await shunt.stop();
    const line = shunt.lines.find((line) => line.includes("access: closed")) ?? "";
    assertStringIncludes(line, " listener=edge ");
    assertStringIncludes(line, " target=builtin:echo bytes_up=5 bytes_down=5 ");
    assertStringIncludes(line, " reason=");
  }, { args, ends: true });
});
