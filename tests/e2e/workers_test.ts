import { assert, assertEquals } from "@std/assert";
import { bytes, connect, readExactly, startShunt, text, until, writeAll } from "./_shunt.ts";

const CONFIG = `
listeners:
  edge:
    bind: 127.0.0.1:0
    limits: { sessions: 20 }
    routes: [{ upstream: up }]
upstreams: { up: { targets: ["builtin:echo"], balance: least_sessions, limits: { sessions_per_target: 15 } } }
workers: 2
`;

/** Sends and gets back some bytes. */
async function converse(client: Deno.TcpConn): Promise<void> {
  await writeAll(client, bytes("hello"));
  assertEquals(text(await readExactly(client, 5)), "hello");
}

/** Collects the workers that are started while it lives. */
class WorkerWatch implements Disposable {
  readonly workers: Worker[] = [];
  deaths = 0;
  readonly #original = globalThis.Worker;

  constructor() {
    const { workers } = this;
    const onDeath = () => this.deaths++;
    globalThis.Worker = class extends this.#original {
      constructor(...args: ConstructorParameters<typeof Worker>) {
        super(...args);
        workers.push(this);
        this.addEventListener("error", onDeath);
      }
    };
  }

  [Symbol.dispose](): void {
    globalThis.Worker = this.#original;
  }
}

Deno.test("workers: share one port, and their counts add up", async () => {
  await using shunt = await startShunt(CONFIG);
  assertEquals(shunt.proxy.workers, 2);
  const clients: Deno.TcpConn[] = [];
  for (let i = 0; i < 12; i++) {
    const client = await connect(shunt.port());
    await converse(client);
    clients.push(client);
  }
  assertEquals(shunt.proxy.active().sessions, 12);
  assertEquals(shunt.proxy.upstreams()[0]?.targets[0]?.sessions.total, 12);
  for (const client of clients) client.close();
  await until(() => shunt.records.length === 12, "all sessions to end");
  assertEquals(shunt.counters().bytesUp, 60);
  assertEquals(shunt.proxy.active().sessions, 0);
  assertEquals(new Set(shunt.records.map(({ id }) => id)).size, 12);
});

Deno.test("workers: limits of listeners and targets hold over all workers together", async () => {
  await using shunt = await startShunt(CONFIG);
  const clients: Deno.TcpConn[] = [];
  for (let i = 0; i < 25; i++) clients.push(await connect(shunt.port()));
  await until(() => shunt.counters().sessionsTotal === 25, "all to be accepted");
  // The target has 15 places; a session that it refuses returns its place at the listener.
  await until(() => shunt.records.length === 10, "ten to be refused");
  assertEquals(shunt.proxy.active().sessions, 15);
  for (const client of clients) client.close();
  await until(() => shunt.proxy.active().sessions === 0, "all sessions to end");
});

Deno.test("workers: a worker that dies is replaced, and the other goes on", async () => {
  using watch = new WorkerWatch();
  await using shunt = await startShunt(CONFIG);
  const clients: Deno.TcpConn[] = [];
  for (let i = 0; i < 10; i++) {
    const client = await connect(shunt.port());
    await converse(client);
    clients.push(client);
  }
  watch.workers[1]!.postMessage({ type: "nonsense" });
  await until(() => watch.workers.length === 3, "a new worker");
  const alive = await Promise.all(
    clients.map((client) => converse(client).then(() => true, () => false)),
  );
  const died = alive.filter((lives) => !lives).length;
  assert(died < clients.length, "the sessions of the other worker go on");
  await until(
    () => shunt.counters().closes.worker_died === died,
    "the lost sessions to be counted",
  );
  assertEquals(shunt.proxy.active().sessions, clients.length - died);
  // Once the new one has bound the port, connections to either are served.
  for (let i = 0; i < 10; i++) {
    await until(async () => {
      using client = await connect(shunt.port());
      return await converse(client).then(() => true, () => false);
    }, "a connection to be served");
  }
  for (const client of clients) client.close();
  await until(() => shunt.proxy.active().sessions === 0, "all sessions to end");
});

for (const worker of [0, 1]) {
  for (const when of ["just before it", "meanwhile"]) {
    Deno.test(`workers: a reload goes through though worker ${worker} dies ${when}`, async () => {
      using watch = new WorkerWatch();
      await using shunt = await startShunt(CONFIG);
      watch.workers[worker]!.postMessage({ type: "nonsense" });
      if (when === "just before it") await until(() => watch.deaths === 1, "the death");
      const changes = await shunt.reload(CONFIG.replace("sessions: 20", "sessions: 1"));
      assertEquals(changes.length, 1);
      await until(() => watch.deaths === 1 && watch.workers.length === 3, "a new worker");
      // Whichever worker gets them, two at once are one too many now.
      await until(async () => {
        const clients = await Promise.all([connect(shunt.port()), connect(shunt.port())]);
        const served = await Promise.all(
          clients.map((client) => converse(client).then(() => true, () => false)),
        );
        clients.forEach((client) => client.close());
        return served[0] !== served[1];
      }, "one of two to be served");
      await until(() => shunt.proxy.active().sessions === 0, "all sessions to end");
    });
  }
}

Deno.test("workers: drain lets the sessions of all workers finish", async () => {
  const shunt = await startShunt(CONFIG);
  const clients: Deno.TcpConn[] = [];
  for (let i = 0; i < 8; i++) {
    const client = await connect(shunt.port());
    await converse(client);
    clients.push(client);
  }
  const drained = shunt.proxy.drain({ timeoutMs: 10_000 });
  for (const client of clients) {
    await converse(client);
    client.close();
  }
  assertEquals(await drained, 0);
});

Deno.test("workers: UDP clients of all workers get their answers, and flows add up", async () => {
  await using shunt = await startShunt(CONFIG);
  const to: Deno.NetAddr = { transport: "udp", hostname: "127.0.0.1", port: shunt.port() };
  const sockets = Array.from(
    { length: 40 },
    () => Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 }),
  );
  for (const [i, socket] of sockets.entries()) {
    await socket.send(bytes(`client ${i}`), to);
    const [answer] = await socket.receive();
    assertEquals(text(answer), `client ${i}`);
  }
  assertEquals(shunt.proxy.active().flows, 40);
  for (const socket of sockets) socket.close();
});

Deno.test("workers: the limits of a source hold over all workers together", async () => {
  await using shunt = await startShunt(
    CONFIG.replace("sessions: 20", "sessions: 20, per_source: 6"),
  );
  const clients: Deno.TcpConn[] = [];
  for (let i = 0; i < 16; i++) clients.push(await connect(shunt.port()));
  await until(() => shunt.counters().closes.limit_source === 10, "ten to be refused");
  assertEquals(shunt.proxy.active().sessions, 6);
  for (const client of clients) client.close();
  await until(() => shunt.proxy.active().sessions === 0, "all sessions to end");
  const next = await connect(shunt.port());
  await converse(next);
  next.close();
});
