import { assert, assertEquals } from "@std/assert";
import { each, Opened } from "./_flood.ts";
import { type ShuntProcess, withShunt } from "./_process.ts";
import { bytes, connect, readExactly, writeAll } from "./_shunt.ts";

/** As many as a heap of 32 MiB cannot hold: a session takes 3 KiB of it. */
const SESSIONS = 8000;
const FLOWS = 12_000;
const HELLO = bytes("SSH-2.0-hello\r\n");
const REFUSED =
  "Sessions or flows are refused: memory is nearly full; raise limits.memory, or the heap " +
  "(--v8-flags=--max-old-space-size=), or lower limits.sessions and limits.flows";

/** Every client comes from 127.0.0.1. */
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
upstreams: { up: { targets: ["builtin:echo"], idle_timeout: 10s } }
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
  await shunt.ended({ reason: "no_memory" });
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
  // A TLS record that is never complete: detection holds it.
  const half = new Uint8Array(16_000);
  half.set([22, 3, 1, 0x40, 0x80, 1, 0, 0x3e, 0x7c, 3, 3]);
  const limits = "limits: { memory: 192MiB, detect_memory: 1GiB }";
  await withShunt(config("tcp", limits), (shunt) => assertSurvives(shunt, half));
});

Deno.test("memory: flows that fill the heap are refused, and the process lives", async () => {
  await withShunt(config("udp"), async (shunt) => {
    using opened = new Opened();
    const to = { transport: "udp", hostname: "127.0.0.1", port: shunt.port() } as const;
    const socket = () =>
      opened.add(Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 }));
    const early = socket();
    const asks = async () => {
      await early.send(HELLO, to);
      assertEquals((await early.receive())[0], HELLO);
    };
    await asks();
    await each(FLOWS, async () => await socket().send(HELLO, to), 100);
    await shunt.says(REFUSED);
    await asks();
  }, { env: { DENO_V8_FLAGS: "--max-old-space-size=20" } });
});

Deno.test("memory: a limit that shunt itself fills is told at the start", async () => {
  await withShunt(config("tcp", "limits: { memory: 64MiB }"), async (shunt) => {
    await shunt.says(
      "limits.memory is hardly more than what shunt takes with no session; raise it",
    );
  });
});
