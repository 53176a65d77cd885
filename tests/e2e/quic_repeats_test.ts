/**
 * QUIC connections whose first flight is repeated, changes its ID or shares its socket with many others.
 * Each stays with the target that it began at, and none gets past a route.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { buildClientHello, bytesOf, concat } from "../unit/_hello.ts";
import {
  buildAnswer,
  buildInitial,
  buildOpaque,
  buildRetry,
  cryptoFrame,
  MIN_DATAGRAM,
  type PacketOptions,
} from "../unit/_quic.ts";
import { Certificates } from "./_openssl.ts";
import { connectQuic, exchangeQuic, serveQuic } from "./_quic.ts";
import { bytes, startShunt, type TestShunt, until } from "./_shunt.ts";
import { UdpPeer } from "./_udp.ts";

function byName(ports: Readonly<Record<string, number>>): string {
  const names = Object.keys(ports);
  return `
listeners:
  edge:
    bind: 127.0.0.1:0
    transports: udp
    routes:${
    names.map((name) => `
      - { match: { protocol: quic, sni: ${name}.example }, upstream: ${name} }`).join("")
  }
upstreams:${
    names.map((name) => `
  ${name}: { targets: ["127.0.0.1:${ports[name]}"] }`).join("")
  }
`;
}

function hello(name: string, size?: number): Uint8Array {
  return buildClientHello({ sni: `${name}.example`, alpn: ["h3"], ...size && { size } });
}

function initial(name: string, dcid: string, opts: PacketOptions = {}): Uint8Array {
  const frames = cryptoFrame(hello(name));
  return buildInitial(frames, { size: MIN_DATAGRAM, dcid: bytesOf(dcid), ...opts });
}

function halves(name: string, dcid: string): [Uint8Array, Uint8Array] {
  const whole = hello(name, 1800);
  const opts = { size: MIN_DATAGRAM, dcid: bytesOf(dcid) };
  return [
    buildInitial(cryptoFrame(whole, 0, 900), opts),
    buildInitial(cryptoFrame(whole, 900), { ...opts, number: 1 }),
  ];
}

function ports(peer: UdpPeer): number {
  return new Set(peer.heard.map(({ from }) => from.port)).size;
}

function dropped(shunt: TestShunt): number {
  return Object.values(shunt.counters().drops).reduce((sum, count) => sum + count, 0);
}

Deno.test("quic repeats: a hello that comes 20 times before an answer has one flow", async () => {
  await using one = new UdpPeer();
  await using client = new UdpPeer();
  await using shunt = await startShunt(byName({ one: one.port }));
  for (let i = 0; i < 20; i++) {
    await client.send(initial("one", "client 1", { number: i }), shunt.port());
  }
  await until(() => one.heard.length === 20, "all of them");
  assertEquals([ports(one), shunt.counters().flowsTotal, dropped(shunt)], [1, 1, 0]);
});

Deno.test("quic repeats: one of the two datagrams of a hello goes on at once when it comes again", async () => {
  await using one = new UdpPeer();
  await using client = new UdpPeer();
  await using shunt = await startShunt(byName({ one: one.port }));
  const pieces = halves("one", "client 1");
  for (const datagram of pieces) await client.send(datagram, shunt.port());
  await until(() => one.heard.length === 2, "the hello");
  for (let i = 0; i < 10; i++) await client.send(pieces[i % 2]!, shunt.port());
  for (let i = 0; i < 10; i++) await client.send(pieces[0], shunt.port());
  await until(() => one.heard.length === 22, "all of them", 2000);
  assertEquals([ports(one), shunt.counters().flowsTotal, dropped(shunt)], [1, 1, 0]);
});

Deno.test("quic repeats: after a Retry a client goes on at the same target, 20 times as well", async () => {
  await using one = new UdpPeer();
  await using client = new UdpPeer();
  await using shunt = await startShunt(byName({ one: one.port }));
  for (let i = 10; i < 30; i++) {
    await client.send(initial("one", `client ${i}`), shunt.port());
    await until(() => one.heard.length === 1, "the hello");
    const { from } = one.heard.pop()!;
    const ids = { dcid: new Uint8Array(0), scid: bytesOf(`retry ${i}`) };
    await one.socket.send(buildRetry(bytesOf(`client ${i}`), ids), from);
    await client.next();
    const again = initial("one", `retry ${i}`, { token: bytesOf("token"), number: 1 });
    for (let repeat = 0; repeat < 3; repeat++) await client.send(again, shunt.port());
    await until(() => one.heard.length === 3, "the hello with its token");
    assertEquals(ports(one), 1);
    assertEquals(one.heard.pop()?.from, from);
    await one.socket.send(buildAnswer(bytesOf(`retry ${i}`), ids), from);
    await client.next();
    one.heard.length = 0;
  }
  assertEquals([shunt.counters().flowsTotal, dropped(shunt)], [1, 0]);
});

Deno.test("quic repeats: an answer to one connection does not end the watch on another", async () => {
  await using one = new UdpPeer();
  await using client = new UdpPeer();
  await using shunt = await startShunt(byName({ one: one.port }));
  const ids = { dcid: new Uint8Array(0), scid: bytesOf("server 1") };
  const answer = concat(buildAnswer(bytesOf("client 1"), ids), buildOpaque("handshake", ids));
  await client.send(initial("one", "client 1"), shunt.port());
  await until(() => one.heard.length === 1, "the first hello");
  await one.socket.send(answer, one.heard[0]!.from);
  await client.next();
  // The target drops this one, possibly for its size, and repeats its answer to the first connection.
  await client.send(initial("one", "client 2", { size: 2000 }), shunt.port());
  await until(() => one.heard.length === 2, "the second hello");
  await one.socket.send(answer, one.heard[0]!.from);
  await client.next();
  for (const size of [0, MIN_DATAGRAM]) {
    const evil = cryptoFrame(hello("two"), 40);
    const opts = { dcid: bytesOf("client 2"), number: 1, size };
    await client.send(buildInitial(evil, opts), shunt.port());
  }
  await until(() => shunt.counters().drops.other_hello === 2, "the other hello to be dropped");
  const last = concat([0x41], bytesOf("server 1"));
  await client.send(last, shunt.port());
  await until(() => one.heard.length > 2, "what follows");
  assertEquals(one.heard.slice(2).map(({ data }) => data), [last]);
});

Deno.test("quic repeats: 40 connections of one socket to two names, some at once, disturb none", async () => {
  await using certificates = await Certificates.make("one.example", "two.example");
  await using one = await serveQuic(certificates, "one.example");
  await using two = await serveQuic(certificates, "two.example");
  await using shunt = await startShunt(byName({ one: one.port, two: two.port }));
  const endpoint = new Deno.QuicEndpoint({ hostname: "127.0.0.1", port: 0 });
  const names = ["one.example", "two.example"];
  const client = (i: number) =>
    connectQuic(shunt.port(), certificates, { sni: names[i % 2]!, endpoint });
  try {
    const lasting = await Promise.all([0, 1].map(client));
    for (let round = 0; round < 10; round++) {
      const conns = await Promise.all([0, 1, 2, 3].map(client));
      const answers = await Promise.all(conns.map((conn) => exchangeQuic(conn, bytes("?"))));
      assertEquals(answers.map(({ name }) => name), [...names, ...names]);
      for (const conn of conns) conn.close({ closeCode: 0, reason: "" });
    }
    const answers = await Promise.all(lasting.map((conn) => exchangeQuic(conn, bytes("?"))));
    assertEquals(answers.map(({ name }) => name), names);
    assert(shunt.counters().closes.displaced === 0, "a flow was displaced");
    assertEquals(shunt.proxy.active().flows, 2);
  } finally {
    endpoint.close({ closeCode: 0, reason: "" });
  }
});
