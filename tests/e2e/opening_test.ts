import { assert, assertEquals } from "@std/assert";
import { parseProxyHeader } from "../../src/wire/proxy_protocol.ts";
import { buildClientHello, bytesOf, concat, recordize } from "../unit/_hello.ts";
import {
  ask,
  begin,
  byName,
  GSS_REQUEST,
  helloFor,
  serveDatabase,
  SSL_REQUEST,
} from "./_opening.ts";
import {
  bytes,
  connect,
  readAll,
  readExactly,
  serveTcp,
  startShunt,
  type TestShunt,
  text,
  until,
  writeAll,
} from "./_shunt.ts";

const STARTUP = concat([0, 0, 0, 18, 0, 3, 0, 0], bytesOf("user\0app\0\0"));
const SHORT = "    detect: { timeout: 300ms }";

Deno.test("opening: databases behind one port are told apart by the name in a hello that comes after an answer", async () => {
  await using a = serveDatabase("a:");
  await using b = serveDatabase("b:");
  await using shunt = await startShunt(byName({ a: [a.port], b: [b.port] }));
  assertEquals(await ask(shunt, "a.db.test"), "a:");
  assertEquals(await ask(shunt, "b.db.test"), "b:");
  assertEquals([a.requests, b.requests], [[SSL_REQUEST], [SSL_REQUEST]]);
  const record = await shunt.ended();
  const hello = helloFor("a.db.test").length;
  assertEquals(
    [record.detected?.protocol, record.detected?.facts.sni, record.reason],
    ["postgres", "a.db.test", "done"],
  );
  // What shunt has said itself is no part of what the target has answered.
  assertEquals([record.up, record.down], [SSL_REQUEST.length + hello, hello + 2]);
});

Deno.test("opening: is not held where no route names the protocol and asks for what lies behind", async () => {
  await using database = serveDatabase("own:");
  await using shunt = await startShunt(`
listeners:
  edge:
    bind: 127.0.0.1:0
    routes:
      - match: { sni: "*.db.test" }
        upstream: wrong
      - match: { protocol: tls, sni: "*" }
        upstream: wrong
      - match: { protocol: postgres }
        upstream: up
upstreams:
  wrong: { targets: ["builtin:reset"] }
  up: { targets: ["127.0.0.1:${database.port}"] }
`);
  assertEquals(await ask(shunt, "a.db.test"), "own:");
  const { detected, up, down } = await shunt.ended();
  assertEquals([detected?.protocol, detected?.facts], ["postgres", {}]);
  const hello = helloFor("a.db.test").length;
  assertEquals([up, down], [SSL_REQUEST.length + hello, 1 + 4 + hello]);
});

Deno.test("opening: clients that ask for GSSAPI first are told no, and may go on in the clear", async () => {
  await using a = serveDatabase("a:");
  await using clear = serveTcp(async (conn) => await writeAll(conn, await readAll(conn)));
  await using shunt = await startShunt(byName({ a: [a.port], clear: [clear.port] }));
  {
    using client = await connect(shunt.port());
    await writeAll(client, GSS_REQUEST);
    assertEquals(text(await readExactly(client, 1)), "N");
    await writeAll(client, SSL_REQUEST);
    assertEquals(text(await readExactly(client, 1)), "S");
    await writeAll(client, helloFor("a.db.test"));
    assertEquals(text(await readExactly(client, 2)), "a:");
    assertEquals(a.requests, [SSL_REQUEST]);
  }
  await shunt.ended();
  for (const first of [[GSS_REQUEST], []]) {
    using client = await connect(shunt.port());
    for (const request of first) {
      await writeAll(client, request);
      assertEquals(text(await readExactly(client, 1)), "N");
    }
    await writeAll(client, STARTUP);
    await client.closeWrite();
    assertEquals(await readAll(client), STARTUP);
    const { upstream, reason, detected } = await shunt.ended();
    assertEquals([upstream, reason, detected?.facts], ["clear", "done", {}]);
  }
});

Deno.test("opening: byte by byte it is the same", async () => {
  await using a = serveDatabase("a:");
  await using shunt = await startShunt(byName({ a: [a.port] }));
  using client = await connect(shunt.port());
  client.setNoDelay();
  const slowly = async (all: Uint8Array) => {
    for (const byte of all) {
      await writeAll(client, Uint8Array.of(byte));
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  };
  await slowly(SSL_REQUEST);
  assertEquals(text(await readExactly(client, 1)), "S");
  const hello = helloFor("a.db.test");
  await slowly(hello);
  assertEquals(text(await readExactly(client, 2)), "a:");
  assertEquals(await readExactly(client, hello.length), hello);
});

/** Clients that break the rules. */
const VIOLATIONS: readonly [string, (shunt: TestShunt) => Promise<Deno.TcpConn>][] = [
  ["sends the hello before it has heard the answer", async (shunt) => {
    const client = await connect(shunt.port());
    await writeAll(client, concat(SSL_REQUEST, helloFor("a.db.test")));
    return client;
  }],
  ["sends a byte together with the request", async (shunt) => {
    const client = await connect(shunt.port());
    await writeAll(client, concat(SSL_REQUEST, [0]));
    return client;
  }],
  ["sends a byte together with the request for GSSAPI", async (shunt) => {
    const client = await connect(shunt.port());
    await writeAll(client, concat(GSS_REQUEST, [0]));
    return client;
  }],
  ["asks for GSSAPI twice", async (shunt) => {
    const client = await connect(shunt.port());
    await writeAll(client, GSS_REQUEST);
    await readExactly(client, 1);
    await writeAll(client, GSS_REQUEST);
    return client;
  }],
  ["goes on in the clear", async (shunt) => {
    const client = await begin(shunt);
    await writeAll(client, STARTUP);
    return client;
  }],
  ["asks for TLS twice", async (shunt) => {
    const client = await begin(shunt);
    await writeAll(client, SSL_REQUEST);
    return client;
  }],
];

for (const [name, act] of VIOLATIONS) {
  Deno.test(`opening: a client that ${name} ends, and troubles no target`, async () => {
    await using a = serveDatabase("a:");
    await using shunt = await startShunt(byName({ a: [a.port], clear: [a.port] }));
    using client = await act(shunt);
    assertEquals((await shunt.ended()).reason, "opening_violation");
    await readAll(client).catch(() => {});
    assertEquals([a.accepted, shunt.counters().closes.opening_violation], [0, 1]);
  });
}

for (const onTimeout of ["close", "fallthrough"]) {
  Deno.test(`opening: a client that is silent in it ends (on_timeout: ${onTimeout})`, async () => {
    await using a = serveDatabase("a:");
    const listener = `    detect: { timeout: 300ms, on_timeout: ${onTimeout} }`;
    await using shunt = await startShunt(byName({ a: [a.port], listener }));
    for (const said of [new Uint8Array(0), helloFor("a.db.test").subarray(0, 60)]) {
      using client = await begin(shunt);
      await writeAll(client, said);
      assertEquals((await shunt.ended()).reason, "opening_timeout");
      await readAll(client).catch(() => {});
    }
    assertEquals(a.accepted, 0);
  });
}

Deno.test("opening: a client that leaves in it, whole or half, troubles no target", async () => {
  await using a = serveDatabase("a:");
  await using shunt = await startShunt(byName({ a: [a.port] }));
  (await begin(shunt)).close();
  assertEquals((await shunt.ended()).reason, "client_closed");
  {
    using client = await connect(shunt.port());
    await writeAll(client, SSL_REQUEST);
    await client.closeWrite();
    assertEquals(text(await readAll(client)), "S");
    assertEquals((await shunt.ended()).reason, "client_closed");
  }
  {
    using client = await begin(shunt);
    await writeAll(client, helloFor("a.db.test").subarray(0, 60));
    await client.closeWrite();
    await readAll(client);
    assertEquals((await shunt.ended()).reason, "unreadable");
  }
  assertEquals(a.accepted, 0);
});

/** What a target may answer that cannot be used, and the reason if no other is left. */
const REFUSALS: readonly [string, Uint8Array | string | null, string][] = [
  ["says no", "N", "opening_refused"],
  ["sends an error", "E\0\0\0\x10SFATAL\0\0", "opening_refused"],
  ["closes", "", "opening_refused"],
  ["hangs", null, "opening_timeout"],
  ["agrees and says more", concat([0x53], bytesOf("x")), "opening_violation"],
  ["says something else", "HTTP/1.1 400 Bad Request\r\n\r\n", "opening_violation"],
];

for (const [name, answer, reason] of REFUSALS) {
  Deno.test(`opening: a target that ${name} has failed, and another is tried`, async () => {
    await using bad = answer === ""
      ? serveTcp(async (conn) => void await conn.read(new Uint8Array(8)))
      : serveDatabase("bad:", answer);
    await using good = serveDatabase("good:");
    const upstream = ", retries: 1, connect_timeout: 500ms";
    await using shunt = await startShunt(
      byName({ a: [bad.port, good.port], b: [bad.port], upstream }),
    );
    assertEquals(await ask(shunt, "a.db.test"), "good:");
    const hello = helloFor("a.db.test").length;
    const { up, down, target } = await shunt.ended();
    assertEquals([up, down], [SSL_REQUEST.length + hello, 5 + hello]);
    assertEquals(target, `127.0.0.1:${good.port}`);
    using client = await begin(shunt);
    await writeAll(client, helloFor("b.db.test"));
    await readAll(client).catch(() => {});
    const alone = await shunt.ended();
    assertEquals([alone.reason, alone.up, alone.down], [reason, 0, 0]);
    assertEquals(shunt.proxy.totals().bytesDown, down);
  });
}

Deno.test("opening: built-in targets do to the hello what they do to all bytes", async () => {
  const upstream = ", connect_timeout: 300ms";
  await using shunt = await startShunt(
    byName({ a: ["builtin:reset"], b: ["builtin:echo"], upstream }),
  );
  {
    using client = await begin(shunt);
    await writeAll(client, helloFor("a.db.test"));
    const end = await readAll(client).then((rest) => rest.length, () => "reset");
    assertEquals(end, shunt.proxy.io === "libc" ? "reset" : 0);
    assertEquals((await shunt.ended()).reason, "target_reset");
  }
  {
    using client = await begin(shunt);
    const hello = helloFor("b.db.test");
    await writeAll(client, hello);
    assertEquals(await readExactly(client, hello.length), hello);
  }
  assertEquals((await shunt.ended()).reason, "done");
  await using tarpit = await startShunt(byName({ a: ["builtin:discard"], upstream }));
  {
    using client = await begin(tarpit);
    await writeAll(client, helloFor("a.db.test"));
    await client.closeWrite();
    assertEquals((await readAll(client)).length, 0);
  }
  assertEquals((await tarpit.ended()).reason, "done");
});

Deno.test("opening: a target that agrees and breaks off has not answered", async () => {
  await using bad = serveTcp(async (conn) => {
    await readExactly(conn, SSL_REQUEST.length);
    await writeAll(conn, bytes("S"));
    await conn.read(new Uint8Array(1));
  });
  await using shunt = await startShunt(byName({ a: [bad.port] }));
  using client = await begin(shunt);
  await writeAll(client, helloFor("a.db.test"));
  await readAll(client).catch(() => {});
  client.close();
  const { down, reason } = await shunt.ended();
  assertEquals([down, shunt.proxy.totals().bytesDown], [0, 0], reason);
});

Deno.test("opening: goes on by the rules that it began with through a reload", async () => {
  await using old = serveDatabase("old:");
  await using fresh = serveDatabase("new:");
  await using shunt = await startShunt(byName({ a: [old.port] }));
  using client = await begin(shunt);
  await shunt.reload(byName({ a: [fresh.port] }));
  await writeAll(client, helloFor("a.db.test"));
  assertEquals(text(await readExactly(client, 4)), "old:");
  assertEquals(await ask(shunt, "a.db.test"), "new:");
});

Deno.test("opening: a drain waits for it, with the client and with the target", async () => {
  const gate = Promise.withResolvers<void>();
  await using slow = serveTcp(async (conn) => {
    await readExactly(conn, SSL_REQUEST.length);
    await gate.promise;
    await writeAll(conn, bytes("S"));
    await conn.read(new Uint8Array(1000));
    await writeAll(conn, bytes("slow"));
  });
  await using shunt = await startShunt(byName({ a: [slow.port] }));
  using client = await begin(shunt);
  const drained = shunt.proxy.drain({ timeoutMs: 10_000 });
  await writeAll(client, helloFor("a.db.test"));
  await until(() => slow.accepted === 1, "the target to be asked");
  gate.resolve();
  assertEquals(text(await readExactly(client, 4)), "slow");
  client.close();
  await drained;
  assertEquals((await shunt.ended()).target, `127.0.0.1:${slow.port}`);
});

Deno.test("opening: what is in it when the drain is over ends, and is let go of", async () => {
  await using hung = serveDatabase("hung:", null);
  await using shunt = await startShunt(byName({ a: [hung.port] }));
  using waiting = await begin(shunt);
  using asking = await begin(shunt);
  await writeAll(asking, helloFor("a.db.test"));
  await until(() => hung.requests.length === 1, "the target to be asked");
  await shunt.proxy.drain({ timeoutMs: 100 });
  assertEquals([(await shunt.ended()).reason, (await shunt.ended()).reason], [
    "shutdown",
    "shutdown",
  ]);
  for (const client of [waiting, asking]) await readAll(client).catch(() => {});
  assertEquals(shunt.counters().closes.shutdown, 2);
});

Deno.test("opening: a route by source alone needs no byte, and holds none", async () => {
  await using server = serveTcp(async (conn) => {
    await writeAll(conn, bytes("first"));
    await readAll(conn);
  });
  await using shunt = await startShunt(
    byName({ a: [server.port] }).replace(
      "    routes:",
      "    routes:\n      - { upstream: a, match: { source: 127.0.0.1 } }",
    ),
  );
  using client = await connect(shunt.port());
  assertEquals(text(await readExactly(client, 5)), "first");
});

Deno.test("opening: what it holds is given back, however it ends", async () => {
  await using a = serveDatabase("a:");
  await using refusing = serveDatabase("b:", "N");
  const listener = `${SHORT.replace("300ms", "2s")}\n`;
  const top = "limits: { detect_memory: 1MiB }";
  await using shunt = await startShunt(byName({ a: [a.port], b: [refusing.port], listener, top }));
  // 300 that kept what they hold would have 1.2 MiB.
  const hello = recordize(buildClientHello({ sni: "b.db.test", size: 4000 }));
  for (let i = 0; i < 300; i++) {
    assertEquals(await ask(shunt, "a.db.test"), "a:");
    using refused = await begin(shunt);
    await writeAll(refused, hello);
    await readAll(refused).catch(() => {});
    using violating = await begin(shunt);
    await writeAll(violating, STARTUP);
    await readAll(violating).catch(() => {});
  }
  const reasons = new Set<string>();
  for (let i = 0; i < 900; i++) reasons.add((await shunt.ended()).reason);
  assertEquals(reasons, new Set(["done", "opening_refused", "opening_violation"]));
});

Deno.test("opening: a PROXY header comes before it, and goes before it to each target that is tried", async () => {
  const header = "PROXY TCP4 192.0.2.7 198.51.100.1 4711 5432\r\n";
  await using refusing = serveDatabase("no:", "N", header.length);
  await using good = serveDatabase("good:", "S", header.length);
  await using shunt = await startShunt(byName({
    a: [refusing.port, good.port],
    listener: "    proxy_protocol: { accept: required, trusted: [127.0.0.0/8] }",
    upstream: ", retries: 1, send_proxy_protocol: v1",
  }));
  using client = await connect(shunt.port());
  await writeAll(client, concat(bytesOf(header), SSL_REQUEST));
  assertEquals(text(await readExactly(client, 1)), "S");
  const hello = helloFor("a.db.test");
  await writeAll(client, hello);
  await client.closeWrite();
  assertEquals(await readAll(client), concat(bytesOf("good:"), hello));
  const told = concat(bytesOf(header), SSL_REQUEST);
  assertEquals(good.requests, [told]);
  const { source, up } = await shunt.ended();
  assertEquals([source, up], ["192.0.2.7:4711", told.length + hello.length]);
  // The first target may have been tried or not.
  for (const request of refusing.requests) assertEquals(request, told);
});

for (const accept of ["off", "optional"]) {
  Deno.test(`opening: a target that speaks first hears the PROXY header at once, and what a late client says after it (accept: ${accept})`, async () => {
    const heard: Uint8Array[] = [];
    await using server = serveTcp(async (conn) => {
      const header = new Uint8Array(200);
      heard.push(header.slice(0, await conn.read(header) ?? 0));
      await writeAll(conn, bytes("welcome"));
      heard.push(await readAll(conn));
    });
    await using shunt = await startShunt(`
listeners:
  edge:
    bind: 127.0.0.1:0
    transports: tcp
    detect: { timeout: 300ms }
    proxy_protocol: { accept: ${accept}, trusted: [127.0.0.0/8] }
    routes:
      - match: { protocol: silent }
        upstream: up
upstreams:
  up: { targets: ["127.0.0.1:${server.port}"], send_proxy_protocol: v1 }
`);
    using client = await connect(shunt.port());
    const { port } = client.localAddr as Deno.NetAddr;
    assertEquals(text(await readExactly(client, 7)), "welcome");
    await writeAll(client, bytes("late"));
    await client.closeWrite();
    await readAll(client);
    const { up, down } = await shunt.ended();
    const header = `PROXY TCP4 127.0.0.1 127.0.0.1 ${port} ${shunt.port()}\r\n`;
    assertEquals(heard.map(text), [header, "late"]);
    assertEquals([up, down], [header.length + 4, 7]);
  });
}

for (const version of ["v1", "v2"]) {
  Deno.test(`opening: a built-in target gets a PROXY header and the first bytes (${version})`, async () => {
    const upstream = `{ targets: ["builtin:echo"], send_proxy_protocol: ${version} }`;
    for (const routes of ["[{ upstream: up }]", "[{ match: { protocol: http }, upstream: up }]"]) {
      await using shunt = await startShunt(`
listeners: { edge: { bind: "127.0.0.1:0", transports: tcp, routes: ${routes} } }
upstreams: { up: ${upstream} }
`);
      using client = await connect(shunt.port());
      const request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
      await writeAll(client, bytes(request));
      await client.closeWrite();
      const heard = await readAll(client);
      const parsed = parseProxyHeader(heard);
      assert(parsed.kind === "header");
      assertEquals(parsed.header.source?.port, (client.localAddr as Deno.NetAddr).port);
      assertEquals(text(heard.subarray(parsed.header.length)), request);
    }
  });
}
