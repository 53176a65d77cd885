/** Checks of targets that require a PROXY header: a small one of the test's own, and nginx. */

import { assert, assertEquals } from "@std/assert";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";
import { parseProxyHeader } from "../../src/wire/proxy_protocol.ts";
import { Certificates } from "./_openssl.ts";
import {
  bytes,
  connect,
  readAll,
  serveTcp,
  startShunt,
  type TcpServer,
  text,
  until,
  writeAll,
} from "./_shunt.ts";
import { Tool } from "./_tools.ts";

const ANSWER = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi";

function config(
  target: string,
  { probe, version }: { readonly probe: string; readonly version: string },
): string {
  return `
listeners: { edge: { bind: 127.0.0.1:0, transports: tcp, routes: [{ upstream: up }] } }
upstreams:
  up:
    targets: ["${target}"]
    send_proxy_protocol: ${version}
    health: { interval: 100ms, timeout: 2s, probe: ${probe}, rise: 1, fall: 1 }
`;
}

/**
 * Returns the bytes of the header that a connection begins with, and the bytes after it; nothing without a
 * header.
 */
async function readHeader(conn: Deno.TcpConn): Promise<
  { readonly header: Uint8Array; readonly rest: Uint8Array; readonly source: boolean } | undefined
> {
  const buffer = new Uint8Array(4096);
  for (let length = 0;;) {
    const count = await conn.read(buffer.subarray(length));
    if (count === null) return undefined;
    length += count;
    const result = parseProxyHeader(buffer.subarray(0, length));
    if (result.kind === "need_more") continue;
    if (result.kind !== "header") return undefined;
    const end = result.header.length;
    return {
      header: buffer.slice(0, end),
      rest: buffer.slice(end, length),
      source: result.header.source !== undefined,
    };
  }
}

/** What a target that requires a header has seen. */
interface Seen {
  /** Headers without addresses, as hex: checks, not traffic. */
  readonly own: string[];
  refused: number;
}

/**
 * A target that closes connections without a PROXY header, and behaves like another one after the header.
 */
function strict(seen: Seen, behind: number): TcpServer {
  return serveTcp(async (conn) => {
    const first = await readHeader(conn);
    if (first === undefined) {
      seen.refused++;
      return;
    }
    if (!first.source) seen.own.push(first.header.toHex());
    using inner = await connect(behind);
    if (first.rest.length > 0) await writeAll(inner, first.rest);
    await Promise.all([
      conn.readable.pipeTo(inner.writable).catch(() => {}),
      inner.readable.pipeTo(conn.writable).catch(() => {}),
    ]);
  });
}

/** Serves HTTP, or HTTP in TLS, on loopback. */
async function serveBehind(
  probe: string,
): Promise<AsyncDisposable & { readonly port: number }> {
  if (probe !== "tls") {
    return serveTcp(async (conn) => {
      if (await conn.read(new Uint8Array(1000)) !== null) await writeAll(conn, bytes(ANSWER));
    });
  }
  const certificates = await Certificates.make("a.example");
  const server = createTlsServer({
    key: await Deno.readTextFile(certificates.key("a.example")),
    cert: await Deno.readTextFile(certificates.certificate("a.example")),
  }, (socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.end(ANSWER));
  });
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as { port: number }).port,
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => server.close(resolve));
      await certificates[Symbol.asyncDispose]();
    },
  };
}

/** Asks for a page through shunt. */
async function fetchThrough(port: number, tls: boolean): Promise<string> {
  const request = "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n";
  if (!tls) {
    using conn = await connect(port);
    await writeAll(conn, bytes(request));
    return text(await readAll(conn));
  }
  return await new Promise((resolve, reject) => {
    const socket = connectTls({ host: "127.0.0.1", port, rejectUnauthorized: false });
    let heard = "";
    socket.on("error", reject);
    socket.on("data", (data) => heard += data);
    socket.on("end", () => resolve(heard));
    socket.on("secureConnect", () => socket.write(request));
  });
}

const HEADERS = {
  v1: bytes("PROXY UNKNOWN\r\n").toHex(),
  v2: "0d0a0d0a000d0a515549540a20000000",
} as const;

for (const probe of ["tcp", "http", "tls"] as const) {
  for (const version of ["v1", "v2"] as const) {
    Deno.test(`health: a target that requires a PROXY header passes checks that send one (${probe}, ${version})`, async () => {
      const seen: Seen = { own: [], refused: 0 };
      await using behind = await serveBehind(probe);
      await using target = strict(seen, behind.port);
      const name = `127.0.0.1:${target.port}`;
      await using shunt = await startShunt(config(name, { probe, version }));
      const report = () => shunt.proxy.health("up", name);
      await until(() => (report()?.checks.ok ?? 0) >= 3, "three checks to pass");
      assertEquals([report()?.health, report()?.checks.failed], ["up", 0]);
      await until(() => seen.own.length >= 3, "the target to see them");
      assertEquals(new Set(seen.own), new Set([HEADERS[version]]));
      assertEquals(seen.refused, 0);
      assert((await fetchThrough(shunt.port(), probe === "tls")).endsWith("hi"));
    });
  }
}

for (const probe of ["http", "tls"] as const) {
  Deno.test(`health: without send_proxy_protocol checks send no header, as traffic does (${probe})`, async () => {
    const seen: Seen = { own: [], refused: 0 };
    await using behind = await serveBehind(probe);
    await using target = strict(seen, behind.port);
    const name = `127.0.0.1:${target.port}`;
    await using shunt = await startShunt(config(name, { probe, version: "off" }));
    await until(() => shunt.proxy.health("up", name)?.health === "down", "the target to be out");
    assertEquals(seen.own, []);
  });
}

Deno.test("health: a reload that turns headers on reaches the checks", async () => {
  const seen: Seen = { own: [], refused: 0 };
  await using behind = await serveBehind("http");
  await using target = strict(seen, behind.port);
  const name = `127.0.0.1:${target.port}`;
  await using shunt = await startShunt(config(name, { probe: "http", version: "off" }));
  await until(() => shunt.proxy.health("up", name)?.health === "down", "the target to be out");
  await shunt.reload(config(name, { probe: "http", version: "v2" }));
  await until(() => shunt.proxy.health("up", name)?.health === "up", "the target to be back");
});

const NGINX = "/usr/sbin/nginx";

function hasNginx(): boolean {
  try {
    return Deno.statSync(NGINX).isFile;
  } catch {
    return false;
  }
}

for (const probe of ["http", "tls"] as const) {
  for (const version of ["v1", "v2"] as const) {
    Deno.test({
      name: `health: nginx with "listen … proxy_protocol" passes checks (${probe}, ${version})`,
      // It is not among the tools that tests may count on.
      ignore: !hasNginx(),
      fn: async () => {
        const folder = await Deno.makeTempDir({ prefix: "shunt-nginx-" });
        await using certificates = await Certificates.make("a.example");
        const path = `${folder}/target.sock`;
        await Deno.writeTextFile(
          `${folder}/nginx.conf`,
          `daemon off; master_process off; pid ${folder}/pid; error_log stderr info;
events {}
http {
  access_log off; client_body_temp_path ${folder}/a; proxy_temp_path ${folder}/b;
  fastcgi_temp_path ${folder}/c; uwsgi_temp_path ${folder}/d; scgi_temp_path ${folder}/e;
  server {
    listen unix:${path} ${probe === "tls" ? "ssl" : ""} proxy_protocol;
    ssl_certificate ${certificates.certificate("a.example")};
    ssl_certificate_key ${certificates.key("a.example")};
    location / { return 200 "hi"; }
  }
}
`,
        );
        try {
          await using nginx = new Tool(NGINX, ["-c", `${folder}/nginx.conf`, "-e", "stderr"]);
          const up = () => Deno.stat(path).then(() => true, () => false);
          await until(up, `nginx to listen: ${nginx.output}`);
          const name = `unix:${path}`;
          await using shunt = await startShunt(config(name, { probe, version }));
          const report = () => shunt.proxy.health("up", name);
          await until(() => (report()?.checks.ok ?? 0) >= 3, "three checks to pass");
          assertEquals([report()?.health, report()?.checks.failed], ["up", 0]);
          assert((await fetchThrough(shunt.port(), probe === "tls")).endsWith("hi"));
        } finally {
          await Deno.remove(folder, { recursive: true });
        }
      },
    });
  }
}
