/**
 * Runs shunt, targets and clients for end-to-end tests: real sockets on loopback, port 0 everywhere,
 * and conditions to wait for instead of sleeps.
 *
 * @module
 */

import { parseConfig } from "../../src/config/load.ts";
import type { Config } from "../../src/config/schema.ts";
import type { Io } from "../../src/io/mod.ts";
import { openLibc } from "../../src/io/libc/symbols.ts";
import { PROTOCOLS } from "../../src/detect/mod.ts";
import type { AccessRecord } from "../../src/observe/access/record.ts";
import type { Counters } from "../../src/observe/metrics/counters.ts";
import { type Proxy, startProxy } from "../../src/control/proxy.ts";

/**
 * Waits until a condition holds.
 *
 * @param condition Looked at every 5 ms
 * @param what What is waited for, for the message
 * @param timeoutMs Milliseconds after which the test fails
 */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  timeoutMs = 10_000,
): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!await condition()) {
    if (performance.now() > end) throw new Error(`Waited ${timeoutMs} ms in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Whose sockets the tests use: the whole suite runs on each. */
export const TEST_IO: string = Deno.env.get("SHUNT_IO") ?? "deno";

// A library that stays open is not a test's leak.
if (TEST_IO === "libc") openLibc();

/** A running shunt with the records of ended sessions and flows. */
export class TestShunt implements AsyncDisposable {
  readonly proxy: Proxy;
  readonly records: AccessRecord[];

  constructor(proxy: Proxy, records: AccessRecord[]) {
    this.proxy = proxy;
    this.records = records;
  }

  /** The port that a listener is bound to; TCP and UDP have the same. */
  port(listener = "edge"): number {
    const bound = this.proxy.addresses[listener];
    const address = bound?.tcp[0] ?? bound?.udp[0];
    if (address === undefined) throw new Error(`Listener "${listener}" is not bound`);
    return Number(address.slice(address.lastIndexOf(":") + 1));
  }

  counters(listener = "edge"): Counters {
    const counters = this.proxy.stats()[listener];
    if (counters === undefined) throw new Error(`Listener "${listener}" does not exist`);
    return counters;
  }

  /**
   * Goes on with another configuration.
   *
   * @param yaml Its text
   */
  reload(yaml: string): Promise<readonly string[]> {
    return this.proxy.reload(parse(yaml));
  }

  /** Waits for the access record of the session or flow that ends next, and takes it out. */
  async ended(timeoutMs = 10_000): Promise<AccessRecord> {
    let record: AccessRecord | undefined;
    // Taken in the condition, since others may wait too.
    const taken = () => (record = this.records.shift()) !== undefined;
    await until(taken, "a session or flow to end", timeoutMs);
    return record!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.proxy.close();
  }
}

function parse(yaml: string): Config {
  return parseConfig(yaml, { file: "test.yaml", protocols: PROTOCOLS, set: [`io=${TEST_IO}`] });
}

/**
 * Starts shunt in this process.
 *
 * @param yaml The configuration's text
 * @param io Sockets to use instead of the tests' own choice
 */
export async function startShunt(yaml: string, io?: Io): Promise<TestShunt> {
  const config = parse(yaml);
  const records: AccessRecord[] = [];
  const proxy = await startProxy(config, {
    onEnd: (record) => records.push(record),
    ...(io === undefined ? {} : { io }),
  });
  return new TestShunt(proxy, records);
}

/** A TCP server of the test's own. */
export interface TcpServer extends AsyncDisposable {
  readonly port: number;
  /** Connections accepted so far. */
  readonly accepted: number;
}

/**
 * Serves TCP connections on loopback until disposed.
 *
 * @param handle Gets each connection, which is closed after it
 * @param at Where to listen, unless on any port of 127.0.0.1
 */
export function serveTcp(
  handle: (conn: Deno.TcpConn) => Promise<unknown> | unknown,
  { hostname = "127.0.0.1", port = 0 } = {},
): TcpServer {
  const listener = Deno.listen({ hostname, port });
  const running = new Set<Promise<void>>();
  const open = new Set<Deno.TcpConn>();
  let accepted = 0;
  const serve = async (conn: Deno.TcpConn) => {
    open.add(conn);
    try {
      await handle(conn);
    } catch {
      // Connections of a test end as they end.
    }
    open.delete(conn);
    try {
      conn.close();
    } catch {
      // The handler closed it.
    }
  };
  const loop = (async () => {
    for await (const conn of listener) {
      accepted++;
      const served = serve(conn).finally(() => running.delete(served));
      running.add(served);
    }
  })();
  return {
    port: listener.addr.port,
    get accepted() {
      return accepted;
    },
    async [Symbol.asyncDispose]() {
      listener.close();
      await loop;
      for (const conn of open) {
        try {
          conn.close();
        } catch {
          // Closed already.
        }
      }
      await Promise.all(running);
    },
  };
}

/** Sends all bytes back, until the client ends. */
export async function echo(conn: Deno.TcpConn): Promise<void> {
  const buffer = new Uint8Array(65_536);
  for (;;) {
    const count = await conn.read(buffer);
    if (count === null) break;
    await writeAll(conn, buffer.subarray(0, count));
  }
  await conn.closeWrite();
}

/** Writes all of some bytes. */
export async function writeAll(
  conn: { write(bytes: Uint8Array): Promise<number> },
  bytes: Uint8Array,
): Promise<void> {
  for (let sent = 0; sent < bytes.length;) sent += await conn.write(bytes.subarray(sent));
}

/** Reads until the other side ends. */
export async function readAll(
  conn: { read(buffer: Uint8Array): Promise<number | null> },
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  const buffer = new Uint8Array(65_536);
  for (;;) {
    const count = await conn.read(buffer);
    if (count === null) break;
    parts.push(buffer.slice(0, count));
  }
  return new Uint8Array(await new Blob(parts as Uint8Array<ArrayBuffer>[]).arrayBuffer());
}

/** Reads exactly this many bytes. */
export async function readExactly(conn: Deno.TcpConn, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let got = 0; got < length;) {
    const count = await conn.read(bytes.subarray(got));
    if (count === null) throw new Error(`The stream ended after ${got} of ${length} bytes`);
    got += count;
  }
  return bytes;
}

/** Connects to a port on loopback. */
export function connect(port: number): Promise<Deno.TcpConn> {
  return Deno.connect({ hostname: "127.0.0.1", port });
}

/** Text as bytes. */
export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Bytes as text. */
export function text(data: Uint8Array): string {
  return new TextDecoder().decode(data);
}
