import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { connect, type Socket } from "node:net";
import { maxConnections } from "../../../src/admin/http.ts";
import { startAdmin } from "../../../src/admin/server.ts";
import { ShuntError } from "../../../src/errors.ts";
import { inFolder } from "../_folder.ts";
import { ask, FakeControl, startTestAdmin, TOKEN, writeToken } from "./_control.ts";

async function listDir(dir: string): Promise<string[]> {
  const names = [];
  for await (const { name } of Deno.readDir(dir)) names.push(name);
  return names;
}

const OWN = { headers: { "x-shunt": "1" } };
const CHANGE = { headers: { authorization: `Bearer ${TOKEN}` } };

Deno.test("admin server: null starts nothing until a reload asks for it", async () => {
  await using admin = await startAdmin(null, new FakeControl());
  assertEquals(admin.address, null);
  (await admin.prepare({ bind: "localhost:0", token_file: null })).commit();
  const address = admin.address ?? "";
  assert(/^127\.0\.0\.1:[1-9]\d*$/.test(address), address);
  assertEquals((await ask(address, "GET", "/healthz")).text, "ok\n");
  (await admin.prepare(null)).commit();
  assertEquals(admin.address, null);
  await admin.close();
  await assertRejects(() => ask(address, "GET", "/healthz"));
});

Deno.test("admin server: a Unix socket is private to its owner and is removed with the server", async () => {
  await inFolder(async (dir) => {
    const path = `${dir}/admin.sock`;
    const shunt = await startTestAdmin({ bind: `unix:${path}` });
    assertEquals(shunt.admin.address, `unix:${path}`);
    assertEquals(((await Deno.lstat(path)).mode ?? 0) & 0o777, 0o600);
    assertEquals((await shunt.ask("POST", "/api/reload", OWN)).status, 200);
    assertEquals(await listDir(dir), ["admin.sock"]);
    await shunt.admin.close();
    assertEquals(await listDir(dir), []);
  });
});

Deno.test("admin server: a Unix socket without a server is replaced, others are left alone", async () => {
  await inFolder(async (dir) => {
    const path = `${dir}/admin.sock`;
    const bind = `unix:${path}`;
    const old = await startTestAdmin({ bind });
    const error = await assertRejects(() => startTestAdmin({ bind }), ShuntError, "in use");
    assertEquals(error.code, "bind_failed");
    // What a killed process leaves: the file of a socket that is closed.
    await Deno.rename(path, `${dir}/kept`);
    await old.admin.close();
    await Deno.rename(`${dir}/kept`, path);
    const shunt = await startTestAdmin({ bind });
    assertEquals((await shunt.ask("GET", "/healthz")).status, 200);
    await shunt.admin.close();
    await Deno.writeTextFile(path, "precious");
    await assertRejects(() => startTestAdmin({ bind }), ShuntError, "no socket");
    assertEquals(await Deno.readTextFile(path), "precious");
    await assertRejects(() => startTestAdmin({ bind: `unix:${dir}/no/s` }), ShuntError, "bind");
  });
});

Deno.test("admin server: a new server that takes over is reached at once, and the old one leaves its socket alone", async () => {
  await inFolder(async (dir) => {
    for (const bind of [`unix:${dir}/admin.sock`, "127.0.0.1:0"]) {
      const old = await startTestAdmin({ bind });
      const address = old.admin.address!;
      const config = { bind: address, token_file: null };
      await assertRejects(() => startAdmin(config, new FakeControl()), ShuntError, "in use");
      await using next = await startAdmin(config, new FakeControl(), { takeOver: true });
      await old.admin.close();
      assertEquals(next.address, address);
      assertEquals((await ask(address, "GET", "/healthz")).status, 200);
    }
  });
});

Deno.test("admin server: after a take-over, addresses of other processes are refused again", async () => {
  await inFolder(async (dir) => {
    await using other = await startTestAdmin({ bind: `unix:${dir}/other.sock` });
    await using third = await startTestAdmin();
    const config = { bind: `unix:${dir}/admin.sock`, token_file: null };
    await using shunt = await startAdmin(config, new FakeControl(), { takeOver: true });
    for (const bind of [other.admin.address!, third.admin.address!]) {
      await assertRejects(() => shunt.prepare({ bind, token_file: null }), ShuntError, "in use");
    }
  });
});

Deno.test("admin server: a reload moves it to another host on the same port", async () => {
  await using shunt = await startTestAdmin();
  const { admin } = shunt;
  const port = admin.address!.split(":")[1];
  const move = async (bind: string) => (await admin.prepare({ bind, token_file: null })).commit();
  await move(`localhost:${port}`);
  assertEquals(admin.address, `127.0.0.1:${port}`);
  for (const bind of [`0.0.0.0:${port}`, `127.0.0.1:${port}`]) {
    await move(bind);
    assertEquals(admin.address, bind);
    // Until the socket that was left is closed, the kernel may still give it a connection.
    const served = () => ask(`127.0.0.1:${port}`, "GET", "/healthz").catch(() => undefined);
    for (let tries = 0; (await served())?.status !== 200; tries++) assert(tries < 100, bind);
  }
});

Deno.test("admin server: an address in use is reported with what to do", async () => {
  const holder = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = holder.addr;
  const bind = `127.0.0.1:${port}`;
  await assertRejects(
    () => startTestAdmin({ bind }),
    ShuntError,
    `Cannot bind the admin address ${bind}: the address is in use; stop what listens there`,
  );
  holder.close();
  await assertRejects(() => startTestAdmin({ bind: "198.51.100.1:0" }), ShuntError, "none of this");
});

Deno.test("admin server: a reload reads the token again and keeps the old one if that fails", async () => {
  await inFolder(async (dir) => {
    const token_file = await writeToken(dir);
    await using shunt = await startTestAdmin({ token_file });
    const config = { bind: "127.0.0.1:0", token_file };
    assertEquals((await shunt.ask("POST", "/api/reload", CHANGE)).status, 200);
    await writeToken(dir, "another-token-of-some-length");
    const address = shunt.admin.address;
    const change = await shunt.admin.prepare(config);
    assertEquals((await shunt.ask("POST", "/api/reload", CHANGE)).status, 200);
    change.commit();
    assertEquals(shunt.admin.address, address);
    assertEquals((await shunt.ask("POST", "/api/reload", CHANGE)).status, 401);
    await Deno.remove(token_file);
    await assertRejects(() => shunt.admin.prepare(config), ShuntError, "admin.token_file");
    assertEquals((await shunt.ask("POST", "/api/reload", OWN)).status, 401);
    (await shunt.admin.prepare({ ...config, token_file: null })).commit();
    assertEquals((await shunt.ask("POST", "/api/reload", OWN)).status, 200);
  });
});

Deno.test("admin server: invalid tokens are refused", async () => {
  await inFolder(async (dir) => {
    const table = [
      ["short", "it holds 5 characters, fewer than 16"],
      ["", "it holds 0 characters"],
      ["two words of a long token", "printable ASCII"],
      ["x".repeat(1100), "longer than 1024"],
    ] as const;
    for (const [token, message] of table) {
      const token_file = await writeToken(dir, token);
      await assertRejects(() => startTestAdmin({ token_file }), ShuntError, message);
    }
    await assertRejects(() => startTestAdmin({ token_file: dir }), ShuntError, "not a file");
  });
});

Deno.test("admin server: a reload is answered even if it moves the address that it came by", async () => {
  await using shunt = await startTestAdmin();
  const before = shunt.admin.address!;
  shunt.control.reload = async () => {
    (await shunt.admin.prepare({ bind: "[::1]:0", token_file: null })).commit();
    return { ok: true, changed: ["admin"] };
  };
  const answer = await shunt.ask("POST", "/api/reload", OWN);
  assertEquals([answer.status, answer.text], [200, '{"changed":["admin"]}']);
  assertStringIncludes(shunt.admin.address!, "[::1]:");
  await assertRejects(() => ask(before, "GET", "/healthz"));
  const aborted = await shunt.admin.prepare({ bind: "127.0.0.1:0", token_file: null });
  await aborted.abort();
  assertStringIncludes(shunt.admin.address!, "[::1]:");
});

interface Client {
  readonly socket: Socket;
  /** All that it was sent, once it is closed. */
  readonly closed: Promise<string>;
}

function connectTo(address: string): Promise<Client> {
  const socket = connect(Number(address.split(":")[1]), "127.0.0.1");
  const closed = new Promise<string>((resolve) => {
    let text = "";
    socket.on("data", (part) => text += String(part));
    socket.on("error", () => {});
    socket.on("close", () => resolve(text));
  });
  return new Promise((resolve) => socket.on("connect", () => resolve({ socket, closed })));
}

Deno.test("admin server: silent connections keep no client out, the oldest makes room", async () => {
  await using shunt = await startTestAdmin();
  const address = shunt.admin.address!;
  const idle = [];
  for (let i = 0; i < maxConnections(); i++) idle.push(await connectTo(address));
  assertEquals((await shunt.ask("GET", "/healthz")).status, 200);
  assertEquals(await idle[0]!.closed, "");
  const { socket, closed } = idle.at(-1)!;
  socket.write(`GET /healthz HTTP/1.1\r\nHost: ${address}\r\n\r\n`);
  assertStringIncludes(await closed, "HTTP/1.1 200 ");
  for (const { socket } of idle) socket.destroy();
  await Promise.all(idle.map(({ closed }) => closed));
});

Deno.test("admin server: heads and bodies too long are refused and the connection ends", async () => {
  await using shunt = await startTestAdmin();
  const address = shunt.admin.address!;
  const table = [
    [`GET / HTTP/1.1\r\nHost: ${address}\r\nX: ${"x".repeat(20_000)}\r\n\r\n`, "431"],
    [
      `POST /api/reload HTTP/1.1\r\nHost: ${address}\r\nContent-Length: 5000\r\n\r\n${
        "x".repeat(5000)
      }`,
      "413",
    ],
    [
      `POST /api/reload HTTP/1.1\r\nHost: ${address}\r\nTransfer-Encoding: chunked\r\n\r\n1388\r\n${
        "x".repeat(5000)
      }`,
      "413",
    ],
    ["\x16\x03\x01\x00\x05hello\r\n\r\n", "400"],
    ["GET / HTTP/1.1\r\n\r\n", "400"],
  ] as const;
  for (const [bytes, status] of table) {
    const { socket, closed } = await connectTo(address);
    socket.write(bytes);
    assertStringIncludes(await closed, `HTTP/1.1 ${status} `);
  }
  assertEquals(shunt.control.asked, []);
});

Deno.test("admin server: closing does not wait for clients that are silent", async () => {
  const shunt = await startTestAdmin();
  const silent = await connectTo(shunt.admin.address!);
  const half = await connectTo(shunt.admin.address!);
  half.socket.write("GET /healthz HTTP/1.1\r\nHost: loc");
  await shunt.ask("GET", "/healthz");
  await shunt.admin.close();
  await Promise.all([silent.closed, half.closed]);
});
