/**
 * A UDP client that numbers its datagrams and checks each answer. Knows nothing of shunt.
 *
 * @module
 */

import { makeDatagram, MAX_DATAGRAM, readDatagram } from "./datagram.ts";
import { between, type Random } from "./random.ts";
import type { ClientRecord } from "./records.ts";
import { pause } from "./tally.ts";

/** Milliseconds after which a client stops waiting; the sums show lost answers. */
const LOST_MS = 1000;
/** Longer than shunt keeps a silent flow; until then no other client may have the same port. */
const LINGER_MS = 5000;

/** What a flow needs. */
export interface FlowParts {
  readonly token: string;
  readonly port: number;
  readonly random: Random;
}

/**
 * Runs one flow to its end.
 *
 * @param kind Its kind
 * @param parts What it needs
 * @returns What it has to say
 */
export async function runFlow(kind: string, parts: FlowParts): Promise<ClientRecord> {
  const { token, port, random } = parts;
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const to: Deno.NetAddr = { transport: "udp", hostname: "127.0.0.1", port };
  const { port: own } = socket.addr as Deno.NetAddr;
  const start = Date.now();
  const tunnel = kind === "tunnel";
  let [sent, received, broken, slowest] = [0, 0, 0, 0];
  const waiting = new Map<number, () => void>();
  const asked: number[] = [];
  const listening = (async () => {
    for await (const [datagram] of socket) {
      const read = readDatagram(datagram);
      if (read?.token !== token) broken++;
      else {
        received += datagram.length;
        slowest = Math.max(slowest, performance.now() - asked[read.seq]!);
      }
      waiting.get(read?.seq ?? -1)?.();
    }
  })();
  const ask = async (seq: number): Promise<void> => {
    const length = 16 * between(random, 2, MAX_DATAGRAM / 16);
    const { promise, resolve } = Promise.withResolvers<void>();
    waiting.set(seq, resolve);
    asked[seq] = performance.now();
    const count = await socket.send(makeDatagram(token, seq, { tunnel, length }), to);
    sent += count;
    const timer = setTimeout(resolve, LOST_MS);
    await promise;
    clearTimeout(timer);
    waiting.delete(seq);
  };
  let seq = 0;
  for (let round = between(random, 2, 20); round > 0; round--) {
    // The first datagram goes alone, since datagrams are held, within limits, until a target is known.
    const burst = seq === 0 ? 1 : between(random, 1, 4);
    await Promise.all(Array.from({ length: burst }, () => ask(seq++)));
    await pause(between(random, 0, 150));
  }
  const end = Date.now();
  await pause(LINGER_MS);
  socket.close();
  await listening;
  const sums = { sent: { bytes: sent, hash: "" }, received: { bytes: received, hash: "" } };
  const error = broken > 0 ? "Wrong bytes" : undefined;
  const source = `127.0.0.1:${own}`;
  return { from: "client", kind, token, source, start, end, ...sums, slowest, error };
}
