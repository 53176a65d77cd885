/**
 * What sessions keep of hellos that say as much as they can.
 *
 * @module
 */

import { assertEquals, assertLess } from "@std/assert";
import { buildClientHello, recordize } from "../unit/_hello.ts";
import { connect, echo, readAll, serveTcp, startShunt, writeAll } from "./_shunt.ts";

const CONFIG = (port: number) => `
listeners:
  edge:
    bind: 127.0.0.1:0
    transports: tcp
    routes:
      - match: { alpn: acme-tls/1 }
        upstream: asked
      - match: { sni: a.example }
        upstream: named
upstreams:
  asked: { targets: ["127.0.0.1:${port}"] }
  named: { targets: ["127.0.0.1:${port}"] }
`;

Deno.test("hello facts: of thousands of protocol names a session keeps eight and those that routes ask for", async () => {
  await using server = serveTcp(echo);
  await using shunt = await startShunt(CONFIG(server.port));
  for (const [count, size] of [[235, 255], [15_000, 3], [30_000, 1]]) {
    for (const asked of [[], ["acme-tls/1"]]) {
      const names = new Array<string>(count!).fill("x".repeat(size!));
      const alpn = [...names.slice(asked.length * 11), ...asked];
      const hello = recordize(buildClientHello({ sni: "a.example", alpn }));
      const client = await connect(shunt.port());
      const [, echoed] = await Promise.all([
        writeAll(client, hello).then(() => client.closeWrite()),
        readAll(client),
      ]);
      client.close();
      assertEquals(echoed, hello);
      const { upstream, detected } = await shunt.ended();
      assertEquals([upstream, detected?.end], [asked.length > 0 ? "asked" : "named", undefined]);
      const kept = detected?.facts.alpn ?? [];
      assertEquals([kept.length, kept.slice(8)], [8 + asked.length, asked]);
      assertLess(Math.max(...kept.map(({ length }) => length)), 34);
    }
  }
});

const BY_VERSION = (port: number) => `
listeners:
  edge:
    bind: 127.0.0.1:0
    transports: tcp
    routes:
      - match: { tls_version: "1.3" }
        upstream: new
      - match: { protocol: tls, tls_version: ["1.0", "1.1"] }
        upstream: old
      - upstream: rest
upstreams:
  new: { targets: ["127.0.0.1:${port}"] }
  old: { targets: ["127.0.0.1:${port}"] }
  rest: { targets: ["127.0.0.1:${port}"] }
`;

Deno.test("hello facts: routes take the TLS versions that they ask for", async () => {
  await using server = serveTcp(echo);
  await using shunt = await startShunt(BY_VERSION(server.port));
  const cases = [[0x0304, "new"], [0x0303, "rest"], [0x0302, "old"], [0x0301, "old"]] as const;
  for (const [version, upstream] of cases) {
    const data = Uint8Array.of(2, version >> 8, version & 255);
    const hello = recordize(buildClientHello({ after: [[43, data]] }));
    const client = await connect(shunt.port());
    const [, echoed] = await Promise.all([
      writeAll(client, hello).then(() => client.closeWrite()),
      readAll(client),
    ]);
    client.close();
    assertEquals(echoed, hello);
    assertEquals((await shunt.ended()).upstream, upstream);
  }
});

Deno.test("hello facts: a hello that contradicts itself has no TLS version to be routed by", async () => {
  await using server = serveTcp(echo);
  for (const policy of ["close", "fallthrough"]) {
    const listener = `transports: tcp\n    detect: { on_unreadable: ${policy} }`;
    await using shunt = await startShunt(
      BY_VERSION(server.port).replace("transports: tcp", policy === "close" ? "$&" : listener),
    );
    const version = [43, Uint8Array.of(2, 3, 4)] as const;
    for (const other of [[43, Uint8Array.of(2, 3, 1)] as const, [0, new Uint8Array(0)] as const]) {
      const hello = recordize(buildClientHello({ sni: "a.example", after: [version, other] }));
      using client = await connect(shunt.port());
      await writeAll(client, hello);
      await client.closeWrite();
      await readAll(client).catch(() => {});
      const { upstream, reason } = await shunt.ended();
      const expected = policy === "close" ? [undefined, "unreadable"] : ["rest", "done"];
      assertEquals([upstream, reason], expected);
    }
  }
});
