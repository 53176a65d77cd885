/**
 * Clients and targets that agree on TLS as PostgreSQL's do. Knows no TLS: a hello is as far as they go.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { buildClientHello, concat, recordize } from "../unit/_hello.ts";
import {
  connect,
  readAll,
  readExactly,
  serveTcp,
  type TcpServer,
  type TestShunt,
  text,
  writeAll,
} from "./_shunt.ts";

/** Asks for TLS. */
export const SSL_REQUEST: Uint8Array = Uint8Array.of(0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f);
/** Asks for encryption by GSSAPI. */
export const GSS_REQUEST: Uint8Array = Uint8Array.of(0, 0, 0, 8, 4, 0xd2, 0x16, 0x30);

/**
 * Makes a hello.
 *
 * @param sni The name in it
 * @returns A TLS record
 */
export function helloFor(sni: string): Uint8Array {
  return recordize(buildClientHello({ sni }));
}

/** A target that says something of its own to SSLRequest, and then its name and what it got. */
export interface Database extends TcpServer {
  /** What each connection sent first. */
  readonly requests: Uint8Array[];
}

/**
 * Serves as a database.
 *
 * @param name What it says once the hello has come, before it sends all back
 * @param answer What it says to SSLRequest; `null`: nothing, and it waits
 * @param lead Bytes that it expects before SSLRequest
 */
export function serveDatabase(
  name: string,
  answer: Uint8Array | string | null = "S",
  lead = 0,
): Database {
  const requests: Uint8Array[] = [];
  const server = serveTcp(async (conn) => {
    requests.push(await readExactly(conn, lead + SSL_REQUEST.length));
    if (answer === null) return await conn.read(new Uint8Array(1));
    await writeAll(conn, typeof answer === "string" ? new TextEncoder().encode(answer) : answer);
    const buffer = new Uint8Array(65_536);
    for (let first = true;; first = false) {
      const count = await conn.read(buffer);
      if (count === null) return await conn.closeWrite();
      const said = new TextEncoder().encode(first ? name : "");
      await writeAll(conn, concat(said, buffer.slice(0, count)));
    }
  });
  return Object.defineProperties(server, { requests: { value: requests } }) as Database;
}

/** Whom a listener's routes lead to, by name. */
export interface Databases {
  /** Targets of `a.db.test` and of `b.db.test`. */
  readonly a: readonly (number | string)[];
  readonly b?: readonly (number | string)[];
  /** Targets of clients without TLS. */
  readonly clear?: readonly (number | string)[];
  /** More keys of the listener and of each upstream. */
  readonly listener?: string;
  readonly upstream?: string;
  /** More at the top level. */
  readonly top?: string;
}

/**
 * Writes a configuration whose routes tell databases apart by the name in the hello.
 *
 * @param databases The targets
 * @returns The configuration's text
 */
export function byName(
  { a, b = a, clear = ["builtin:reset"], listener = "", upstream = "", top = "" }: Databases,
): string {
  const targets = (list: readonly (number | string)[]) =>
    list.map((one) => JSON.stringify(typeof one === "number" ? `127.0.0.1:${one}` : one)).join(
      ", ",
    );
  const entry = (list: readonly (number | string)[]) =>
    `{ targets: [${targets(list)}]${upstream} }`;
  return `
listeners:
  edge:
    bind: 127.0.0.1:0
    transports: tcp
${listener}
    routes:
      - match: { protocol: postgres, sni: a.db.test }
        upstream: a
      - match: { protocol: postgres, sni: b.db.test }
        upstream: b
      - match: { protocol: postgres }
        upstream: clear
upstreams:
  a: ${entry(a)}
  b: ${entry(b)}
  clear: ${entry(clear)}
${top}
`;
}

/**
 * Connects, asks for TLS, and waits until it may begin.
 *
 * @param shunt Whom to ask
 * @returns The connection
 */
export async function begin(shunt: TestShunt): Promise<Deno.TcpConn> {
  const client = await connect(shunt.port());
  await writeAll(client, SSL_REQUEST);
  assertEquals(text(await readExactly(client, 1)), "S");
  return client;
}

/**
 * Goes through an opening, and ends.
 *
 * @param shunt Whom to ask
 * @param sni The name to ask for
 * @returns What the database said before it sent the hello back
 */
export async function ask(shunt: TestShunt, sni: string): Promise<string> {
  using client = await begin(shunt);
  const hello = helloFor(sni);
  await writeAll(client, hello);
  await client.closeWrite();
  const heard = await readAll(client);
  assertEquals(heard.subarray(heard.length - hello.length), hello);
  return text(heard.subarray(0, heard.length - hello.length));
}
