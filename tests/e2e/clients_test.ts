import { assert, assertEquals } from "@std/assert";
import { serveDns } from "./_dns.ts";
import { edge } from "./_edge.ts";
import { askTls, Certificates, serveTls } from "./_openssl.ts";
import { withShunt } from "./_process.ts";
import { askQuic, serveQuic } from "./_quic.ts";
import { bytes, connect, readAll, serveTcp, text, writeAll } from "./_shunt.ts";
import { serveSocks } from "./_socks.ts";
import { SshServer } from "./_ssh.ts";
import { run } from "./_tools.ts";

/** An HTTP server that says its name. */
function serveWeb(name: string): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => new Response(name),
  );
}

Deno.test("clients: nine kinds of client at once, three times over, each reach their own server through one port", async () => {
  await using certificates = await Certificates.make("one.example", "two.example");
  await using tls = await serveTls(certificates, "two.example");
  await using quic = await serveQuic(certificates, "one.example");
  await using sshd = await SshServer.start();
  await using dns = serveDns("192.0.2.53");
  await using socks = serveSocks();
  await using one = serveWeb("first");
  await using two = serveWeb("second");
  await using mail = serveTcp((conn) => writeAll(conn, bytes("220 mail.example\r\n")));
  const targets = {
    "tls-two": tls.port,
    "quic-one": quic.port,
    bastion: sshd.port,
    names: dns.port,
    socks: socks.port,
    "web-one": one.addr.port,
    "web-two": two.addr.port,
    mail: mail.port,
  };
  await withShunt(edge(targets), async (shunt) => {
    const port = shunt.port();
    const curl = (...args: string[]) => run("curl", ["-sS", ...args]);
    const to = ["--connect-to", `::127.0.0.1:${port}`];
    const proxy = ["--socks5-hostname", `127.0.0.1:${port}`, "--noproxy", ""];
    const query = ["@127.0.0.1", "-p", String(port), "+tries=1", "+time=8", "+short"];
    const clients:
      readonly (readonly [expected: string, ask: () => Promise<string | undefined>])[] = [
        [
          "two.example",
          async () => (await askTls(port, certificates, { sni: "two.example" })).name,
        ],
        ["one.example", async () => {
          const request = { sni: "one.example", body: bytes("hello") };
          return (await askQuic(port, certificates, request)).name;
        }],
        ["the bastion\n", () => sshd.run(port, "echo the bastion")],
        ["192.0.2.53\n", () => run("dig", [...query, "a.example"])],
        ["192.0.2.53\n", () => run("dig", [...query, "+tcp", "b.example"])],
        ["first", () => curl(...to, "http://one.example/")],
        ["second", () => curl(...to, "--http2-prior-knowledge", "http://www.two.example/")],
        ["first", () => curl(...proxy, `http://localhost:${one.addr.port}/`)],
        ["220 mail.example\r\n", async () => {
          using client = await connect(port);
          return text(await readAll(client));
        }],
      ];
    for (let round = 0; round < 3; round++) {
      const answers = await Promise.all(clients.map(([, ask]) => ask()));
      assertEquals(answers, clients.map(([expected]) => expected));
    }
    await shunt.stop();
    for (const { transport, reason } of shunt.access) {
      // A flow ends by silence, which the drain may not have waited for.
      if (transport === "tcp") assertEquals(reason, "done");
      else assert(reason === "drained" || reason === "shutdown", `${reason}`);
    }
    const protocols = new Set(shunt.access.map(({ protocol }) => protocol));
    assertEquals(
      protocols,
      new Set(["tls", "quic", "ssh", "unknown", "http", "socks5", "silent"]),
    );
  }, { ends: true });
});
