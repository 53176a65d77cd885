/** Servers on loopback that behave in one way each, for checks of targets. */

import { createServer } from "node:tls";
import type { AddressInfo } from "node:net";
import type { ProbeAddress } from "../../../src/control/health/probe.ts";

/** A server that runs. */
export interface Server extends AsyncDisposable {
  readonly address: ProbeAddress;
  /** What each client sent first. */
  readonly heard: string[];
}

/** What a server does with a connection. */
export type Behave = (conn: Deno.Conn, heard: string[]) => Promise<void>;

async function write(conn: Deno.Conn, text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  for (let sent = 0; sent < bytes.length;) sent += await conn.write(bytes.subarray(sent));
}

async function hear(conn: Deno.Conn): Promise<string> {
  const bytes = new Uint8Array(4096);
  const read = await conn.read(bytes);
  return new TextDecoder().decode(bytes.subarray(0, read ?? 0));
}

/** Answers a request with a text, in one piece or in pieces. */
export function answer(...pieces: readonly string[]): Behave {
  return async (conn, heard) => {
    heard.push(await hear(conn));
    for (const piece of pieces) {
      await write(conn, piece);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  };
}

/** Sends a beginning and then the same for ever. */
export function endless(begin: string, more: string): Behave {
  return async (conn) => {
    await hear(conn);
    await write(conn, begin);
    for (;;) await write(conn, more.repeat(1000));
  };
}

/** Sends nothing until the client closes. */
export const silent: Behave = async (conn) => {
  while (await hear(conn) !== "");
};

/** Closes at once. */
export const hangUp: Behave = () => Promise.resolve();

/** Serves TCP on a free port of 127.0.0.1, or on a Unix socket. */
export function serve(behave: Behave, path?: string): Server {
  const listener = path === undefined
    ? Deno.listen({ hostname: "127.0.0.1", port: 0 })
    : Deno.listen({ transport: "unix", path });
  const heard: string[] = [];
  const conns = new Set<Deno.Conn>();
  const ends = new Set<Promise<void>>();
  const handle = async (conn: Deno.Conn) => {
    conns.add(conn);
    try {
      await behave(conn, heard);
    } catch {
      // The client went.
    }
    conns.delete(conn);
    conn.close();
  };
  const accepting = (async () => {
    try {
      for await (const conn of listener) {
        const end = handle(conn).finally(() => ends.delete(end));
        ends.add(end);
      }
    } catch {
      // Closed.
    }
  })();
  const { addr } = listener;
  return {
    heard,
    address: "hostname" in addr
      ? { kind: "inet", host: addr.hostname, port: addr.port }
      : { kind: "unix", path: path! },
    async [Symbol.asyncDispose]() {
      listener.close();
      for (const conn of conns) {
        try {
          // Ends a read under way; the handler closes.
          await conn.closeWrite();
        } catch {
          // The client went.
        }
      }
      await accepting;
      await Promise.all(ends);
    },
  };
}

const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgFnjfbmUwzethYnEW
Uw5UDBNIRbVNRQwWFLwtfrKlCLuhRANCAAQZWvHf27yU0Ql23/cjNvGbyJXYCvci
qoQK+SxxxyEMnApIgLF5pqJ6BfE2Cx0U7jJ4c+AjfCHdGTnZurI/y8EP
-----END PRIVATE KEY-----`;
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBXzCCAQWgAwIBAgIBAjAKBggqhkjOPQQDAjAVMRMwEQYDVQQDDAp3cm9uZy50
ZXN0MB4XDTIwMDEwMTAwMDAwMFoXDTIwMDEwMjAwMDAwMFowFTETMBEGA1UEAwwK
d3JvbmcudGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABBla8d/bvJTRCXbf
9yM28ZvIldgK9yKqhAr5LHHHIQycCkiAsXmmonoF8TYLHRTuMnhz4CN8Id0ZOdm6
sj/LwQ+jRjBEMAwGA1UdEwEB/wQCMAAwFQYDVR0RBA4wDIIKd3JvbmcudGVzdDAd
BgNVHQ4EFgQUB01HLfIfQij+vsU1g2ReP9MvngwwCgYIKoZIzj0EAwIDSAAwRQIg
KprsdE03+UAdWJhduYtC2BvVZdihcVYfKDvG4sIgWdgCIQDSub5lKViVW3cFqTYa
tzD2V5dHuYrgT39UEqDL0Y4Pxg==
-----END CERTIFICATE-----`;

/** Serves TLS with a certificate that no client accepts: self-signed, for wrong.test, expired in 2020. */
export async function serveTls(path?: string): Promise<Server> {
  const server = createServer({ key: KEY, cert: CERTIFICATE }, (socket) => {
    socket.on("error", () => {});
  });
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) =>
    path === undefined ? server.listen(0, "127.0.0.1", resolve) : server.listen(path, resolve)
  );
  return {
    heard: [],
    address: path === undefined
      ? { kind: "inet", host: "127.0.0.1", port: (server.address() as AddressInfo).port }
      : { kind: "unix", path },
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}

/** An address that refuses: bound a moment ago, and closed. */
export function refusing(): ProbeAddress & { readonly kind: "inet" } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  return { kind: "inet", host: "127.0.0.1", port };
}
