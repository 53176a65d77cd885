import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { shunt as command, type ShuntProcess, spawnShunt, withShunt } from "./_process.ts";
import { bytes, connect, readExactly, TEST_IO, text, until, writeAll } from "./_shunt.ts";
import { UdpPeer } from "./_udp.ts";

/**
 * Returns free port numbers for two processes to share, outside the range that the kernel assigns, since it
 * could assign them before their use.
 */
function freePorts(count: number): number[] {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      ports.add(port);
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
  return [...ports];
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

/** Clients that converse all the time, each by one connection after the other. */
const CLIENTS = 8;

for (const [before, after] of [[1, 1], [2, 2], [1, 2]] as const) {
  Deno.test(`upgrade: ${after} worker(s) take over from ${before}, nothing is refused, running sessions live on`, async () => {
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
      const clients = Array.from({ length: CLIENTS }, load);
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
      // Deno's sockets cannot be steered: each that closes may reset what clients have under way then.
      if (TEST_IO === "libc") assertEquals(failures, []);
      else assert(failures.length <= CLIENTS * before, failures.join("\n"));
    }, { ends: true });
  });
}

Deno.test("upgrade: without a running shunt it is a start like any other", async () => {
  const [port, admin] = freePorts(2) as [number, number];
  await withShunt(config(port, admin, 1), async () => {
    using client = await connect(port);
    await converse(client, "hello");
  }, { args: ["--upgrade"] });
});

/** Starts another shunt with the same configuration, which is to fail. */
async function failToUpgrade(old: ShuntProcess, ...args: readonly string[]): Promise<string> {
  const file = old.readyFile.replace("ready.json", "config.yaml");
  const io = ["--set", `io=${TEST_IO}`];
  const { code, err } = await command("run", "-c", file, "--upgrade", ...io, ...args);
  assertEquals(code, 1);
  return err;
}

Deno.test("upgrade: a new process that cannot write its ready file leaves the old one alone", async () => {
  const [port, admin] = freePorts(2) as [number, number];
  await withShunt(config(port, admin, 1), async (old) => {
    const said = await failToUpgrade(old, "--ready-file", `${old.readyFile}.none/ready.json`);
    assertStringIncludes(said, "Cannot write ready file");
    await failToUpgrade(old, "--ready-file", old.readyFile, "--set", "admin.token_file=/none");
    assertEquals(JSON.parse(await Deno.readTextFile(old.readyFile)).pid, old.pid);
    assertEquals(await pidAt(admin), old.pid);
    using client = await connect(port);
    await converse(client, "hello");
  });
});

Deno.test("upgrade: a new process that may not take over leaves the old one's clients alone, whatever it lacks", async () => {
  const [port, admin, other] = freePorts(3) as [number, number, number];
  await using taken = Deno.listen({ hostname: "127.0.0.1", port: other, reusePort: true });
  const token = await Deno.makeTempFile();
  await Deno.writeTextFile(token, "0123456789abcdef0123456789abcdef");
  await withShunt(config(port, admin, 1), async (old) => {
    let over = false;
    let served = 0;
    const load = (async () => {
      while (!over) {
        using client = await connect(port);
        await converse(client, `number ${served++}`);
      }
    })();
    const elsewhere = `listeners.edge.bind=["127.0.0.1:${port}", "127.0.0.1:${other}"]`;
    const attempts = [
      [["--set", "admin.token_file=/none/token"], "token_file"],
      [[], "token"],
      [["--set", `admin.token_file=${token}`, "--set", elsewhere], "in use"],
    ] as const;
    for (const [args, why] of attempts) {
      assertStringIncludes(await failToUpgrade(old, ...args), why);
      const seen = served;
      await until(() => served > seen + 5, "clients to be served");
    }
    over = true;
    await load;
  }, { args: ["--set", `admin.token_file=${token}`] });
  await Deno.remove(token);
  taken.close();
});

/** Whether shunt hears signals: SIGUSR2, number 12, is its last; Deno itself has taken others before. */
async function hearsSignals(pid: number): Promise<boolean> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  const caught = BigInt(`0x${/^SigCgt:\s*(\w+)/m.exec(status)?.[1] ?? "0"}`);
  return (caught >> 11n & 1n) === 1n;
}

Deno.test("upgrade: a new process that is ended before it has taken over takes nothing over", async () => {
  const [port, admin] = freePorts(2) as [number, number];
  await withShunt(config(port, admin, 1), async (old) => {
    const file = old.readyFile.replace("ready.json", "config.yaml");
    old.kill("SIGSTOP");
    const next = spawnShunt(["run", "-c", file, "--upgrade", "--set", `io=${TEST_IO}`]);
    const output = next.output();
    await next.stdin.close();
    await until(() => hearsSignals(next.pid), "the other to hear signals");
    next.kill("SIGTERM");
    old.kill("SIGCONT");
    assertEquals((await output).code, 0);
    assertEquals(await pidAt(admin), old.pid);
    using client = await connect(port);
    await converse(client, "hello");
  });
});

Deno.test("upgrade: a third one is refused while the first drains; the ready file is the second's", async () => {
  const [port, admin] = freePorts(2) as [number, number];
  await withShunt(config(port, admin, 1), async (old) => {
    using kept = await connect(port);
    await converse(kept, "before");
    await withShunt(config(port, admin, 1), async (next) => {
      await Deno.copyFile(next.readyFile, old.readyFile);
      const said = await failToUpgrade(next);
      assertStringIncludes(said, `Process ${old.pid}, from which this one took over, still drains`);
      assertEquals(await pidAt(admin), next.pid);
      kept.close();
      assertEquals(await old.exited(), 0);
      assertEquals(JSON.parse(await Deno.readTextFile(old.readyFile)).pid, next.pid);
      using client = await connect(port);
      await converse(client, "hello");
    }, { args: ["--upgrade"] });
  }, { ends: true });
});

Deno.test("upgrade: an old process that drains already frees its admin address; --set works for it too", async () => {
  const [port, admin, elsewhere] = freePorts(3) as [number, number, number];
  const there = ["--set", `admin.bind=127.0.0.1:${admin}`];
  await withShunt(config(port, elsewhere, 1), async (old) => {
    using kept = await connect(port);
    await converse(kept, "before");
    old.kill("SIGTERM");
    await old.says("Draining");
    await withShunt(config(port, elsewhere, 1), async (next) => {
      for (let i = 0; i < 20; i++) assertEquals(await pidAt(admin), next.pid);
      await converse(kept, "during");
      kept.close();
      assertEquals(await old.exited(), 0);
    }, { args: ["--upgrade", ...there] });
  }, { ends: true, args: there });
});
