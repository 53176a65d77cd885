import { assert, assertEquals, assertLess, assertMatch } from "@std/assert";
import type { HealthConfig } from "../../../../src/control/health/health.ts";
import {
  type ProbeAddress,
  type ProbeOutcome,
  probeTarget,
} from "../../../../src/control/health/probe.ts";
import type { NameResolver } from "../../../../src/resolve/dns.ts";
import {
  answer,
  type Behave,
  endless,
  hangUp,
  refusing,
  serve,
  serveTls,
  silent,
} from "../../resolve/_servers.ts";

/** Knows no name. */
const NO_NAMES: NameResolver = {
  resolve: (name) => Promise.reject(new Error(`Cannot resolve "${name}"`)),
};

function names(...list: readonly string[]): NameResolver {
  return { resolve: () => ({ list, expires: Infinity }) };
}

function check(
  address: ProbeAddress,
  probe: HealthConfig["probe"],
  {
    timeout = 5_000,
    resolver = NO_NAMES,
    signal = new AbortController().signal,
    header = new Uint8Array(),
  } = {},
): Promise<ProbeOutcome> {
  return probeTarget(address, { probe, timeout, resolver, header, signal });
}

interface Case {
  readonly name: string;
  readonly probe: HealthConfig["probe"];
  readonly server: Behave;
  readonly outcome: ProbeOutcome;
  readonly timeout?: number;
}

const OK: ProbeOutcome = { kind: "ok" };
const failed = (why: string): ProbeOutcome => ({ kind: "failed", why });
const TIMEOUT = { timeout: 60, outcome: failed("no answer within 60 ms") };

const CASES: readonly Case[] = [
  {
    name: "tcp: passes a target that accepts and is silent",
    probe: "tcp",
    server: silent,
    outcome: OK,
  },
  {
    name: "tcp: passes a target that accepts and hangs up",
    probe: "tcp",
    server: hangUp,
    outcome: OK,
  },
  { name: "tls: fails a silent target", probe: "tls", server: silent, ...TIMEOUT },
  {
    name: "tls: fails a target that hangs up",
    probe: "tls",
    server: hangUp,
    outcome: failed("connection closed before the handshake was complete"),
  },
  ...([["200", OK], ["204", OK], ["301", OK], ["399", OK]] as const).map(([status, outcome]) => ({
    name: `http: passes status ${status}`,
    probe: "http" as const,
    server: answer(`HTTP/1.1 ${status} Some\r\nContent-Length: 0\r\n\r\n`),
    outcome,
  })),
  ...["101", "199", "400", "404", "503", "999"].map((status) => ({
    name: `http: fails status ${status}`,
    probe: "http" as const,
    server: answer(`HTTP/1.1 ${status} Some\r\n\r\n`),
    outcome: failed(`status ${status}`),
  })),
  {
    name: "http: passes an answer byte by byte",
    probe: "http",
    server: answer(..."HTTP/1.0 200\r\n"),
    outcome: OK,
  },
  {
    name: "http: needs no more than the status line",
    probe: "http",
    server: endless("HTTP/1.1 200 OK\r\n", "X-More: of the same\r\n"),
    outcome: OK,
  },
  {
    name: "http: needs no more than the status of an endless line",
    probe: "http",
    server: endless("HTTP/1.1 503 ", "no"),
    outcome: failed("status 503"),
  },
  ...[
    "SSH-2.0-OpenSSH_9.9\r\n",
    "HTTP/1.1 2000\r\n\r\n",
    "HTTP/1.1 20",
    "HTTP/2 200 OK\r\n",
    "\r\nHTTP/1.1 200 OK\r\n",
    "\0".repeat(100),
  ].map((text) => ({
    name: `http: fails ${JSON.stringify(text.slice(0, 20))}`,
    probe: "http" as const,
    server: answer(text),
    outcome: failed("the answer is not HTTP/1"),
  })),
  {
    name: "http: fails a target that closes without an answer",
    probe: "http",
    server: answer(),
    outcome: failed("closed without an answer"),
  },
  { name: "http: fails a silent target", probe: "http", server: silent, ...TIMEOUT },
];

for (const { name, probe, server: behave, outcome, timeout = 5_000 } of CASES) {
  Deno.test(`resolve probe ${name}`, async () => {
    await using server = serve(behave);
    assertEquals(await check(server.address, probe, { timeout }), outcome);
  });
}

for (const probe of ["tcp", "tls", "http"] as const) {
  Deno.test(`resolve probe ${probe}: fails a target that refuses`, async () => {
    assertEquals(await check(refusing(), probe), failed("connection refused"));
    const path = "/nonexistent/shunt.sock";
    assertEquals(await check({ kind: "unix", path }, probe), failed("connection refused"));
  });

  Deno.test(`resolve probe ${probe}: is given up at once`, async () => {
    await using server = serve(silent);
    const controller = new AbortController();
    const started = performance.now();
    const pending = check(server.address, probe, { signal: controller.signal });
    controller.abort();
    await pending;
    await check(server.address, probe, { signal: controller.signal });
    assertLess(performance.now() - started, 2_000);
  });

  Deno.test({
    name: `resolve probe ${probe}: distinguishes a missing permission from a dead target`,
    permissions: { net: false, read: false },
    fn: async () => {
      const outcome = await check({ kind: "inet", host: "127.0.0.1", port: 9 }, probe);
      assert(outcome.kind === "hindered" && outcome.by === "permission", JSON.stringify(outcome));
      assertMatch(outcome.why, /--allow-net/);
    },
  });
}

const HEADER = new TextEncoder().encode("PROXY UNKNOWN\r\n");

for (const probe of ["tcp", "tls", "http"] as const) {
  Deno.test(`resolve probe ${probe}: sends a PROXY header first, and fails as without one`, async () => {
    const options = { header: HEADER, timeout: 300 };
    await using server = serve(answer("no"));
    await check(server.address, probe, options);
    // A check by TCP does not wait for the target to read it.
    while (server.heard.length === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    const [heard = ""] = server.heard;
    assert(heard.startsWith("PROXY UNKNOWN\r\n"), heard);
    assertEquals(await check(refusing(), probe, options), failed("connection refused"));
    await using gone = serve(hangUp);
    const outcome = await check(gone.address, probe, options);
    // A connection is enough for a check by TCP, unless its end came before the header.
    if (probe !== "tcp") assertEquals(outcome.kind, "failed");
    await using quiet = serve(silent);
    const late = await check(quiet.address, probe, options);
    assertEquals(late, probe === "tcp" ? OK : failed("no answer within 300 ms"));
    const controller = new AbortController();
    const pending = check(quiet.address, probe, { ...options, signal: controller.signal });
    controller.abort();
    await pending;
  });
}

Deno.test("resolve probe http: asks for / of the target's host, with its port", async () => {
  await using server = serve(answer("HTTP/1.1 200 OK\r\n\r\n"));
  const { address } = server;
  assert(address.kind === "inet");
  await check({ ...address, host: "web.test" }, "http", { resolver: names("127.0.0.1") });
  const [request = ""] = server.heard;
  assert(request.startsWith("GET / HTTP/1.1\r\n"), request);
  assert(request.includes(`\r\nHost: web.test:${address.port}\r\n`), request);
  assert(request.endsWith("\r\n\r\n"), request);
});

Deno.test("resolve probe tls: passes a target that completes a handshake, whatever its certificate", async () => {
  await using server = await serveTls();
  assertEquals(await check(server.address, "tls"), OK);
});

Deno.test("resolve probe tls: fails a target that speaks another protocol", async () => {
  await using server = serve(answer("SSH-2.0-OpenSSH_9.9\r\n"));
  const outcome = await check(server.address, "tls");
  assertEquals(outcome.kind, "failed");
});

Deno.test("resolve probe tls: asks for the target's name, if it has one", async () => {
  await using server = serve(answer("no"));
  const { address } = server;
  assert(address.kind === "inet");
  await check({ ...address, host: "web.test." }, "tls", { resolver: names("127.0.0.1") });
  await check(address, "tls");
  const [named = "", unnamed = ""] = server.heard;
  assert(named.includes("web.test") && !named.includes("web.test."), named);
  // An IP address is no server name (RFC 6066 §3).
  assert(unnamed.length > 100 && !unnamed.includes("127.0.0.1"), unnamed);
});

Deno.test("resolve probe: reaches Unix sockets", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await using http = serve(answer("HTTP/1.1 200 OK\r\n\r\n"), `${folder}/http`);
    await using tls = await serveTls(`${folder}/tls`);
    assertEquals(await check(http.address, "tcp"), OK);
    assertEquals(await check(http.address, "http"), OK);
    assert(http.heard.at(-1)?.includes("\r\nHost: localhost\r\n"), http.heard.at(-1));
    assertEquals(await check(tls.address, "tls"), OK);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("resolve probe: passes a name if any of its addresses answers", async () => {
  await using server = serve(silent);
  assert(server.address.kind === "inet");
  const address = { ...server.address, host: "web.test" };
  const resolver = names("127.0.0.2", "127.0.0.3", "127.0.0.1");
  assertEquals(await check(address, "tcp", { resolver }), OK);
  const dead = names("127.0.0.2", "127.0.0.3");
  assertEquals(await check(address, "tcp", { resolver: dead }), failed("connection refused"));
});

Deno.test("resolve probe: does not wait for addresses that are silent, however many", async () => {
  await using quiet = serve(silent);
  assert(quiet.address.kind === "inet");
  const { port } = quiet.address;
  const other = Deno.listen({ hostname: "127.0.0.2", port });
  const answering = (async () => {
    const conn = await other.accept();
    await conn.write(new TextEncoder().encode("HTTP/1.1 200 OK\r\n\r\n"));
    await conn.read(new Uint8Array(1024));
    conn.close();
  })();
  const resolver = names(...Array<string>(30).fill("127.0.0.1"), "127.0.0.2");
  const outcome = await check({ kind: "inet", host: "web.test", port }, "http", {
    resolver,
    timeout: 1000,
  });
  assertEquals(outcome, OK);
  await answering;
  other.close();
});

Deno.test("resolve probe: fails a name that has no address, within the timeout", async () => {
  const address = { kind: "inet", host: "gone.test", port: 80 } as const;
  assertEquals(await check(address, "tcp"), failed('Cannot resolve "gone.test"'));
  const throwing: NameResolver = {
    resolve: () => {
      throw new Error("Remembered");
    },
  };
  assertEquals(await check(address, "tcp", { resolver: throwing }), failed("Remembered"));
  const never: NameResolver = { resolve: () => new Promise(() => {}) };
  const outcome = await check(address, "tcp", { resolver: never, timeout: 20 });
  assertEquals(outcome, failed("no answer within 20 ms"));
});

Deno.test("resolve probe: does not fail the target if shunt itself was late", async () => {
  const never: NameResolver = { resolve: () => new Promise(() => {}) };
  const address = { kind: "inet", host: "web.test", port: 80 } as const;
  const pending = check(address, "tcp", { resolver: never, timeout: 20 });
  const started = performance.now();
  while (performance.now() - started < 400);
  const outcome = await pending;
  assert(outcome.kind === "hindered" && outcome.by === "load", JSON.stringify(outcome));
});
