import { assert, assertEquals } from "@std/assert";
import { withShunt } from "./_process.ts";
import { bytes, connect, readExactly, TEST_IO, text, until, writeAll } from "./_shunt.ts";
import { UdpPeer } from "./_udp.ts";

/** Numbers that are free now, for two processes to share. */
function freePorts(count: number): number[] {
  const listeners = Array.from(
    { length: count },
    () => Deno.listen({ hostname: "127.0.0.1", port: 0 }),
  );
  const ports = listeners.map(({ addr }) => addr.port);
  for (const listener of listeners) listener.close();
  return ports;
}

function config(port: number, admin: number, workers: number): string {
  return `
listeners: { edge: { bind: "127.0.0.1:${port}", routes: [{ upstream: up }] } }
upstreams: { up: { targets: ["builtin:echo"] } }
workers: ${workers}
drain_timeout: 20s
admin: { bind: "127.0.0.1:${admin}" }`;
}

async function converse(client: Deno.TcpConn, word: string): Promise<void> {
  await writeAll(client, bytes(word));
  assertEquals(text(await readExactly(client, word.length)), word);
}

async function pidAt(admin: number): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${admin}/api/status`);
  return (await response.json()).pid;
}

for (const [before, after] of [[1, 1], [2, 2], [1, 2]] as const) {
  Deno.test(`upgrade: ${after} worker(s) take over from ${before}, nothing is refused, what runs lives on`, async () => {
    const [port, admin] = freePorts(2) as [number, number];
    const failures: string[] = [];
    let served = 0;
    let done = false;
    const load = async () => {
      while (!done) {
        try {
          using client = await connect(port);
          await converse(client, "hello");
          served++;
        } catch (error) {
          failures.push(String(error));
        }
      }
    };
    await withShunt(config(port, admin, before), async (old) => {
      using kept = await connect(port);
      await converse(kept, "before");
      await using flow = new UdpPeer();
      const say = async (word: string) => {
        await flow.send(bytes(word), port);
        assertEquals(text(await flow.next()), word);
      };
      await say("before");
      const clients = Array.from({ length: 8 }, load);
      try {
        await until(() => served > 50, "some load");
        await withShunt(config(port, admin, after), async (next) => {
          const soFar = served;
          assertEquals(await pidAt(admin), next.pid);
          await until(() => old.log.some(({ message }) => message === "Draining"), "the drain");
          await until(() => served > soFar + 100, "load at the new process");
          await converse(kept, "during");
          if (TEST_IO === "libc") await say("during");
          // A new client's datagrams come to the new process.
          await using other = new UdpPeer();
          await other.send(bytes("new"), port);
          assertEquals(text(await other.next()), "new");
          kept.close();
          assertEquals(await old.exited(), 0);
          await until(
            () => next.log.some(({ message }) => String(message).includes("has ended")),
            "the new process to be alone",
          );
          const alone = served;
          await until(() => served > alone + 50, "load when it is alone");
          done = true;
          await Promise.all(clients);
          assert(next.access.length > 50);
        }, { args: ["--upgrade"] });
      } finally {
        done = true;
      }
      // Deno's sockets cannot be steered: a connection in the instant of closing may be reset.
      if (TEST_IO === "libc") assertEquals(failures, []);
      else assert(failures.length <= 8, failures.join("\n"));
    }, { ends: true });
  });
}

Deno.test("upgrade: without a shunt that runs it is a start like any other", async () => {
  const [port, admin] = freePorts(2) as [number, number];
  await withShunt(config(port, admin, 1), async () => {
    using client = await connect(port);
    await converse(client, "hello");
  }, { args: ["--upgrade"] });
});
