import { assert, assertEquals, assertLess, assertRejects } from "@std/assert";
import { createCipheriv, createHash, randomBytes } from "node:crypto";
import { connect as connectNode } from "node:net";
import { type ShuntProcess, withShunt } from "./_process.ts";
import {
  bytes,
  connect,
  echo,
  readAll,
  readExactly,
  serveTcp,
  text,
  until,
  writeAll,
} from "./_shunt.ts";
import { Tool } from "./_tools.ts";

const MEBIBYTE = 1_048_576;
/** Descriptors that a process opens soon after it is ready: the watch on its file, say. */
const FEW = 6;

/** One listener; anything but SSH goes to the target. */
function config(targets: readonly string[], options: { readonly idle?: string } = {}): string {
  const idle = options.idle === undefined ? "" : `, idle_timeout: ${options.idle}`;
  return `
listeners:
  edge:
    bind: 127.0.0.1:0
    detect: { timeout: 5s }
    routes:
      - match: { protocol: [http, tls, quic, socks4, socks5, unknown] }
        upstream: up
      - match: { protocol: wireguard }
        upstream: dead
upstreams:
  up: { targets: [${targets.map((target) => `"${target}"`).join(", ")}], balance: first${idle} }
  dead: { targets: ["builtin:reset"] }
drain_timeout: 100ms
`;
}

/** Reads a capture of the test data. */
async function capture(name: string): Promise<Uint8Array> {
  const hex = await Deno.readTextFile(`${import.meta.dirname}/../testdata/${name}.hex`);
  return new Uint8Array(Buffer.from(hex.replaceAll(/\s/g, ""), "hex"));
}

/** Sends noise that no one can guess, and gives its SHA-256. */
async function sendNoise(conn: Deno.TcpConn, length: number, head: Uint8Array): Promise<string> {
  const noise = createCipheriv("aes-128-ctr", randomBytes(16), randomBytes(16));
  const hash = createHash("sha256").update(head);
  await writeAll(conn, head);
  const zeros = new Uint8Array(65_536);
  for (let sent = 0; sent < length; sent += zeros.length) {
    const chunk = noise.update(zeros);
    hash.update(chunk);
    await writeAll(conn, chunk);
  }
  noise.final();
  await conn.closeWrite();
  return hash.digest("hex");
}

/** Reads all that comes, and gives its SHA-256. */
async function receive(conn: Deno.TcpConn): Promise<string> {
  const hash = createHash("sha256");
  const buffer = new Uint8Array(262_144);
  for (let count = await conn.read(buffer); count !== null; count = await conn.read(buffer)) {
    hash.update(buffer.subarray(0, count));
  }
  return hash.digest("hex");
}

/** Does `count` things, with a limited number at a time. */
async function inParallel(
  count: number,
  atOnce: number,
  work: (i: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

async function descriptors({ pid }: ShuntProcess): Promise<number> {
  return (await Array.fromAsync(Deno.readDir(`/proc/${pid}/fd`))).length;
}

/** Resident memory in MiB. */
async function memory({ pid }: ShuntProcess): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(status.match(/VmRSS:\s+(\d+)/)?.[1]) / 1024;
}

Deno.test("volume: 32 MiB each way on 8 sessions at once arrive as they were sent", async () => {
  /** SHA-256 of what the target sent, by SHA-256 of what it received. */
  const sent = new Map<string, string>();
  await using target = serveTcp(async (conn) => {
    const answered = sendNoise(conn, 32 * MEBIBYTE, new Uint8Array());
    sent.set(await receive(conn), await answered);
  });
  const heads = await Promise.all([
    "http1_curl_get",
    "http1_curl_connect",
    "http2_curl_prior_knowledge",
    "tls_openssl_client",
    "tls_curl_client",
    "socks5_curl",
    "socks4a_curl",
  ].map(capture));
  heads.push(bytes("noise that no detector knows"));
  /** SHA-256 of what the clients received, by SHA-256 of what they sent. */
  const received = new Map<string, string>();
  await withShunt(config([`127.0.0.1:${target.port}`]), async (shunt) => {
    await Promise.all(heads.map(async (head) => {
      using client = await connect(shunt.port());
      const [up, down] = await Promise.all([
        sendNoise(client, 32 * MEBIBYTE, head),
        receive(client),
      ]);
      received.set(up, down);
    }));
    await until(() => sent.size === heads.length, "the target to have received all");
    assertEquals(received, sent);
    await until(() => shunt.access.length === heads.length, "an access line of each session");
    const lines = shunt.access.map(({ reason, bytes_up, bytes_down }) =>
      `${reason} ${bytes_up} ${bytes_down}`
    );
    const expected = heads.map(({ length }) => `done ${length + 32 * MEBIBYTE} ${32 * MEBIBYTE}`);
    assertEquals(lines.sort(), expected.sort());
  });
});

Deno.test("volume: 4,000 short sessions, however they end, leave no descriptor and no memory behind", async () => {
  await using target = serveTcp(async (conn) => {
    await conn.read(new Uint8Array(1000));
    await writeAll(conn, bytes("answer"));
  });
  const request = bytes("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
  const reset = (port: number, when: "connect" | "data") =>
    new Promise<void>((resolve) => {
      const client = connectNode(port, "127.0.0.1");
      client.write(request);
      client.once(when, () => client.resetAndDestroy());
      client.on("close", () => resolve());
    });
  const kinds: readonly ((port: number) => Promise<void>)[] = [
    async (port) => {
      using client = await connect(port);
      await writeAll(client, request);
      assertEquals(text(await readAll(client)), "answer");
    },
    async (port) => {
      using client = await connect(port);
      await writeAll(client, request.subarray(0, 20));
    },
    async (port) => {
      using client = await connect(port);
      await writeAll(client, bytes("SSH-2.0-nobody wants this\r\n"));
      await client.read(new Uint8Array(1)).catch(() => null);
    },
    (port) => reset(port, "data"),
    (port) => reset(port, "connect"),
    async (port) => {
      (await connect(port)).close();
    },
  ];
  await withShunt(config([`127.0.0.1:${target.port}`]), async (shunt) => {
    const port = shunt.port();
    const round = async (count: number) => {
      const before = shunt.access.length;
      await inParallel(count, 32, (i) => kinds[i % kinds.length]!(port));
      // One kind may have reset its connection before it was accepted.
      const seen = count * (1 - 1 / kinds.length);
      await until(() => shunt.access.length >= before + seen, "all sessions to end");
      await until(async () => await descriptors(shunt) <= idle + FEW, `${idle} descriptors again`);
    };
    const idle = await descriptors(shunt);
    await round(600);
    const before = await memory(shunt);
    await round(4002);
    const after = await memory(shunt);
    // The heap takes its time to settle, but a 64 KiB buffer kept by each session would be 250 MiB.
    assertLess(after - before, 128, `resident memory grew from ${before} to ${after} MiB`);
    const reasons = new Set(shunt.access.map(({ reason }) => reason));
    for (const reason of ["done", "client_closed", "client_reset", "no_route"]) {
      assert(reasons.has(reason), `no session ended with ${reason}`);
    }
  });
});

Deno.test("volume: 1,000 UDP clients at once get their own answers and none of another's", async () => {
  const target = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const { port: targetPort } = target.addr as Deno.NetAddr;
  const served = (async () => {
    for await (const [datagram, from] of target) {
      const { port } = from as Deno.NetAddr;
      await target.send(bytes(`${text(datagram)} by way of ${port}`), from);
    }
  })();
  const yaml = config([`127.0.0.1:${targetPort}`], { idle: "2s" });
  await withShunt(yaml, async (shunt) => {
    const idle = await descriptors(shunt);
    const to: Deno.NetAddr = { transport: "udp", hostname: "127.0.0.1", port: shunt.port() };
    const clients = Array.from({ length: 1000 }, () => {
      const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
      const answers: string[] = [];
      const buffer = new Uint8Array(1500);
      const received = (async () => {
        for (;;) {
          const next = await socket.receive(buffer).catch(() => undefined);
          if (next === undefined) return;
          answers.push(text(next[0]));
        }
      })();
      return { socket, answers, received };
    });
    const wanted = (i: number) => Array.from({ length: 9 }, (_, j) => `client ${i} datagram ${j}`);
    for (const from of [0, 3, 6]) {
      await inParallel(clients.length, 32, async (i) => {
        const { socket, answers } = clients[i]!;
        for (const datagram of wanted(i).slice(from, from + 3)) {
          await socket.send(bytes(datagram), to);
        }
        await until(() => answers.length === from + 3, `three answers to client ${i}`);
      });
    }
    const ways = clients.map(({ answers }, i) => {
      const parts = answers.map((answer) => answer.split(" by way of "));
      assertEquals(parts.map(([datagram]) => datagram).sort(), wanted(i));
      const way = new Set(parts.map(([, port]) => port));
      assertEquals(way.size, 1, `client ${i} has ${way.size} flows`);
      return [...way][0];
    });
    assertEquals(new Set(ways).size, clients.length, "each flow has a socket of its own");
    await until(() => shunt.access.length === clients.length, "all flows to expire");
    for (const { protocol, bytes_up, reason, source } of shunt.access) {
      assertEquals([protocol, reason], ["unknown", "idle_timeout"]);
      const i = clients.findIndex(({ socket }) =>
        source === `127.0.0.1:${(socket.addr as Deno.NetAddr).port}`
      );
      assertEquals(bytes_up, wanted(i).join("").length);
    }
    await until(async () => await descriptors(shunt) <= idle + FEW, `${idle} descriptors again`);
    for (const { socket } of clients) socket.close();
    await Promise.all(clients.map(({ received }) => received));
  });
  target.close();
  await served;
});

/** An echo server of its own process, which says its port. */
const ECHO = `
const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
console.log("port " + listener.addr.port);
for await (const conn of listener) conn.readable.pipeTo(conn.writable).catch(() => {});
`;

Deno.test("volume: a target that is killed during a transfer costs that session, and the next one works", async () => {
  await using victim = new Tool(Deno.execPath(), ["eval", ECHO]);
  const [, port] = await victim.says(/port (\d+)/);
  await using other = serveTcp(echo);
  const targets = [`127.0.0.1:${port}`, `127.0.0.1:${other.port}`];
  await withShunt(config(targets), async (shunt) => {
    const request = bytes("POST / HTTP/1.1\r\nHost: a.example\r\n\r\n");
    const client = await connect(shunt.port());
    const sent = (async () => {
      await writeAll(client, request);
      const chunk = new Uint8Array(65_536);
      for (;;) await writeAll(client, chunk);
    })();
    await readExactly(client, 4 * MEBIBYTE);
    victim.kill("SIGKILL");
    const rest = readAll(client).catch(() => {});
    await assertRejects(() => sent);
    await rest;
    client.close();
    const first = await shunt.ended({ reason: "target_reset" });
    assertEquals(first.target, targets[0]);
    assert(Number(first.bytes_down) >= 4 * MEBIBYTE);

    using next = await connect(shunt.port());
    await writeAll(next, request);
    assertEquals(await readExactly(next, request.length), request);
    await next.closeWrite();
    await readAll(next);
    const second = await shunt.ended({ reason: "done" });
    assertEquals(second.target, targets[1]);
  });
});
