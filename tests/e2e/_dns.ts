/**
 * A DNS server for tests, by UDP and TCP on one port: every name has one address. RFC 1035, section 4.
 *
 * @module
 */

import { openBoth } from "../_both.ts";
import { readExactly, serveTcp, writeAll } from "./_shunt.ts";

/** A running DNS server. */
export interface DnsServer extends AsyncDisposable {
  readonly port: number;
}

/**
 * Serves DNS on loopback until disposed.
 *
 * @param address The IPv4 address of every name
 */
export function serveDns(address: string): DnsServer {
  const { udp, tcp } = openBoth((port) =>
    serveTcp(async (conn) => {
      const length = new DataView((await readExactly(conn, 2)).buffer).getUint16(0);
      const reply = answer(await readExactly(conn, length), address);
      await writeAll(conn, new Uint8Array([reply.length >> 8, reply.length & 255, ...reply]));
    }, { port })
  );
  const loop = (async () => {
    for await (const [query, from] of udp) await udp.send(answer(query, address), from);
  })();
  return {
    port: tcp.port,
    async [Symbol.asyncDispose]() {
      udp.close();
      await Promise.all([loop, tcp[Symbol.asyncDispose]()]);
    },
  };
}

/** Answers the one question of a query with one A record. */
function answer(query: Uint8Array, address: string): Uint8Array {
  let end = 12;
  for (let label = query[end] ?? 0; label !== 0; label = query[end] ?? 0) end += 1 + label;
  // The root label, type and class.
  end += 5;
  const id = query.subarray(0, 2);
  // Response, authoritative; one question, one answer, nothing more.
  const header = [0x84, 0, 0, 1, 0, 1, 0, 0, 0, 0];
  // The name is at offset 12; type A, class IN, 60 s, 4 bytes.
  const record = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...address.split(".").map(Number)];
  return new Uint8Array([...id, ...header, ...query.subarray(12, end), ...record]);
}
