/**
 * What only libc sockets can do or get wrong: addresses to answer from, errors of connected UDP
 * sockets, resets, descriptors, and a thread that blocks in its wait.
 *
 * @module
 */

import { connect as connectNode } from "node:net";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { loadConfig } from "../../src/config/load.ts";
import { PROTOCOLS } from "../../src/detect/mod.ts";
import { missingForLibc, openLibc } from "../../src/io/libc/symbols.ts";
import type { AccessRecord } from "../../src/observe/access/record.ts";
import { startProxy } from "../../src/control/proxy.ts";
import {
  bytes,
  connect,
  echo,
  readAll,
  readExactly,
  serveTcp,
  TestShunt,
  text,
  until,
  writeAll,
} from "./_shunt.ts";

const ignore = missingForLibc() !== undefined;
// A library that stays open is not a test's leak.
if (!ignore) openLibc();

const ECHO = `upstreams: { up: { targets: ["builtin:echo"] } }`;

async function startLibc(yaml: string): Promise<TestShunt> {
  const { config } = loadConfig(yaml, {
    file: "test.yaml",
    protocols: PROTOCOLS,
    set: ["io=libc"],
  });
  const records: AccessRecord[] = [];
  const shunt = new TestShunt(
    await startProxy(config!, { onEnd: (record) => records.push(record) }),
    records,
  );
  assertEquals(shunt.proxy.io, "libc");
  return shunt;
}

/** A client's UDP socket that waits for one answer at a time. */
class UdpClient implements Disposable {
  readonly #socket: Deno.DatagramConn;

  constructor(hostname = "127.0.0.1") {
    this.#socket = Deno.listenDatagram({ transport: "udp", hostname, port: 0 });
  }

  async send(data: Uint8Array, port: number, hostname = "127.0.0.1"): Promise<void> {
    await this.#socket.send(data, { transport: "udp", hostname, port });
  }

  async receive(): Promise<{ readonly data: Uint8Array; readonly from: Deno.NetAddr }> {
    const [data, from] = await this.#socket.receive();
    return { data, from: from as Deno.NetAddr };
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}

/** Descriptors that this process has open. */
function descriptors(): number {
  return [...Deno.readDirSync("/proc/self/fd")].length;
}

/** Returns a port of loopback that is not bound. */
function freePort(): number {
  using socket = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return socket.addr.port;
}

const WRITTEN_TO = [
  { bind: "0.0.0.0:0", hosts: ["127.0.0.1", "127.0.0.2", "127.0.0.3"] },
  { bind: "[::]:0", hosts: ["127.0.0.2", "127.0.0.1", "::1"] },
];

for (const { bind, hosts } of WRITTEN_TO) {
  for (const target of ["builtin:echo", "a socket"]) {
    Deno.test({
      name: `libc: answers of ${target} leave from the address written to, on ${bind}`,
      ignore,
      async fn() {
        const server = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
        const loop = (async () => {
          for await (const [data, from] of server) await server.send(data, from);
        })();
        const { port } = server.addr as Deno.NetAddr;
        const address = target === "a socket" ? `127.0.0.1:${port}` : target;
        await using shunt = await startLibc(`
listeners: { edge: { bind: "${bind}", transports: udp, routes: [{ upstream: up }] } }
upstreams: { up: { targets: ["${address}"] } }
`);
        using four = new UdpClient();
        using six = new UdpClient("::1");
        // One client's words to two addresses are two flows; the second round finds them again.
        for (const host of [...hosts, ...hosts]) {
          const client = host === "::1" ? six : four;
          await client.send(bytes(host), shunt.port(), host);
          const { data, from } = await client.receive();
          assertEquals([text(data), from.hostname, from.port], [host, host, shunt.port()]);
        }
        assertEquals(shunt.proxy.active().flows, hosts.length);
        server.close();
        await loop;
      },
    });
  }
}

Deno.test({
  name: "libc: a UDP target that is gone ends the flow, and the next datagram starts another",
  ignore,
  async fn() {
    await using shunt = await startLibc(`
listeners: { edge: { bind: 127.0.0.1:0, transports: udp, routes: [{ upstream: up }] } }
upstreams: { up: { targets: ["127.0.0.1:${freePort()}"] } }
`);
    using client = new UdpClient();
    for (let i = 0; i < 2; i++) {
      await client.send(bytes("anyone?"), shunt.port());
      const record = await shunt.ended();
      assertEquals(record.reason, "target_reset");
      assertMatch(String(record.error), /ECONNREFUSED/);
    }
    assertEquals(shunt.counters().flowsTotal, 2);
  },
});

Deno.test({
  name: "libc: port 0 gives one number for TCP and UDP, with IPv6 too",
  ignore,
  async fn() {
    await using shunt = await startLibc(`
listeners: { edge: { bind: ["[::1]:0", "127.0.0.1:0"], routes: [{ upstream: up }] } }
${ECHO}
`);
    const { tcp, udp } = shunt.proxy.addresses.edge!;
    assertEquals([...tcp], [...udp]);
    assertMatch(tcp[0]!, /^\[::1\]:[1-9][0-9]*$/);
    using client = new UdpClient("::1");
    await client.send(bytes("six"), shunt.port(), "::1");
    assertEquals(text((await client.receive()).data), "six");
    const conn = await Deno.connect({ hostname: "::1", port: shunt.port() });
    await writeAll(conn, bytes("six"));
    await conn.closeWrite();
    assertEquals(text(await readAll(conn)), "six");
    conn.close();
    await until(() => shunt.records.length === 1, "the session to end");
    assertMatch(shunt.records[0]!.source, /^\[::1\]:/);
  },
});

Deno.test({
  name: "libc: a session of builtin:reset ends with a reset",
  ignore,
  async fn() {
    await using shunt = await startLibc(`
listeners: { edge: { bind: 127.0.0.1:0, transports: tcp, routes: [{ upstream: up }] } }
upstreams: { up: { targets: ["builtin:reset"] } }
`);
    const socket = connectNode(shunt.port(), "127.0.0.1");
    const error = await new Promise<(Error & { code?: string }) | undefined>((resolve) => {
      socket.once("error", resolve);
      socket.once("end", () => resolve(undefined));
    });
    assertEquals(error?.code, "ECONNRESET");
    socket.destroy();
    assertEquals((await shunt.ended()).reason, "target_reset");
  },
});

/** Datagrams of one client at a time: few enough that no buffer of the kernel overflows. */
const BURST = 40;

Deno.test({
  name: "libc: answers of sockets and built-in targets that share a turn are not mixed up",
  ignore,
  async fn() {
    const server = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
    const loop = (async () => {
      for await (const [data, from] of server) await server.send(data, from);
    })();
    await using shunt = await startLibc(`
listeners:
  edge: { bind: 127.0.0.1:0, transports: udp, routes: [{ upstream: socket }] }
  other: { bind: 0.0.0.0:0, transports: udp, routes: [{ upstream: builtin }] }
upstreams:
  socket: { targets: ["127.0.0.1:${(server.addr as Deno.NetAddr).port}"] }
  builtin: { targets: ["builtin:echo"] }
`);
    const ports = [shunt.port(), shunt.port("other")];
    const clients = Array.from({ length: 6 }, () => new UdpClient());
    const sizes = [0, 1, 63, 64, 1200, 5];
    for (let round = 0; round < 10; round++) {
      const sent = clients.map((_, c) =>
        Array.from(
          { length: BURST },
          (_, i) => new Uint8Array(sizes[(i + c) % sizes.length]!).fill(c * BURST + i + round),
        )
      );
      for (let i = 0; i < BURST; i++) {
        for (const [c, client] of clients.entries()) {
          await client.send(sent[c]![i]!, ports[c % ports.length]!);
        }
      }
      for (const [c, client] of clients.entries()) {
        for (const data of sent[c]!) assertEquals((await client.receive()).data, data);
      }
    }
    for (const [c, client] of clients.entries()) {
      const largest = new Uint8Array(65_507).fill(c);
      await client.send(largest, ports[c % ports.length]!);
      assertEquals((await client.receive()).data, largest);
      client[Symbol.dispose]();
    }
    assertEquals(shunt.proxy.active().flows, clients.length);
    server.close();
    await loop;
  },
});

Deno.test({
  name: "libc: a worker that waits, with nothing to do, counts and drains at once",
  ignore,
  async fn() {
    await using shunt = await startLibc(`
listeners: { edge: { bind: 127.0.0.1:0, transports: tcp, routes: [{ upstream: up }] } }
${ECHO}
`);
    const client = await connect(shunt.port());
    await until(() => shunt.counters().sessionsActive === 1, "the session to be counted", 500);
    client.close();
    await until(() => shunt.proxy.active().sessions === 0, "the session to end", 500);
    const begun = performance.now();
    assertEquals(await shunt.proxy.drain({ timeoutMs: 10_000 }), 0);
    // Without the wake, a message would wait for the end of a wait for each turn of the event loop.
    assert(performance.now() - begun < 200, "drain took too long");
  },
});

Deno.test({
  name: "libc: no descriptor is left behind, however sessions and flows end",
  ignore,
  async fn() {
    await using server = serveTcp(echo);
    const before = descriptors();
    const shunt = await startLibc(`
listeners:
  edge: { bind: 127.0.0.1:0, routes: [{ upstream: up }] }
  dead: { bind: 127.0.0.1:0, routes: [{ upstream: dead }] }
upstreams:
  up: { targets: ["127.0.0.1:${server.port}"] }
  dead: { targets: ["127.0.0.1:${freePort()}"] }
`);
    const running = descriptors();
    for (let i = 0; i < 20; i++) {
      for (const listener of ["edge", "dead"]) {
        const socket = connectNode(shunt.port(listener), "127.0.0.1");
        socket.on("error", () => {});
        await new Promise((resolve) => socket.write("x", resolve));
        socket.resetAndDestroy();
      }
    }
    await until(() => shunt.proxy.active().sessions === 0, "all sessions to end");
    await until(() => descriptors() <= running, "their descriptors to be closed");
    const last = await connect(shunt.port());
    await writeAll(last, bytes("x"));
    assertEquals(await readExactly(last, 1), bytes("x"));
    await shunt.proxy.close();
    assertEquals(await readAll(last).catch(() => bytes("")), bytes(""));
    last.close();
    // The thread's own descriptors go with it, a little later.
    await until(() => descriptors() <= before, "the worker's descriptors to be closed");
  },
});

const MAIN = `${import.meta.dirname}/../../main.ts`;
const ALLOW = ["net", "read", "write", "env"].map((what) => `--allow-${what}`);
const IDLE = `listeners: { edge: { bind: 127.0.0.1:0, routes: [{ upstream: up }] } }\n${ECHO}\n`;

/** A `shunt run` that a shell started. */
interface InShell {
  readonly child: Deno.ChildProcess;
  /** What it wrote so far, to either stream. */
  readonly said: () => string;
  /** Settles with its exit code once it has ended and all it wrote was read. */
  readonly ended: Promise<number>;
}

/**
 * Starts shunt from a shell.
 *
 * @param args Deno's permissions and shunt's own options
 * @param before What the shell does first
 */
async function runInShell(
  { allow, io }: { readonly allow: readonly string[]; readonly io: string },
  before = "true",
): Promise<InShell> {
  const file = await Deno.makeTempFile({ prefix: "shunt-", suffix: ".yaml" });
  await Deno.writeTextFile(file, IDLE);
  const run = [
    "run",
    "--no-prompt",
    ...allow,
    MAIN,
    "run",
    "-c",
    file,
    "--set",
    `io=${io}`,
    "--set",
    "admin=null",
  ];
  const child = new Deno.Command("sh", {
    args: ["-c", `${before} && exec "$0" "$@"`, Deno.execPath(), ...run],
    env: { NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let said = "";
  const collect = async (stream: ReadableStream<Uint8Array<ArrayBuffer>>) => {
    for await (const chunk of stream.pipeThrough(new TextDecoderStream())) said += chunk;
  };
  const read = Promise.all([collect(child.stdout), collect(child.stderr)]);
  const ended = (async () => {
    const { code } = await child.status;
    await read;
    await Deno.remove(file);
    return code;
  })();
  return { child, said: () => said, ended };
}

Deno.test({
  name: "libc: without permission for it, shunt refuses to start and says why",
  ignore,
  async fn() {
    const { said, ended } = await runInShell({ allow: ALLOW, io: "libc" });
    assertEquals(await ended, 1);
    assertMatch(said(), /Cannot use libc sockets: .*--allow-ffi; .*"io: auto"/);
  },
});

Deno.test({
  name: "libc: with io auto and no permission, shunt uses Deno's sockets and says so",
  ignore,
  async fn() {
    const { child, said, ended } = await runInShell({ allow: ALLOW, io: "auto" });
    await until(() => said().includes("listens on udp"), "the addresses");
    await until(() => /Using Deno's sockets.*--allow-ffi/.test(said()), "the reason in the log");
    child.kill("SIGTERM");
    assertEquals(await ended, 0);
  },
});

Deno.test({
  name: "libc: if sessions have all descriptors, clients are refused until some are free",
  ignore,
  async fn() {
    const all = { allow: [...ALLOW, "--allow-ffi"], io: "libc" };
    const { child, said, ended } = await runInShell(all, "ulimit -n 100");
    await until(() => said().includes("listens on udp"), "the addresses");
    const port = Number(/tcp 127\.0\.0\.1:([0-9]+)/.exec(said())![1]);
    for (let round = 0; round < 2; round++) {
      // More than there are descriptors.
      const clients = await Promise.all(Array.from({ length: 80 }, () => connect(port)));
      await until(
        () => said().split("reason=no_descriptors").length > 80 * round + 40,
        "the shortage in the log",
      );
      for (const client of clients) client.close();
      await until(async () => {
        using client = await connect(port);
        await writeAll(client, bytes("now?")).catch(() => {});
        return await readExactly(client, 4).then(text, () => "") === "now?";
      }, "a client to be served again");
    }
    child.kill("SIGTERM");
    assertEquals(await ended, 0);
  },
});
