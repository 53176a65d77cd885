/**
 * A TLS client whose bytes on the wire are counted. Knows nothing of shunt.
 *
 * @module
 */

import { type Client, expectSame } from "./client.ts";
import { between, pattern } from "./random.ts";
import { Tally, Wire } from "./tally.ts";
import { splice } from "./tap.ts";

/** A connection of this process with itself. */
async function loop(): Promise<[Deno.TcpConn, Deno.TcpConn]> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  try {
    const { port } = listener.addr;
    return await Promise.all([Deno.connect({ hostname: "127.0.0.1", port }), listener.accept()]);
  } finally {
    listener.close();
  }
}

/** Shakes hands, checks the certificate, and reads back what it sends. */
export const echoOverTls: Client = async (wire, { token, random, caCerts }) => {
  const [near, far] = await loop();
  const spliced = splice(wire, far);
  // Where the wire breaks, the client notices by its own end: both are awaited.
  const talked = talk(near, { token, caCerts, length: between(random, 0, 128 * 1024) });
  const results = await Promise.allSettled([talked, spliced]);
  for (const result of results) if (result.status === "rejected") throw result.reason;
};

interface Talk {
  readonly token: string;
  readonly caCerts: string[];
  readonly length: number;
}

async function talk(near: Deno.TcpConn, { token, caCerts, length }: Talk): Promise<void> {
  const conn = await Deno.startTls(near, { hostname: `${token}.tls.soak.test`, caCerts });
  const tls = new Wire(conn);
  try {
    const payload = new Tally();
    const sending = (async () => {
      await tls.say(`~SOAK ${token} echo 0\n`);
      for (const chunk of pattern(token, length)) {
        payload.add(chunk);
        await tls.write(chunk);
      }
    })();
    const [got] = await Promise.all([tls.take(length), sending]);
    expectSame(got, payload.sum());
  } finally {
    tls.close();
  }
}
