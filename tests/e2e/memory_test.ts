import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { each, Opened, rss } from "./_flood.ts";
import { HELLO_NAME, ORDINARY_HELLO, WORST_HELLOS } from "./_hellos.ts";
import { type ShuntProcess, withShunt } from "./_process.ts";
import {
  bytes,
  connect,
  readAll,
  readExactly,
  serveTcp,
  startShunt,
  until,
  writeAll,
} from "./_shunt.ts";
import { UdpPeer } from "./_udp.ts";

/** More than a heap of 32 MiB can hold: a session takes 3 KiB of it. */
const SESSIONS = 8000;
const FLOWS = 12_000;
const HELLO = bytes("SSH-2.0-hello\r\n");
const REFUSED =
  "Sessions or flows are refused: memory is nearly full; raise limits.memory, or the heap " +
  "(--v8-flags=--max-old-space-size=), or lower limits.sessions and limits.flows";

/** One source may have all there is. */
function config(transport: "tcp" | "udp", more = ""): string {
  return `
listeners:
  edge:
    bind: 127.0.0.1:0
    transports: ${transport}
    detect: { timeout: 50s }
    limits: { sessions: 20000, flows: 50000, per_source: 0 }
    routes: [{ match: { protocol: ${
    transport === "tcp" ? "[ssh, tls]" : "quic"
  } }, upstream: up }, { upstream: up }]
upstreams: { up: { targets: ["builtin:echo"], idle_timeout: 60s } }
drain_timeout: 0s
${more}`;
}

/** Begins a session, which is answered unless it is refused. */
async function open(shunt: ShuntProcess, first: Uint8Array): Promise<Deno.TcpConn> {
  const client = await connect(shunt.port());
  // One that was refused is closed by now.
  await writeAll(client, first).catch(() => {});
  return client;
}

async function assertServed(client: Deno.TcpConn): Promise<void> {
  await writeAll(client, HELLO);
  assertEquals(await readExactly(client, HELLO.length), HELLO);
}

/** A session that is refused while memory is short is tried again. */
async function assertTakenAgain(shunt: ShuntProcess): Promise<void> {
  for (let i = 0;; i++) {
    const client = await connect(shunt.port());
    try {
      return await assertServed(client);
    } catch (error) {
      if (i === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    } finally {
      client.close();
    }
  }
}

/** Fills shunt with sessions, and sees that it lives on. */
async function assertSurvives(shunt: ShuntProcess, first: Uint8Array): Promise<void> {
  using opened = new Opened();
  const early = opened.add(await connect(shunt.port()));
  await assertServed(early);
  await each(SESSIONS, async () => opened.add(await open(shunt, first)), 100);
  // On a busy machine all may be accepted before their bytes are there: then the next ones are refused.
  await until(async () => {
    opened.add(await open(shunt, first));
    return shunt.access.some(({ reason }) => reason === "no_memory");
  }, "a session to be refused");
  await shunt.says(REFUSED);
  await assertServed(early);
  opened.close();
  await assertTakenAgain(shunt);
  const refused = shunt.access.filter(({ reason }) => reason === "no_memory").length;
  // It is not refused what there is room for.
  assert(refused < SESSIONS * 0.9, `${refused} of ${SESSIONS} refused`);
}

Deno.test("memory: sessions that fill the heap are refused, and the process lives", async () => {
  await withShunt(config("tcp"), (shunt) => assertSurvives(shunt, HELLO), {
    env: { DENO_V8_FLAGS: "--max-old-space-size=32" },
  });
});

Deno.test("memory: sessions that fill limits.memory are refused, and the process lives", async () => {
  const half = halfHello(15_000);
  const limits = "limits: { memory: 192MiB, detect_memory: 1GiB }";
  await withShunt(config("tcp", limits), (shunt) => assertSurvives(shunt, half));
});

Deno.test("memory: flows that fill the heap are refused, and the process lives", async () => {
  // shunt itself has some 16 MiB of it.
  await withShunt(config("udp"), async (shunt) => {
    using opened = new Opened();
    const to = { transport: "udp", hostname: "127.0.0.1", port: shunt.port() } as const;
    let sources = 0;
    // Each has an address of its own: one address has 28,000 ports, which others need too.
    const socket = () => {
      const hostname = `127.${1 + (sources >> 8)}.${sources++ & 255}.9`;
      return opened.add(Deno.listenDatagram({ transport: "udp", hostname, port: 0 }));
    };
    await using early = new UdpPeer();
    // The kernel's queue may overflow, as it may for anyone.
    const asks = () =>
      until(async () => {
        await early.send(HELLO, to.port);
        return early.heard.length > 0;
      }, "an answer");
    await asks();
    await each(FLOWS, async () => await socket().send(HELLO, to), 100);
    // Some of them were lost on a busy machine.
    await until(async () => {
      await socket().send(HELLO, to);
      return shunt.log.some(({ message }) => message === REFUSED);
    }, "flows to be refused");
    early.heard.splice(0);
    await asks();
    assertEquals(shunt.access, [], "no flow has ended: the first one is answered");
  }, { env: { DENO_V8_FLAGS: "--max-old-space-size=28" } });
});

Deno.test("memory: a limit that shunt itself fills is reported at the start", async () => {
  await withShunt(config("tcp", "limits: { memory: 64MiB }"), async (shunt) => {
    await shunt.says(
      "limits.memory is hardly more than what shunt takes with no session; raise it",
    );
  });
});

/** The first bytes of a TLS record that is never complete: detection holds them. */
function halfHello(length: number): Uint8Array<ArrayBuffer> {
  const half = new Uint8Array(length);
  const record = length + 1000;
  half.set([22, 3, 1, record >> 8, record & 255, 1, 0, record - 4 >> 8, (record - 4) & 255, 3, 3]);
  return half;
}

const SMALL_MEMORY = `
listeners:
  edge:
    bind: 127.0.0.1:0
    detect: { timeout: 50s }
    limits: { per_source: 0 }
    routes:
      - match: { protocol: [tls, quic], sni: one.example }
        upstream: up
      - match: { protocol: [ssh, wireguard] }
        upstream: up
upstreams: { up: { targets: ["builtin:echo"] } }
limits: { detect_memory: 1MiB }
drain_timeout: 0s
`;
const MEMORY = 1_048_576;

/** Fills detect_memory with halves of hellos of a length; the last is as long as there is room. */
async function fillDetectMemory(
  shunt: Awaited<ReturnType<typeof startShunt>>,
  opened: Opened,
  length: number,
): Promise<void> {
  const held = () => shunt.proxy.active().detectMemory;
  for (let left = MEMORY; left > 500; left = MEMORY - held()) {
    const before = held();
    const client = opened.add(await connect(shunt.port()));
    await writeAll(client, halfHello(left < length + 500 ? left - 200 : length));
    await until(() => held() > before, "the bytes to be held");
  }
}

for (const [what, length] of [["a lot", 15_000], ["a little", 2500]] as const) {
  Deno.test(`memory: sessions that hold ${what} end if detect_memory is full, and new clients are served`, async () => {
    await using shunt = await startShunt(SMALL_MEMORY);
    using opened = new Opened();
    const held = () => shunt.proxy.active().detectMemory;
    await fillDetectMemory(shunt, opened, length);
    // Gives them different ages, so that holders can be told from newcomers.
    await new Promise((resolve) => setTimeout(resolve, 300));
    const before = shunt.proxy.active().sessions;
    const banner = new Uint8Array(2000).fill(32);
    banner.set(HELLO);
    for (let i = 0; i < 20; i++) {
      const client = opened.add(await connect(shunt.port()));
      await writeAll(client, banner);
      assertEquals(await readExactly(client, banner.length), banner);
    }
    assertGreater(shunt.counters().closes.detect_memory, 0);
    assertGreater(shunt.proxy.active().sessions, before * 0.9);
    opened.close();
    await until(() => shunt.proxy.active().sessions === 0, "all sessions to end");
    assertEquals(held(), 0);
  });
}

Deno.test("memory: if sessions fill detect_memory, new flows are served", async () => {
  await using shunt = await startShunt(SMALL_MEMORY);
  using opened = new Opened();
  await fillDetectMemory(shunt, opened, 15_000);
  await new Promise((resolve) => setTimeout(resolve, 300));
  const socket = opened.add(
    Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 }),
  );
  const handshake = new Uint8Array(148);
  handshake[0] = 1;
  await socket.send(handshake, { transport: "udp", hostname: "127.0.0.1", port: shunt.port() });
  const timer = setTimeout(() => opened.close(), 5000);
  assertEquals((await socket.receive())[0], handshake);
  clearTimeout(timer);
});

Deno.test("memory: one source never has all sessions of a listener, unless the configuration says so", async () => {
  const yaml = (more: string) => `
listeners:
  edge:
    bind: 127.0.0.1:0
    transports: tcp
    detect: { timeout: 50s }
    limits: { sessions: 600${more} }
    routes: [{ upstream: up }]
upstreams: { up: { targets: ["builtin:echo"] } }
drain_timeout: 0s
`;
  await using shunt = await startShunt(yaml(""));
  const fill = async (opened: Opened) => {
    await each(700, async () => opened.add(await connect(shunt.port())));
    await until(() => shunt.counters().sessionsTotal % 700 === 0, "all to be judged");
  };
  {
    using opened = new Opened();
    await fill(opened);
    assertEquals(shunt.proxy.active().sessions, 120, "a fifth of 600");
    assertEquals(shunt.counters().closes.limit_source, 580);
  }
  await until(() => shunt.proxy.active().sessions === 0, "all sessions to end");
  await shunt.reload(yaml(", per_source: 0"));
  using opened = new Opened();
  await fill(opened);
  assertEquals(shunt.proxy.active().sessions, 600);
});

/** Sessions that are held at once. */
const HELD = 3000;

/** Resident memory once it has stood still for a second. */
async function settled(pid: number): Promise<number> {
  let last = 0;
  for (let same = 0; same < 5;) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    const now = await rss(pid);
    same = Math.abs(now - last) < 1 ? same + 1 : 0;
    last = now;
  }
  return last;
}

/** MiB that shunt has while it holds sessions that began with a hello. */
async function memoryWith(hello: Uint8Array<ArrayBuffer>): Promise<number> {
  // Answers once the hello is there.
  await using target = serveTcp(async (conn) => {
    await readExactly(conn, hello.length);
    await conn.write(new Uint8Array(1));
    await readAll(conn);
  });
  const yaml = `
listeners:
  edge:
    bind: 127.0.0.1:0
    transports: tcp
    detect: { timeout: 50s }
    limits: { per_source: 0 }
    routes: [{ match: { sni: ["${HELLO_NAME}", "*.${HELLO_NAME}"] }, upstream: up }]
upstreams: { up: { targets: ["127.0.0.1:${target.port}"] } }
drain_timeout: 0s
`;
  let resident = NaN;
  await withShunt(yaml, async (shunt) => {
    using opened = new Opened();
    await each(HELD, async () => {
      const client = opened.add(await connect(shunt.port()));
      await writeAll(client, hello);
      await readExactly(client, 1);
    }, 8);
    resident = await settled(shunt.pid);
    assertEquals(shunt.access, [], "all are held");
  }, { env: { DENO_V8_FLAGS: "--max-semi-space-size=1" } });
  return resident;
}

Deno.test("memory: sessions of the worst hellos take hardly more than those of ordinary ones", async () => {
  const ordinary = await memoryWith(ORDINARY_HELLO);
  for (const [what, hello] of Object.entries(WORST_HELLOS)) {
    let [worst, beside] = [await memoryWith(hello), ordinary];
    // When garbage is collected is another matter each time.
    for (let tries = 0; tries < 2 && worst / beside >= 1.1; tries++) {
      [worst, beside] = [await memoryWith(hello), await memoryWith(ORDINARY_HELLO)];
    }
    assertLess(worst / beside, 1.1, `${what}: ${worst} MiB, ordinary ones ${beside} MiB`);
  }
});
