import { assertEquals } from "@std/assert";
import { withShunt } from "./_process.ts";
import { bytes, connect, readExactly, TEST_IO, text, until, writeAll } from "./_shunt.ts";

Deno.test("upgrade: if the new process dies, another can be started while the old one still drains", async () => {
  const [port, admin] = [0, 1].map((i) => 10_000 + 2 * Math.floor(Math.random() * 10_000) + i);
  const config = `
listeners: { edge: { bind: "127.0.0.1:${port}", routes: [{ upstream: up }] } }
upstreams: { up: { targets: ["builtin:echo"] } }
drain_timeout: 20s
admin: { bind: "127.0.0.1:${admin}" }`;
  const converse = async (client: Deno.TcpConn) => {
    await writeAll(client, bytes("hello"));
    assertEquals(text(await readExactly(client, 5)), "hello");
  };
  await withShunt(config, async (old) => {
    using kept = await connect(port!);
    await converse(kept);
    await withShunt(config, async (next) => {
      await until(() => old.log.some(({ message }) => message === "Draining"), "the drain");
      next.kill("SIGKILL");
      await next.exited();
    }, { args: ["--upgrade"], ends: true });
    // For a second it still accepts clients that had begun to connect.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await withShunt(config, async () => {
      using client = await connect(port!);
      await converse(client);
      await converse(kept);
    }, { args: ["--upgrade"] });
    kept.close();
    assertEquals(await old.exited(), 0);
  }, { ends: true, mayLogErrors: TEST_IO !== "libc" });
});
