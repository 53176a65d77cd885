import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { each, echoed, isReset } from "./_flood.ts";
import {
  bytes,
  connect,
  echo,
  readExactly,
  serveTcp,
  startShunt,
  type TcpServer,
  type TestShunt,
  text,
  until,
  writeAll,
} from "./_shunt.ts";
import { UdpPeer } from "./_udp.ts";

/** A target that says its letter and then echoes; it can be killed and started again on its port. */
class Killable implements AsyncDisposable {
  readonly port: number;
  readonly #letter: string;
  readonly #conns = new Set<Deno.TcpConn>();
  #server: TcpServer | undefined;

  constructor(letter: string) {
    this.#letter = letter;
    this.#server = this.#serve(0);
    this.port = this.#server.port;
  }

  get name(): string {
    return `127.0.0.1:${this.port}`;
  }

  #serve(port: number): TcpServer {
    return serveTcp(async (conn) => {
      this.#conns.add(conn);
      await writeAll(conn, bytes(this.#letter));
      await echo(conn);
      this.#conns.delete(conn);
    }, { port });
  }

  /** Ends all it has, and listens no more. */
  async kill(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    await server?.[Symbol.asyncDispose]();
  }

  start(): void {
    this.#server = this.#serve(this.port);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

function config(targets: readonly string[], health: string, { balance = "round_robin" } = {}) {
  return `
listeners: { edge: { bind: 127.0.0.1:0, transports: tcp, routes: [{ upstream: up }] } }
upstreams:
  up:
    targets: [${
    targets.map((target) => target.startsWith("{") ? target : `"${target}"`).join(", ")
  }]
    balance: ${balance}
    health: { ${health} }
`;
}

/** Returns the letter of the target that serves a new session; `undefined` if none does. */
async function served(shunt: TestShunt): Promise<string | undefined> {
  let conn: Deno.TcpConn | undefined;
  try {
    conn = await connect(shunt.port());
    await writeAll(conn, bytes("?"));
    return text(await readExactly(conn, 2)).replace("?", "");
  } catch (error) {
    if (isReset(error) || String(error).includes("The stream ended")) return undefined;
    throw error;
  } finally {
    conn?.close();
  }
}

function stateOf(shunt: TestShunt, target: string): string | undefined {
  return shunt.proxy.health("up", target)?.health;
}

/** Clients that come and go all the time: when each came, and whether it was served. */
class Load {
  readonly seen: { readonly at: number; readonly by: string | undefined }[] = [];
  readonly #loops: Promise<void>[];
  #over = false;

  constructor(shunt: TestShunt, clients = 6) {
    this.#loops = Array.from({ length: clients }, async () => {
      while (!this.#over) {
        const at = performance.now();
        this.seen.push({ at, by: await served(shunt) });
      }
    });
  }

  async stop(): Promise<void> {
    this.#over = true;
    await Promise.all(this.#loops);
  }
}

for (
  const [how, health] of [
    ["ejected by its traffic", "eject_after: 3, eject_for: 400ms"],
    ["found down by checks", "interval: 100ms, timeout: 100ms, fall: 2, rise: 1, eject_after: 0"],
  ] as const
) {
  Deno.test(`health: a target killed under load costs no client that comes after, is ${how}, and comes back`, async () => {
    await using a = new Killable("a");
    await using b = new Killable("b");
    await using c = new Killable("c");
    await using shunt = await startShunt(config([a.name, b.name, c.name], health));
    const steady = await connect(shunt.port());
    assertEquals(text(await readExactly(steady, 1)), "a");
    const load = new Load(shunt);
    await until(() => load.seen.length > 100, "load");
    await b.kill();
    const killed = performance.now();
    await until(() => /down|ejected/.test(stateOf(shunt, b.name) ?? ""), "it to be found dead");
    const found = performance.now();
    await until(() => load.seen.filter(({ at }) => at > found).length > 100, "load without it");
    b.start();
    await until(() => load.seen.some(({ at, by }) => at > found && by === "b"), "it to be back");
    await load.stop();
    const late = load.seen.filter(({ at, by }) => at > killed && by === undefined);
    assertEquals(late, [], "clients that came after its death were not served");
    const before = load.seen.filter(({ at, by }) => at <= killed && by === undefined);
    assert(before.length <= 6, "only those who were with it may have lost it");
    await echoed(steady, "never touched");
    steady.close();
  });
}

Deno.test("health: backups serve while all others are down, and rest once one is back", async () => {
  await using a = new Killable("a");
  await using z = new Killable("z");
  await using shunt = await startShunt(config(
    [a.name, `{ address: "${z.name}", backup: true }`],
    "interval: 100ms, timeout: 100ms, fall: 2, rise: 2",
  ));
  assertEquals(await served(shunt), "a");
  await until(() => stateOf(shunt, a.name) === "up", "a first check");
  await a.kill();
  // Before the checks notice, by a retry; then at once.
  assertEquals(await served(shunt), "z");
  await until(() => stateOf(shunt, a.name) === "down", "it to be found down");
  shunt.records.length = 0;
  assertEquals(await served(shunt), "z");
  a.start();
  await until(() => stateOf(shunt, a.name) === "up", "it to be found up");
  for (let i = 0; i < 10; i++) assertEquals(await served(shunt), "a");
});

Deno.test("health: the share of a target that comes back grows over slow_start", async () => {
  await using a = new Killable("a");
  await using b = new Killable("b");
  await using shunt = await startShunt(config(
    [a.name, b.name],
    "interval: 100ms, timeout: 100ms, fall: 1, rise: 1, slow_start: 2s",
  ));
  const shareOf = async (clients: number) => {
    let count = 0;
    await each(clients, async () => {
      if (await served(shunt) === "b") count++;
    }, 4);
    return count / clients;
  };
  await until(() => stateOf(shunt, b.name) === "up", "a first check");
  await b.kill();
  await until(() => stateOf(shunt, b.name) === "down", "it to be found down");
  b.start();
  await until(() => stateOf(shunt, b.name) === "up", "it to be found up");
  const begun = performance.now();
  const first = await shareOf(40);
  // 40 sessions take a few dozen milliseconds: it has a tenth of its weight, and little more.
  const elapsed = performance.now() - begun;
  const part = 0.1 + 0.9 * elapsed / 2000;
  assertLess(first, part / (1 + part) + 0.1, `share in the first ${Math.round(elapsed)} ms`);
  const target = shunt.proxy.upstreams()[0]!.targets[1]!;
  await until(() => target.standing.share === 1000, "its whole share");
  const last = await shareOf(40);
  assertGreater(last, 0.4);
  assertLess(last, 0.6);
});

Deno.test("health: the last target is never ejected, and serves again once it lives", async () => {
  await using a = new Killable("a");
  await using b = new Killable("b");
  await using shunt = await startShunt(config([a.name, b.name], "eject_after: 2, eject_for: 1m"));
  await a.kill();
  await b.kill();
  for (let i = 0; i < 20; i++) assertEquals(await served(shunt), undefined);
  await until(
    () => [a, b].filter(({ name }) => stateOf(shunt, name) === "ejected").length === 1,
    "one to be ejected",
  );
  for (let i = 0; i < 20; i++) assertEquals(await served(shunt), undefined);
  const left = stateOf(shunt, a.name) === "ejected" ? b : a;
  assertEquals(stateOf(shunt, left.name), "unchecked");
  left.start();
  assert(await served(shunt) !== undefined);
  assertEquals(shunt.counters().closes.no_target, 0);
});

Deno.test("health: a target that an operator drains gets nothing new, keeps what it has, and is taken up again", async () => {
  await using a = new Killable("a");
  await using b = new Killable("b");
  await using shunt = await startShunt(
    config([a.name, b.name], "interval: 0s", { balance: "first" }),
  );
  const kept = await connect(shunt.port());
  assertEquals(text(await readExactly(kept, 1)), "a");
  assertEquals(shunt.proxy.setTarget("up", a.name, "drain"), true);
  for (let i = 0; i < 10; i++) assertEquals(await served(shunt), "b");
  await echoed(kept, "kept");
  assertEquals(shunt.proxy.setTarget("up", a.name, "ready"), true);
  assertEquals(await served(shunt), "a");
  kept.close();
});

Deno.test("health: a flow whose target is found down moves at its next datagram", async () => {
  // Checks use TCP, next to the UDP service on the same port.
  await using a = new Killable("a");
  await using b = new Killable("b");
  const sockets = [a, b].map(({ port }) =>
    Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port })
  );
  const loops = sockets.map(async (socket, i) => {
    for await (const [data, from] of socket) {
      await socket.send(bytes(`${"ab"[i]}${text(data)}`), from);
    }
  });
  await using shunt = await startShunt(`
listeners: { edge: { bind: 127.0.0.1:0, transports: udp, routes: [{ upstream: up }] } }
upstreams:
  up:
    targets: ["127.0.0.1:${a.port}", { address: "127.0.0.1:${b.port}", backup: true }]
    idle_timeout: 1m
    health: { interval: 100ms, timeout: 100ms, fall: 2 }
`);
  await using client = new UdpPeer();
  await until(() => stateOf(shunt, a.name) === "up", "a first check");
  await client.send(bytes("1"), shunt.port());
  assertEquals(text(await client.next()), "a1");
  await a.kill();
  await until(() => stateOf(shunt, a.name) === "down", "it to be found down");
  // Flows are reported at the next tick of their thread's clock.
  let last = "";
  for (let i = 2; !last.startsWith("b"); i++) {
    await client.send(bytes(String(i)), shunt.port());
    last = text(await client.next());
    assertEquals(last.slice(1), String(i));
    assertLess(i, 1000);
  }
  const { reason, target } = await shunt.ended();
  assertEquals([reason, target], ["target_gone", a.name]);
  await client.send(bytes("more"), shunt.port());
  assertEquals(text(await client.next()), "bmore");
  assertEquals(shunt.counters().flowsTotal, 2);
  for (const socket of sockets) socket.close();
  await Promise.all(loops);
});
