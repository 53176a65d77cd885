import { assert, assertEquals } from "@std/assert";
import {
  bytes,
  connect,
  echo,
  readAll,
  readExactly,
  serveTcp,
  startShunt,
  text,
  until,
  writeAll,
} from "./_shunt.ts";

/** A configuration with one listener and upstreams of the given targets. */
function config(
  options: {
    routes: string;
    upstreams: Record<string, string>;
    listener?: string;
  },
): string {
  const upstreams = Object.entries(options.upstreams).map(([name, body]) => `  ${name}: ${body}`);
  return `
listeners:
  edge:
    bind: 127.0.0.1:0
    transports: tcp
${options.listener ?? ""}
    routes:
${options.routes}
upstreams:
${upstreams.join("\n")}
`;
}

const ALL = "      - upstream: up";

/** A port on loopback that refuses connections. */
function deadPort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}

Deno.test("session: carries bytes both ways and keeps half-close", async () => {
  await using server = serveTcp(async (conn) => {
    const request = await readAll(conn);
    await writeAll(conn, bytes(`got ${request.length}`));
  });
  await using shunt = await startShunt(
    config({ routes: ALL, upstreams: { up: `{ targets: ["127.0.0.1:${server.port}"] }` } }),
  );
  const client = await connect(shunt.port());
  await writeAll(client, new Uint8Array(100_000));
  await client.closeWrite();
  assertEquals(text(await readAll(client)), "got 100000");
  client.close();
  const record = await shunt.ended();
  assertEquals(record.reason, "done");
  assertEquals([record.up, record.down], [100_000, 10]);
  assertEquals(record.target, `127.0.0.1:${server.port}`);
});

Deno.test("session: keeps the half-close of a target that ends first", async () => {
  await using server = serveTcp(async (conn) => {
    await writeAll(conn, bytes("banner"));
    await conn.closeWrite();
    assertEquals(text(await readAll(conn)), "late words");
  });
  await using shunt = await startShunt(
    config({ routes: ALL, upstreams: { up: `{ targets: ["127.0.0.1:${server.port}"] }` } }),
  );
  const client = await connect(shunt.port());
  assertEquals(text(await readAll(client)), "banner");
  await writeAll(client, bytes("late words"));
  await client.closeWrite();
  const record = await shunt.ended();
  client.close();
  assertEquals([record.reason, record.up, record.down], ["done", 10, 6]);
});

Deno.test("session: delivers bytes sent in the meantime to the target that answers", async () => {
  await using server = serveTcp(echo);
  const dead = [deadPort(), deadPort()];
  const targets = [...dead, server.port].map((port) => `"127.0.0.1:${port}"`).join(", ");
  await using shunt = await startShunt(config({
    routes: "      - match: { protocol: http }\n        upstream: up",
    upstreams: { up: `{ targets: [${targets}], balance: first, retries: 2 }` },
  }));
  const client = await connect(shunt.port());
  const request = bytes("POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nhello");
  await writeAll(client, request);
  assertEquals(await readExactly(client, request.length), request);
  client.close();
  const record = await shunt.ended();
  assertEquals(record.target, `127.0.0.1:${server.port}`);
  assertEquals(record.detected?.protocol, "http");
});

Deno.test("session: gives up after as many targets as retries allow", async () => {
  await using server = serveTcp(echo);
  const targets = [deadPort(), deadPort(), server.port].map((port) => `"127.0.0.1:${port}"`);
  await using shunt = await startShunt(config({
    routes: ALL,
    upstreams: { up: `{ targets: [${targets.join(", ")}], balance: first, retries: 1 }` },
  }));
  const client = await connect(shunt.port());
  assertEquals(await client.read(new Uint8Array(1)), null);
  client.close();
  assertEquals((await shunt.ended()).reason, "connect_refused");
  assertEquals(server.accepted, 0);
});

Deno.test("session: a target that does not answer costs connect_timeout, then another is tried", async () => {
  // A backlog that is full makes the kernel drop SYNs: connecting hangs, as towards a dead host.
  const full = Deno.listen({ hostname: "127.0.0.1", port: 0, tcpBacklog: 1 });
  const fillers: Promise<Deno.TcpConn | undefined>[] = [];
  const giveUp = new AbortController();
  for (let i = 0; i < 8; i++) {
    fillers.push(
      Deno.connect({ hostname: "127.0.0.1", port: full.addr.port, signal: giveUp.signal })
        .catch(() => undefined),
    );
  }
  await using server = serveTcp(echo);
  await using shunt = await startShunt(config({
    routes: ALL,
    upstreams: {
      up: `{ targets: ["127.0.0.1:${full.addr.port}", "127.0.0.1:${server.port}"],` +
        " balance: first, connect_timeout: 300ms }",
    },
  }));
  const client = await connect(shunt.port());
  await writeAll(client, bytes("hello"));
  assertEquals(text(await readExactly(client, 5)), "hello");
  client.close();
  const record = await shunt.ended();
  assertEquals(record.target, `127.0.0.1:${server.port}`);
  assert((record.connectMs ?? 0) >= 250, `connected after ${record.connectMs} ms`);
  giveUp.abort();
  for (const filler of await Promise.all(fillers)) filler?.close();
  full.close();
});

Deno.test("session: a server-first protocol loses no time if no route needs a byte", async () => {
  await using server = serveTcp(async (conn) => {
    await writeAll(conn, bytes("220 mail.example ESMTP\r\n"));
    await readAll(conn);
  });
  await using shunt = await startShunt(config({
    listener: "    detect: { timeout: 10m }",
    routes: ALL,
    upstreams: { up: `{ targets: ["127.0.0.1:${server.port}"] }` },
  }));
  const client = await connect(shunt.port());
  assertEquals(text(await readExactly(client, 4)), "220 ");
  client.close();
  const record = await shunt.ended();
  assertEquals(record.detectMs, undefined);
});

Deno.test("session: a silent client reaches the fallback after detect.timeout, and its late bytes too", async () => {
  await using server = serveTcp(async (conn) => {
    await writeAll(conn, bytes("220 mail.example ESMTP\r\n"));
    await echo(conn);
  });
  await using shunt = await startShunt(config({
    listener: "    detect: { timeout: 200ms }",
    routes: "      - match: { protocol: tls }\n        upstream: none\n" +
      "      - match: { protocol: silent }\n        upstream: up",
    upstreams: {
      none: "{ targets: [builtin:discard] }",
      up: `{ targets: ["127.0.0.1:${server.port}"] }`,
    },
  }));
  const client = await connect(shunt.port());
  assertEquals(text(await readExactly(client, 24)), "220 mail.example ESMTP\r\n");
  await writeAll(client, bytes("EHLO me\r\n"));
  assertEquals(text(await readExactly(client, 9)), "EHLO me\r\n");
  await client.closeWrite();
  await readAll(client);
  client.close();
  const record = await shunt.ended();
  assertEquals(record.detected?.protocol, "silent");
  assertEquals([record.reason, record.up, record.down], ["done", 9, 33]);
});

Deno.test("session: half a hello goes on with the certain facts once the time is over", async () => {
  await using server = serveTcp(echo);
  await using shunt = await startShunt(config({
    listener: "    detect: { timeout: 200ms }",
    routes: "      - match: { protocol: tls }\n        upstream: up",
    upstreams: { up: `{ targets: ["127.0.0.1:${server.port}"] }` },
  }));
  const client = await connect(shunt.port());
  const half = new Uint8Array([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]);
  await writeAll(client, half);
  assertEquals(await readExactly(client, half.length), half);
  client.close();
  assertEquals((await shunt.ended()).detected?.protocol, "tls");
});

Deno.test("session: on_timeout close ends a silent client", async () => {
  await using shunt = await startShunt(config({
    listener: "    detect: { timeout: 200ms, on_timeout: close }",
    routes: "      - match: { protocol: tls }\n        upstream: up",
    upstreams: { up: "{ targets: [builtin:echo] }" },
  }));
  const client = await connect(shunt.port());
  assertEquals(await client.read(new Uint8Array(1)), null);
  client.close();
  assertEquals((await shunt.ended()).reason, "detect_timeout");
});

Deno.test("session: detection of slow clients is bounded in total", async () => {
  await using shunt = await startShunt(
    config({
      listener: "    detect: { timeout: 10m }",
      routes: "      - match: { protocol: http }\n        upstream: up",
      upstreams: { up: "{ targets: [builtin:echo] }" },
    }) + "limits: { detect_memory: 1MiB }\n",
  );
  const clients: Deno.TcpConn[] = [];
  for (let i = 0; i < 24; i++) {
    const client = await connect(shunt.port());
    await writeAll(client, bytes(`GET /${"a".repeat(50_000)}`));
    clients.push(client);
  }
  await until(() => shunt.counters().closes.detect_memory > 0, "a session to be refused memory");
  assert(shunt.counters().sessionsActive >= 16);
  for (const client of clients) client.close();
  await until(() => shunt.counters().sessionsActive === 0, "all sessions to end");
});

Deno.test("session: no route closes the client and says so", async () => {
  await using shunt = await startShunt(config({
    routes: "      - match: { protocol: ssh }\n        upstream: up",
    upstreams: { up: "{ targets: [builtin:echo] }" },
  }));
  const client = await connect(shunt.port());
  await writeAll(client, bytes("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
  await client.read(new Uint8Array(1)).catch(() => null);
  client.close();
  assertEquals((await shunt.ended()).reason, "no_route");
});

Deno.test("session: at the limit a client is closed at once, and a freed place is used", async () => {
  await using shunt = await startShunt(config({
    listener: "    limits: { sessions: 2 }",
    routes: ALL,
    upstreams: { up: "{ targets: [builtin:echo] }" },
  }));
  const first = await connect(shunt.port());
  const second = await connect(shunt.port());
  await until(() => shunt.proxy.active().sessions === 2, "two sessions");
  const third = await connect(shunt.port());
  assertEquals(await third.read(new Uint8Array(1)), null);
  third.close();
  assertEquals((await shunt.ended()).reason, "limit_sessions");
  first.close();
  await shunt.ended();
  const fourth = await connect(shunt.port());
  await writeAll(fourth, bytes("hi"));
  assertEquals(text(await readExactly(fourth, 2)), "hi");
  fourth.close();
  second.close();
});

Deno.test("session: ends when nothing moves for idle_timeout", async () => {
  await using shunt = await startShunt(config({
    routes: ALL,
    upstreams: { up: "{ targets: [builtin:echo], idle_timeout: 300ms }" },
  }));
  const client = await connect(shunt.port());
  await writeAll(client, bytes("hi"));
  assertEquals(text(await readAll(client)), "hi");
  client.close();
  assertEquals((await shunt.ended()).reason, "idle_timeout");
});

Deno.test("session: an early answer of a target that takes no more still reaches the client", async () => {
  await using server = serveTcp(async (conn) => {
    await conn.read(new Uint8Array(1000));
    await writeAll(conn, bytes("413 too large"));
  });
  await using shunt = await startShunt(
    config({ routes: ALL, upstreams: { up: `{ targets: ["127.0.0.1:${server.port}"] }` } }),
  );
  const client = await connect(shunt.port());
  const upload = writeAll(client, new Uint8Array(4_000_000)).catch(() => {});
  assertEquals(text(await readExactly(client, 13)), "413 too large");
  client.close();
  await upload;
  await shunt.ended();
});

Deno.test("session: a long answer of a target that is gone arrives at a client that reads late and still sends", async () => {
  const answer = new Uint8Array(1_000_000).map((_, i) => i * 31);
  const gate = Promise.withResolvers<void>();
  await using server = serveTcp(async (conn) => {
    await conn.read(new Uint8Array(1000));
    await writeAll(conn, answer);
    await gate.promise;
  });
  await using shunt = await startShunt(
    config({ routes: ALL, upstreams: { up: `{ targets: ["127.0.0.1:${server.port}"] }` } }),
  );
  const client = await connect(shunt.port());
  let over = false;
  const upload = (async () => {
    while (!over) await writeAll(client, new Uint8Array(10_000));
  })().catch(() => {});
  await until(
    () => shunt.proxy.totals().bytesDown === answer.length,
    "the answer to be on its way",
  );
  gate.resolve();
  const { reason, down } = await shunt.ended();
  assertEquals([reason, down], ["target_reset", answer.length]);
  const heard = await readAll(client);
  assertEquals(heard.length, answer.length);
  assert(heard.every((byte, i) => byte === answer[i]));
  over = true;
  client.close();
  await upload;
});

Deno.test("session: a PROXY header of a trusted peer gives the source, which is passed to the target", async () => {
  await using server = serveTcp(echo);
  await using shunt = await startShunt(config({
    listener: "    proxy_protocol: { accept: optional, trusted: [127.0.0.0/8] }",
    routes: "      - match: { source: 192.0.2.0/24, protocol: http }\n        upstream: up",
    upstreams: { up: `{ targets: ["127.0.0.1:${server.port}"], send_proxy_protocol: v1 }` },
  }));
  const client = await connect(shunt.port());
  const request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  await writeAll(client, bytes(`PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n${request}`));
  const expected = `PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n${request}`;
  assertEquals(text(await readExactly(client, expected.length)), expected);
  client.close();
  const record = await shunt.ended();
  assertEquals(record.source, "192.0.2.7:4711");
});

Deno.test("session: a required PROXY header that is missing ends the session", async () => {
  await using shunt = await startShunt(config({
    listener: "    proxy_protocol: { accept: required, trusted: [127.0.0.0/8] }",
    routes: ALL,
    upstreams: { up: "{ targets: [builtin:echo] }" },
  }));
  const client = await connect(shunt.port());
  await writeAll(client, bytes("GET / HTTP/1.1\r\n\r\n"));
  await client.read(new Uint8Array(1)).catch(() => null);
  client.close();
  assertEquals((await shunt.ended()).reason, "proxy_header");
});

const HEADER = "PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\nGET / HTTP/1.1\r\n\r\n";

for (const accept of ["required", "optional"]) {
  Deno.test(`session: a PROXY header of an untrusted peer has its own reason (${accept})`, async () => {
    await using shunt = await startShunt(config({
      listener: `    proxy_protocol: { accept: ${accept}, trusted: [192.0.2.0/24] }`,
      routes: "      - match: { protocol: http }\n        upstream: up",
      upstreams: { up: "{ targets: [builtin:echo] }" },
    }));
    const client = await connect(shunt.port());
    await writeAll(client, bytes(HEADER));
    assertEquals(await client.read(new Uint8Array(1)).catch(() => null), null);
    client.close();
    const { reason, source, error } = await shunt.ended();
    assertEquals(reason, "proxy_untrusted");
    // Not the address in the header.
    assert(source.startsWith("127.0.0.1:"), source);
    assert(String(error).includes("127.0.0.1 is not among them"), String(error));
    assertEquals(shunt.counters().closes.proxy_untrusted, 1);
  });
}

Deno.test("session: behind accept optional, bytes of a peer that is not trusted are the target's, a header too", async () => {
  await using server = serveTcp(echo);
  await using shunt = await startShunt(config({
    listener: "    proxy_protocol: { accept: optional, trusted: [192.0.2.0/24] }",
    routes: "      - match: { source: 127.0.0.0/8 }\n        upstream: up",
    upstreams: { up: `{ targets: ["127.0.0.1:${server.port}"], send_proxy_protocol: v1 }` },
  }));
  const client = await connect(shunt.port());
  await writeAll(client, bytes(HEADER));
  const { port } = client.localAddr;
  const expected = `PROXY TCP4 127.0.0.1 127.0.0.1 ${port} ${shunt.port()}\r\n${HEADER}`;
  // shunt's own goes first, and is the only one that a target reads.
  assertEquals(text(await readExactly(client, expected.length)), expected);
  client.close();
  await shunt.ended();
});

Deno.test("session: a PROXY header whose values contradict themselves ends the session", async () => {
  await using shunt = await startShunt(config({
    listener: "    proxy_protocol: { accept: optional, trusted: [127.0.0.0/8] }",
    routes: ALL,
    upstreams: { up: "{ targets: [builtin:echo] }" },
  }));
  const signature = [13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10];
  const addresses = [192, 0, 2, 7, 198, 51, 100, 1, 18, 103, 1, 187];
  for (const tlvs of [[4], [4, 0, 9, 0], [3, 0, 4, 1, 2, 3, 4]]) {
    const client = await connect(shunt.port());
    const length = addresses.length + tlvs.length;
    await writeAll(
      client,
      Uint8Array.from([...signature, 0x21, 0x11, 0, length, ...addresses, ...tlvs]),
    );
    assertEquals(await client.read(new Uint8Array(1)).catch(() => null), null);
    client.close();
    assertEquals((await shunt.ended()).reason, "proxy_header");
  }
});

/** Makes a v2 header of this many bytes, most of them padding. */
function longHeader(length: number): Uint8Array {
  const header = new Uint8Array(length);
  header.set([13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10, 0x21, 0x11]);
  header.set([192, 0, 2, 7, 198, 51, 100, 1, 18, 103, 1, 187, 4], 16);
  const view = new DataView(header.buffer);
  view.setUint16(14, length - 16);
  view.setUint16(29, length - 31);
  return header;
}

for (
  const { maxBytes, length, taken } of [
    { maxBytes: "64KiB", length: 16_384, taken: true },
    { maxBytes: "64KiB", length: 16_385, taken: false },
    { maxBytes: "1KiB", length: 1024, taken: true },
    { maxBytes: "1KiB", length: 1025, taken: false },
  ]
) {
  Deno.test(`session: a PROXY header of ${length} bytes is ${taken ? "" : "not "}taken with max_bytes ${maxBytes}`, async () => {
    await using shunt = await startShunt(config({
      listener: `    proxy_protocol: { accept: required, trusted: [127.0.0.0/8] }\n` +
        `    detect: { max_bytes: ${maxBytes} }`,
      routes: ALL,
      upstreams: { up: "{ targets: [builtin:echo] }" },
    }));
    const client = await connect(shunt.port());
    await writeAll(client, longHeader(length));
    await writeAll(client, bytes("hello")).catch(() => {});
    if (taken) assertEquals(text(await readExactly(client, 5)), "hello");
    else assertEquals(await client.read(new Uint8Array(1)).catch(() => null), null);
    client.close();
    const { reason, source } = await shunt.ended();
    assertEquals(source.startsWith("192.0.2.7:"), taken);
    if (!taken) assertEquals(reason, "proxy_header");
  });
}

Deno.test("session: reaches a target by its Unix socket", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/app.sock`;
  const listener = Deno.listen({ transport: "unix", path });
  const served = (async () => {
    const conn = await listener.accept();
    await writeAll(conn, await readAll(conn));
    conn.close();
  })();
  await using shunt = await startShunt(
    config({ routes: ALL, upstreams: { up: `{ targets: ["unix:${path}"] }` } }),
  );
  const client = await connect(shunt.port());
  await writeAll(client, bytes("through a path"));
  await client.closeWrite();
  assertEquals(text(await readAll(client)), "through a path");
  client.close();
  await served;
  listener.close();
  await Deno.remove(folder, { recursive: true });
});

Deno.test("session: builtin:reset breaks the connection, as far as the sockets can", async () => {
  await using shunt = await startShunt(
    config({ routes: ALL, upstreams: { up: "{ targets: [builtin:reset] }" } }),
  );
  const client = await connect(shunt.port());
  const outcome = await client.read(new Uint8Array(1)).catch((error: unknown) => error);
  client.close();
  // Deno's sockets cannot send RST: the stream ends instead.
  if (shunt.proxy.io === "deno") assertEquals(outcome, null);
  else assert(outcome instanceof Deno.errors.ConnectionReset, String(outcome));
  assertEquals((await shunt.ended()).reason, "target_reset");
});
