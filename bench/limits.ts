/**
 * Measures the resident memory of shunt at its limits: idle, used and stuck sessions, flows, and full
 * detection memory. `deno run -A bench/limits.ts [--io libc] [--sessions 8900] [--flows 17500]
 * [--limits "relay_memory: 32MiB"]`; the
 * figures are in docs/limits.md.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";

const MAIN = new URL("../main.ts", import.meta.url).pathname;
const BLOCK = new Uint8Array(65_536);

const options = parseArgs(Deno.args, {
  string: ["io", "sessions", "flows", "target", "only", "limits"],
  default: { io: "libc", sessions: "8900", flows: "17500", limits: "" },
});

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function rss(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024);
}

/** Returns the resident memory once it has been stable for a while. */
async function settled(pid: number): Promise<number> {
  let last = -1;
  for (let same = 0; same < 4;) {
    await sleep(500);
    const now = await rss(pid);
    same = Math.abs(now - last) < 3 ? same + 1 : 0;
    last = now;
  }
  return last;
}

async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let sent = 0; sent < bytes.length;) sent += await conn.write(bytes.subarray(sent));
}

async function readSome(conn: Deno.Conn, wanted: number, buffer: Uint8Array): Promise<void> {
  for (let got = 0; got < wanted;) got += await conn.read(buffer) ?? wanted;
}

/** A target in its own process: echoes, or sends without end if the first byte is 255. */
async function target(): Promise<void> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0, tcpBacklog: 4096 });
  const { port } = listener.addr;
  const udp = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port });
  print(String(port));
  (async () => {
    for await (const [data, from] of udp) await udp.send(data, from).catch(() => {});
  })();
  for await (const conn of listener) {
    (async () => {
      const buffer = new Uint8Array(16_384);
      for (;;) {
        const count = await conn.read(buffer);
        if (count === null) break;
        if (buffer[0] === 255) { for (;;) await writeAll(conn, BLOCK); }
        await writeAll(conn, buffer.subarray(0, count));
      }
      conn.close();
    })().catch(() => {});
  }
}

interface Running {
  readonly pid: number;
  readonly port: number;
}

/** Runs shunt during some work. */
async function withShunt(route: string, port: number, work: (shunt: Running) => Promise<void>) {
  const folder = await Deno.makeTempDir();
  const config = `${folder}/config.yaml`;
  await Deno.writeTextFile(
    config,
    `
listeners: { edge: { bind: "127.0.0.1:0", detect: { timeout: 10m }, limits: { per_source: 0 }, routes: [${route}{ upstream: up }] } }
upstreams: { up: { targets: ["127.0.0.1:${port}"], idle_timeout: 1h } }
io: ${options.io}
limits: { ${options.limits} }
log: { access: false }
admin: null
drain_timeout: 0s
`,
  );
  const ready = `${folder}/ready.json`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", MAIN, "run", "-c", config, "--ready-file", ready],
    stdout: "null",
    stderr: "inherit",
  }).spawn();
  let text = "";
  while (text === "") {
    await sleep(50);
    text = await Deno.readTextFile(ready).catch(() => "");
  }
  const bound = JSON.parse(text).listeners.edge.tcp[0];
  try {
    await work({ pid: child.pid, port: Number(bound.split(":")[1]) });
  } finally {
    child.kill("SIGKILL");
    await child.status;
    await Deno.remove(folder, { recursive: true });
  }
}

/** Runs work for many items, some at once. */
async function each<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const left = [...items];
  await Promise.all(Array.from({ length: 100 }, async () => {
    for (let item = left.pop(); item !== undefined; item = left.pop()) await work(item);
  }));
}

async function connectMany(port: number): Promise<Deno.Conn[]> {
  const conns: Deno.Conn[] = [];
  await each(Array.from({ length: Number(options.sessions) }, (_, i) => i), async () => {
    conns.push(await Deno.connect({ hostname: "127.0.0.1", port }));
  });
  return conns;
}

async function sessions(port: number): Promise<void> {
  await withShunt("", port, async (shunt) => {
    print(`started: ${await settled(shunt.pid)} MiB`);
    const conns = await connectMany(shunt.port);
    print(`${conns.length} idle sessions: ${await settled(shunt.pid)} MiB`);
    const buffer = new Uint8Array(65_536);
    await each(conns, async (conn) => {
      await writeAll(conn, BLOCK.subarray(0, 1024));
      await readSome(conn, 1024, buffer);
    });
    print(`after 1 KiB each way: ${await settled(shunt.pid)} MiB`);
    await each(conns, async (conn) => {
      const bytes = new Uint8Array(300_000);
      await Promise.all([writeAll(conn, bytes), readSome(conn, bytes.length, buffer)]);
    });
    print(`after 300 KB each way: ${await settled(shunt.pid)} MiB`);
    conns.forEach((conn) => conn.close());
  });
}

async function stuck(port: number): Promise<void> {
  await withShunt("", port, async (shunt) => {
    const conns = await connectMany(shunt.port);
    await each(conns, (conn) => writeAll(conn, new Uint8Array([255])));
    print(
      `${conns.length} clients that ask for data and never read: ${await settled(shunt.pid)} MiB`,
    );
    conns.forEach((conn) => conn.close());
  });
}

/** The first bytes of a TLS client: a record of 16 KiB that does not end. */
function hello(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  bytes.set([22, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xf0, 3, 3]);
  return bytes;
}

async function detecting(port: number): Promise<void> {
  await withShunt('{ match: { protocol: tls, sni: "*" }, upstream: up }, ', port, async (shunt) => {
    const conns = await connectMany(shunt.port);
    await each(conns, (conn) => writeAll(conn, hello(16_000)).catch(() => {}));
    print(`${conns.length} clients that hold 16 KB in detection: ${await settled(shunt.pid)} MiB`);
    conns.forEach((conn) => conn.close());
  });
}

function clientSockets(): Deno.DatagramConn[] {
  // Below the ephemeral ports, which shunt needs for the sockets of its flows.
  return Array.from({ length: Number(options.flows) }, (_, i) =>
    Deno.listenDatagram({
      transport: "udp",
      hostname: `127.0.0.${2 + Math.floor(i / 9000)}`,
      port: 10_000 + i % 9000,
    }));
}

async function flows(port: number): Promise<void> {
  await withShunt("", port, async (shunt) => {
    const sockets = clientSockets();
    const to = { transport: "udp", hostname: "127.0.0.1", port: shunt.port } as const;
    await each(sockets, async (socket) => {
      let answered = false;
      const answer = socket.receive(new Uint8Array(1500)).then(() => answered = true);
      while (!answered) {
        await socket.send(BLOCK.subarray(0, 1200), to);
        await Promise.race([answer, sleep(500)]);
      }
    });
    print(`${sockets.length} flows, answered: ${await settled(shunt.pid)} MiB`);
    sockets.forEach((socket) => socket.close());
  });
}

const STAGES = { sessions, stuck, detecting, flows };

if (options.target !== undefined) await target();
else {
  print(`io: ${options.io}`);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--unstable-net", import.meta.url, "--target", "yes"],
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  const port = Number(new TextDecoder().decode((await reader.read()).value));
  for (const [name, stage] of Object.entries(STAGES)) {
    if (options.only === undefined || options.only === name) await stage(port);
  }
  child.kill("SIGKILL");
  Deno.exit();
}
