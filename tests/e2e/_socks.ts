/**
 * A SOCKS server for tests: versions 4, 4a and 5 without authentication, CONNECT only, and to
 * loopback only. RFC 1928.
 *
 * @module
 */

import { connect, readExactly, serveTcp, type TcpServer, text, writeAll } from "./_shunt.ts";

/** A SOCKS server with the requests that it got. */
export interface SocksServer extends TcpServer {
  /** What was asked for so far, as `VERSION HOST`. */
  readonly asked: readonly string[];
}

/** Serves SOCKS on loopback until disposed. */
export function serveSocks(): SocksServer {
  const asked: string[] = [];
  const server = serveTcp(async (conn) => {
    const [version] = await readExactly(conn, 1);
    const { host, port, granted } = version === 5 ? await readSocks5(conn) : await readSocks4(conn);
    asked.push(`${version} ${host}`);
    if (host !== "localhost" && host !== "127.0.0.1") return;
    const target = await connect(port);
    await writeAll(conn, granted);
    await Promise.all([copy(conn, target), copy(target, conn)]);
    target.close();
  });
  return Object.assign(server, { asked });
}

interface Request {
  readonly host: string;
  readonly port: number;
  /** The answer that grants it. */
  readonly granted: Uint8Array;
}

async function readSocks5(conn: Deno.TcpConn): Promise<Request> {
  const [methods = 0] = await readExactly(conn, 1);
  await readExactly(conn, methods);
  await writeAll(conn, new Uint8Array([5, 0]));
  const [, , , type] = await readExactly(conn, 4);
  const length = type === 3 ? (await readExactly(conn, 1))[0] ?? 0 : type === 4 ? 16 : 4;
  const name = await readExactly(conn, length);
  return {
    host: type === 3 ? text(name) : name.join("."),
    port: readPort(await readExactly(conn, 2)),
    granted: new Uint8Array([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
  };
}

async function readSocks4(conn: Deno.TcpConn): Promise<Request> {
  await readExactly(conn, 1);
  const port = readPort(await readExactly(conn, 2));
  const address = await readExactly(conn, 4);
  await readString(conn);
  // Version 4a: an address 0.0.0.x says that a name follows.
  const named = address[0] === 0 && address[1] === 0 && address[2] === 0;
  return {
    host: named ? await readString(conn) : address.join("."),
    port,
    granted: new Uint8Array([0, 90, 0, 0, 0, 0, 0, 0]),
  };
}

function readPort(data: Uint8Array): number {
  return new DataView(data.buffer, data.byteOffset).getUint16(0);
}

async function readString(conn: Deno.TcpConn): Promise<string> {
  let string = "";
  for (;;) {
    const next = await readExactly(conn, 1);
    if (next[0] === 0) return string;
    string += text(next);
  }
}

async function copy(from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
  const buffer = new Uint8Array(16_384);
  for (;;) {
    const count = await from.read(buffer);
    if (count === null) break;
    await writeAll(to, buffer.subarray(0, count));
  }
  await to.closeWrite();
}
