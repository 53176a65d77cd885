import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import * as abi from "../../src/io/libc/abi.ts";
import { encodeInet } from "../../src/io/libc/sockaddr.ts";
import { localEndpoint } from "../../src/io/libc/socket.ts";
import { missingForLibc, openLibc } from "../../src/io/libc/symbols.ts";
import { bytes, connect, readExactly, text, until, writeAll } from "./_shunt.ts";
import { UdpPeer } from "./_udp.ts";

// A library that stays open is not the test's leak.
if (missingForLibc() === undefined) openLibc();

const MAIN = `${import.meta.dirname}/../../main.ts`;

/** A bound socket that a child inherits, as a service manager makes it; `undefined` if the port is taken. */
function bound(type: number, port: number): number | undefined {
  const { libc } = openLibc();
  const fd = libc.socket(abi.AF_INET, type, 0);
  const name = encodeInet("127.0.0.1", port);
  if (libc.bind(fd, name, name.length) !== 0) {
    libc.close(fd);
    return undefined;
  }
  if (type === abi.SOCK_STREAM) assertEquals(libc.listen(fd, 64), 0);
  return fd;
}

/** Sockets of TCP and UDP at one port. */
function boundBoth(): { readonly tcp: number; readonly udp: number; readonly port: number } {
  for (let left = 100; left > 0; left--) {
    const tcp = bound(abi.SOCK_STREAM, 0)!;
    const { port } = localEndpoint(tcp);
    const udp = bound(abi.SOCK_DGRAM, port);
    if (udp !== undefined) return { tcp, udp, port };
    openLibc().libc.close(tcp);
  }
  throw new Error("Others have the UDP port of each TCP port that is free");
}

async function converse(port: number): Promise<void> {
  using client = await connect(port);
  await writeAll(client, bytes("hello"));
  assertEquals(text(await readExactly(client, 5)), "hello");
}

Deno.test({
  name:
    "activation: shunt serves sockets that it was started with, and leaves them open for their owner",
  ignore: missingForLibc() !== undefined,
  async fn() {
    const { libc } = openLibc();
    const { tcp, udp, port } = boundBoth();
    const unused = bound(abi.SOCK_STREAM, 0)!;
    const folder = await Deno.makeTempDir({ prefix: "shunt-" });
    const config = `${folder}/config.yaml`;
    await Deno.writeTextFile(
      config,
      `
listeners: { edge: { bind: "127.0.0.1:${port}", routes: [{ upstream: up }] } }
upstreams: { up: { targets: ["builtin:echo"] } }
workers: 2
io: libc
admin: null
drain_timeout: 0s
`,
    );
    // The descriptors have to be 3 and up, and the process the one that LISTEN_PID names.
    const script = `exec 13<&${tcp} 14<&${udp} 15<&${unused} 3<&13 4<&14 5<&15
export LISTEN_PID=$$ LISTEN_FDS=3
exec "$0" run --no-prompt -A "${MAIN}" run -c "${config}"`;
    const child = new Deno.Command("bash", {
      args: ["-c", script, Deno.execPath()],
      stdout: "null",
      stderr: "piped",
      env: { NO_COLOR: "1" },
    }).spawn();
    const log = new Response(child.stderr).text();
    // Whoever comes before shunt is ready waits in the socket's queue.
    for (let i = 0; i < 8; i++) await converse(port);
    await using peer = new UdpPeer();
    for (const word of ["one", "two", "three"]) {
      await peer.send(bytes(word), port);
      assertEquals(text(await peer.next()), word);
    }
    child.kill("SIGTERM");
    assertEquals((await child.status).code, 0);
    assertStringIncludes(await log, "No listener uses this socket from the service manager");
    // The next shunt will accept this connection.
    (await connect(port)).close();
    for (const fd of [tcp, udp, unused]) libc.close(fd);
    await until(async () => await connect(port).then(() => false, () => true), "the socket's end");
    await Deno.remove(folder, { recursive: true });
    assert(port > 0);
  },
});
