import { assert, assertEquals, assertLess } from "@std/assert";
import { cpuUsage } from "node:process";
import { denoIo } from "../../src/io/deno.ts";
import type { DatagramAddress, DatagramSocket, ReceiveOptions } from "../../src/io/mod.ts";
import { buildClientHello } from "../unit/_hello.ts";
import { buildInitial, cryptoFrame, MIN_DATAGRAM } from "../unit/_quic.ts";
import { echoed } from "./_flood.ts";
import { connect, echo, serveTcp, startShunt, until } from "./_shunt.ts";
import { UdpPeer } from "./_udp.ts";

const HELLO = buildClientHello({ sni: "www.example.com", alpn: ["h3"], size: 300 });

const random = (size: number) => crypto.getRandomValues(new Uint8Array(size));
const honest = () => buildInitial(cryptoFrame(HELLO), { size: MIN_DATAGRAM, dcid: random(8) });

/** Only the tag is wrong. */
function forged(): Uint8Array {
  const datagram = honest();
  datagram[datagram.length - 1]! ^= 1;
  return datagram;
}

/** As published in the report of the attack: 40 bytes. */
function short(): Uint8Array {
  const head = [0xc0, 0, 0, 0, 1, 8, ...random(8), 0, 0, 0x40, 22];
  return Uint8Array.from([...head, ...random(40 - head.length)]);
}

const noise = (size: number) => random(size).with(0, 0x5a);

function config(udp: number, tcp = 9): string {
  return `
listeners:
  edge:
    bind: 127.0.0.1:0
    transports: udp
    routes: [{ match: { protocol: quic, sni: "*.example.com" }, upstream: quic }]
  streams: { bind: 127.0.0.1:0, transports: tcp, routes: [{ upstream: streams }] }
upstreams:
  quic: { targets: ["127.0.0.1:${udp}"] }
  streams: { targets: ["127.0.0.1:${tcp}"] }
`;
}

/**
 * A listener's socket that receives what the test passes in, from the senders it names, and sends nothing.
 */
class FakeSocket implements DatagramSocket {
  readonly local = { host: "127.0.0.1", port: 9 };
  #options: ReceiveOptions | undefined;
  #closed: (() => void) | undefined;
  #source = 0;

  receive(options: ReceiveOptions): Promise<void> {
    this.#options = options;
    return new Promise((resolve) => this.#closed = resolve);
  }

  /** Hears a datagram from a source that was never heard before, or from this one. */
  hear(datagram: Uint8Array, source = this.#source++): void {
    const hostname = `10.${source >> 16}.${(source >> 8) & 255}.${source & 255}`;
    this.#options?.onDatagram(datagram, { transport: "udp", hostname, port: 1000 });
  }

  keep(from: DatagramAddress): DatagramAddress {
    return from;
  }

  send(): undefined {}

  close(): void {
    this.#closed?.();
  }
}

Deno.test("quic flood: connections from new clients are limited, and others are not", async () => {
  const socket = new FakeSocket();
  await using server = new UdpPeer((data) => data);
  await using shunt = await startShunt(config(server.port), { ...denoIo, bind: () => socket });
  const refused = () => shunt.counters().drops.limit_openings;
  const known = 1 << 20;
  socket.hear(honest(), known);
  await until(() => shunt.counters().bytesDown > 0, "an answer");

  // None of these takes keys.
  for (let i = 0; i < 3000; i++) socket.hear(short());
  for (let i = 0; i < 3000; i++) socket.hear(noise(MIN_DATAGRAM));
  assertEquals(refused(), 0);
  const flood = Array.from({ length: 3000 }, forged);
  for (const datagram of flood) socket.hear(datagram);
  // A fifth of a second's worth came through. The first one's place may have been given back.
  const after = refused();
  assert(after === 1000 || after === 1001, `${after}`);
  socket.hear(forged(), known);
  assertEquals(refused(), after, "of a client that was answered");
  await until(() => {
    const before = refused();
    socket.hear(honest());
    return refused() === before;
  }, "a newcomer to be judged");
});

Deno.test("quic flood: a datagram that looks like an Initial costs a flow about as much as noise", async () => {
  const socket = new FakeSocket();
  await using shunt = await startShunt(config(9), { ...denoIo, bind: () => socket });
  const cost = (make: () => Uint8Array) => {
    const datagrams = Array.from({ length: 1000 }, make);
    const begun = cpuUsage();
    for (const datagram of datagrams) socket.hear(datagram, 7);
    const { user, system } = cpuUsage(begun);
    return user + system;
  };
  // The best of many rounds: in most a busy machine or a collection of garbage has its part.
  let [plain, shorts] = [Infinity, Infinity];
  for (let round = 0; round < 6 || (round < 60 && shorts >= 2 * plain); round++) {
    plain = Math.min(plain, cost(() => noise(40)));
    shorts = Math.min(shorts, cost(short));
  }
  assertLess(shorts, 2 * plain);
  assert(shunt.counters().flowsTotal > 0);
});

Deno.test("quic flood: 8,000 forged Initials a second delay neither flows nor sessions", async () => {
  await using server = new UdpPeer((data) => data);
  await using streams = serveTcp(echo);
  await using shunt = await startShunt(config(server.port, streams.port));
  const sockets = Array.from({ length: 32 }, () => new UdpPeer());
  for (const make of [short, forged]) {
    const flood = Array.from({ length: 1000 }, make);
    let over = false;
    const flooding = (async () => {
      for (let i = 0; !over; i += 80) {
        for (let k = i; k < i + 80; k++) {
          await sockets[k % 32]!.send(flood[k % flood.length]!, shunt.port());
        }
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    })();
    const served: number[] = [];
    for (let i = 0; i < 10; i++) {
      const begun = performance.now();
      await using client = new UdpPeer();
      const hello = honest();
      // The kernel's queue may overflow, as it may for anyone: QUIC asks again.
      await until(async () => {
        await client.send(hello, shunt.port());
        return client.heard.length > 0;
      }, "a newcomer's answer");
      const conn = await connect(shunt.port("streams"));
      await echoed(conn, "hello");
      conn.close();
      served.push(performance.now() - begun);
    }
    over = true;
    await flooding;
    served.sort((a, b) => a - b);
    // 100 ms each on a machine that has nothing else to do.
    assertLess(served[5]!, 1000, served.map(Math.round).join());
  }
  for (const socket of sockets) await socket[Symbol.asyncDispose]();
});
