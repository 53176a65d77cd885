/**
 * Several QUIC connections from one client socket: each goes to the target of its own name, and none to the
 * first one's.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { buildClientHello, bytesOf, concat } from "../unit/_hello.ts";
import {
  buildAnswer,
  buildInitial,
  buildOpaque,
  cryptoFrame,
  MIN_DATAGRAM,
  type PacketOptions,
} from "../unit/_quic.ts";
import { Certificates } from "./_openssl.ts";
import { connectQuic, exchangeQuic, serveQuic } from "./_quic.ts";
import { bytes, startShunt, type TestShunt, text, until } from "./_shunt.ts";
import { UdpPeer } from "./_udp.ts";

/** Routes by name, each to a port on loopback; `rest` takes what no name is known of. */
function byName(ports: Readonly<Record<string, number>>, rest?: number): string {
  const names = Object.keys(ports);
  const routes = names.map((name) => `
      - match: { protocol: quic, sni: ${name}.example }
        upstream: ${name}`);
  if (rest !== undefined) routes.push("\n      - { match: { protocol: unknown }, upstream: rest }");
  const upstreams = [...Object.entries(ports), ...(rest === undefined ? [] : [["rest", rest]])].map(
    ([name, port]) => `\n  ${name}: { targets: ["127.0.0.1:${port}"] }`,
  );
  return `
listeners:
  edge:
    bind: 127.0.0.1:0
    transports: udp
    routes:${routes.join("")}
upstreams:${upstreams.join("")}
`;
}

function initial(name: string, dcid: string, opts: PacketOptions = {}): Uint8Array {
  const hello = buildClientHello({ sni: `${name}.example`, alpn: ["h3"] });
  return buildInitial(cryptoFrame(hello), { size: MIN_DATAGRAM, dcid: bytesOf(dcid), ...opts });
}

/** The two datagrams of a longer hello. */
function halves(name: string, dcid: string): [Uint8Array, Uint8Array] {
  const hello = buildClientHello({ sni: `${name}.example`, alpn: ["h3"], size: 1800 });
  const opts = { size: MIN_DATAGRAM, dcid: bytesOf(dcid) };
  return [
    buildInitial(cryptoFrame(hello, 0, 900), opts),
    buildInitial(cryptoFrame(hello, 900), { ...opts, number: 1 }),
  ];
}

/** A packet with a short header. */
function short(dcid: string, payload = "payload"): Uint8Array {
  return concat([0x41], bytesOf(dcid), bytesOf(payload));
}

/** A server's answer: its own ID, and the ID of a client that chose none. */
function answer(scid: string, client: string): Uint8Array {
  return buildAnswer(bytesOf(client), { dcid: new Uint8Array(0), scid: bytesOf(scid) });
}

function reasons(shunt: TestShunt): string[] {
  return shunt.records.map(({ reason, detected }) => `${detected?.facts.sni ?? "-"} ${reason}`);
}

Deno.test("quic on a shared socket: two connections reach two servers at once", async () => {
  await using certificates = await Certificates.make("one.example", "two.example");
  await using one = await serveQuic(certificates, "one.example");
  await using two = await serveQuic(certificates, "two.example");
  await using shunt = await startShunt(byName({ one: one.port, two: two.port }));
  const endpoint = new Deno.QuicEndpoint({ hostname: "127.0.0.1", port: 0 });
  const body = new Uint8Array(300_000).map((_, i) => i * 7);
  const client = (sni: string) => connectQuic(shunt.port(), certificates, { sni, endpoint });
  try {
    const first = await client("one.example");
    assertEquals((await exchangeQuic(first, body)).name, "one.example");
    const second = await client("two.example");
    for (let round = 0; round < 3; round++) {
      const answers = await Promise.all([first, second].map((conn) => exchangeQuic(conn, body)));
      assertEquals(answers.map(({ name }) => name), ["one.example", "two.example"]);
      for (const { body: got } of answers) assertEquals(got, body.toReversed());
    }
    assertEquals(shunt.counters().flowsTotal, 2);
    // The first one's flow ends, and the other's goes on.
    first.close({ closeCode: 0, reason: "" });
    assertEquals((await exchangeQuic(second, body)).name, "two.example");
    const third = await client("one.example");
    assertEquals((await exchangeQuic(third, body)).name, "one.example");
    assertEquals(shunt.counters().flowsTotal, 2, "a flow for a connection that goes the same way");
  } finally {
    endpoint.close({ closeCode: 0, reason: "" });
  }
});

Deno.test("quic on a shared socket: two connections that begin together reach two servers", async () => {
  await using certificates = await Certificates.make("one.example", "two.example");
  await using one = await serveQuic(certificates, "one.example");
  await using two = await serveQuic(certificates, "two.example");
  await using shunt = await startShunt(byName({ one: one.port, two: two.port }));
  const endpoint = new Deno.QuicEndpoint({ hostname: "127.0.0.1", port: 0 });
  try {
    const names = ["one.example", "two.example", "one.example", "two.example"];
    const conns = await Promise.all(
      names.map((sni) => connectQuic(shunt.port(), certificates, { sni, endpoint })),
    );
    const answers = await Promise.all(conns.map((conn) => exchangeQuic(conn, bytes("?"))));
    assertEquals(answers.map(({ name }) => name), names);
  } finally {
    endpoint.close({ closeCode: 0, reason: "" });
  }
});

Deno.test("quic on a shared socket: a refused name does not pass on an allowed connection", async () => {
  await using certificates = await Certificates.make("one.example", "secret.example");
  // This server would serve the refused name too.
  await using one = await serveQuic(certificates, "one.example");
  await using shunt = await startShunt(byName({ one: one.port }));
  const endpoint = new Deno.QuicEndpoint({ hostname: "127.0.0.1", port: 0 });
  let refused: Promise<unknown>;
  try {
    const client = (sni: string) => connectQuic(shunt.port(), certificates, { sni, endpoint });
    const first = await client("one.example");
    refused = client("secret.example").then(() => "served", () => "refused");
    await until(() => reasons(shunt).includes("secret.example no_route"), "the name to be refused");
    assertEquals((await exchangeQuic(first, bytes("still"))).name, "one.example");
  } finally {
    endpoint.close({ closeCode: 0, reason: "" });
  }
  assertEquals(await refused, "refused");
});

Deno.test("quic on a shared socket: a datagram that begins no connection goes to the target of its ID", async () => {
  await using one = new UdpPeer();
  await using two = new UdpPeer();
  await using client = new UdpPeer();
  await using shunt = await startShunt(byName({ one: one.port, two: two.port }));
  const say = (data: Uint8Array) => client.send(data, shunt.port());
  const hears = async (peer: UdpPeer, data: Uint8Array, other: UdpPeer) => {
    assertEquals(await peer.next(), data);
    assertEquals(other.heard.length, 0, "the other target heard it too");
  };
  const ways = [[one, two, "one"], [two, one, "two"]] as const;
  for (const [peer, other, name] of ways) {
    await say(initial(name, `client ${name}`));
    await until(() => peer.heard.length === 1, "the hello");
    const { from } = peer.heard[0]!;
    await hears(peer, initial(name, `client ${name}`), other);
    await peer.socket.send(answer(`server ${name}`, `client ${name}`), from);
    assertEquals(await client.next(), answer(`server ${name}`, `client ${name}`));
  }
  for (const [peer, other, name] of [...ways, ...ways]) {
    const dcid = bytesOf(`server ${name}`);
    const keyId = bytesOf(`client ${name}`);
    // A client's later packets: its Initial keys stay those of the first ID.
    const later = [
      buildInitial(bytesOf("\x01"), { size: MIN_DATAGRAM, dcid, keyId, number: 2 }),
      buildOpaque("handshake", { dcid }),
      buildOpaque("zero_rtt", { dcid: keyId }),
      short(`server ${name}`),
      initial(name, `client ${name}`, { number: 3 }),
    ];
    for (const datagram of later) {
      await say(datagram);
      await hears(peer, datagram, other);
    }
  }
  // An ID that came up under encryption: the targets know.
  await say(short("newer ID"));
  assertEquals([await one.next(), await two.next()], [short("newer ID"), short("newer ID")]);
  assertEquals(shunt.counters().flowsTotal, 2);
});

Deno.test("quic on a shared socket: a later Initial is judged after a junk byte, and the first target gets none of it", async () => {
  await using one = new UdpPeer();
  await using rest = new UdpPeer();
  await using client = new UdpPeer();
  await using shunt = await startShunt(byName({ one: one.port }, rest.port));
  await client.send(bytes("?"), shunt.port());
  assertEquals(text(await rest.next()), "?");
  await client.send(initial("one", "new conn"), shunt.port());
  assertEquals(await one.next(), initial("one", "new conn"));
  await client.send(initial("secret", "bad conn"), shunt.port());
  await until(() => reasons(shunt).includes("secret.example no_route"), "the name to be refused");
  await client.send(bytes("more"), shunt.port());
  await until(() => rest.heard.length > 0 || one.heard.length > 0, "the rest");
});

// Each of these would begin a connection at a server that has forgotten the first one.
const RIDES: readonly (readonly [string, () => readonly Uint8Array[]])[] = [
  ["with another ID", () => [initial("secret", "another1")]],
  ["with the first ID again", () => [initial("secret", "client one")]],
  ["with the server's ID", () => [initial("secret", "server one")]],
  ["of version 2", () => [initial("secret", "another1", { version: "2" })]],
  ["behind an early packet", () => [
    concat(
      buildOpaque("zero_rtt", { dcid: bytesOf("another1") }),
      initial("secret", "another1"),
    ),
  ]],
  ["behind a Handshake packet", () => [
    concat(
      buildOpaque("handshake", { dcid: bytesOf("server one") }),
      initial("secret", "server one"),
    ),
  ]],
  ["behind a broken Initial", () => [
    concat(
      buildInitial(bytesOf("\x01"), { dcid: bytesOf("server one"), keyId: bytesOf("wrong") }),
      initial("secret", "server one"),
    ),
  ]],
  ["behind many packets", () => [
    concat(
      ...Array.from(
        { length: 9 },
        () => buildOpaque("handshake", { dcid: bytesOf("server one"), size: 20 }),
      ),
      initial("secret", "server one"),
    ),
  ]],
  ["in two datagrams", () => halves("secret", "another1")],
  ["in two datagrams with the first ID", () => halves("secret", "client one")],
];

for (const [how, datagrams] of RIDES) {
  Deno.test(`quic on a shared socket: a refused name ${how} reaches no target`, async () => {
    await using one = new UdpPeer();
    await using client = new UdpPeer();
    await using shunt = await startShunt(byName({ one: one.port }));
    await client.send(initial("one", "client one"), shunt.port());
    await until(() => one.heard.length === 1, "the first hello");
    await one.socket.send(answer("server one", "client one"), one.heard[0]!.from);
    await client.next();
    for (const datagram of datagrams()) await client.send(datagram, shunt.port());
    const dropped = () => shunt.counters().drops.hidden_initial > 0;
    await until(
      () => reasons(shunt).includes("secret.example no_route") || dropped(),
      "it to be refused",
    );
    // What comes after it has overtaken nothing.
    await client.send(short("server one"), shunt.port());
    await until(() => one.heard.length > 1, "the first connection to go on");
    assertEquals(one.heard.slice(1).map(({ data }) => data), [short("server one")]);
  });
}

Deno.test("quic on a shared socket: two hellos that begin together, in pieces, go to their own targets", async () => {
  await using one = new UdpPeer();
  await using two = new UdpPeer();
  await using client = new UdpPeer();
  await using shunt = await startShunt(byName({ one: one.port, two: two.port }));
  const [first, second] = [halves("one", "client one"), halves("two", "client two")];
  for (const datagram of [first[0], second[0], second[1], first[1]]) {
    await client.send(datagram, shunt.port());
  }
  await until(() => one.heard.length === 2 && two.heard.length === 2, "both hellos");
  assertEquals(one.heard.map(({ data }) => data), first);
  assertEquals(two.heard.map(({ data }) => data), second);
});

Deno.test("quic on a shared socket: a datagram that belongs to neither of two hellos in pieces is not lost", async () => {
  await using one = new UdpPeer();
  await using two = new UdpPeer();
  await using client = new UdpPeer();
  await using shunt = await startShunt(byName({ one: one.port, two: two.port }));
  const [first, second] = [halves("one", "client one"), halves("two", "client two")];
  for (const datagram of [first[0], second[0], short("stranger"), second[1], first[1]]) {
    await client.send(datagram, shunt.port());
  }
  await until(() => one.heard.length === 3 && two.heard.length === 2, "all of it");
  assertEquals(one.heard.map(({ data }) => data), [first[0], short("stranger"), first[1]]);
});

Deno.test("quic on a shared socket: a repeated hello in pieces goes to the same target as the first", async () => {
  await using one = new UdpPeer();
  await using client = new UdpPeer();
  await using shunt = await startShunt(byName({ one: one.port }));
  const pieces = halves("one", "client one");
  for (let round = 1; round <= 3; round++) {
    for (const datagram of pieces) await client.send(datagram, shunt.port());
    await until(() => one.heard.length === 2 * round, "the hello");
    // From now on the hello is unknown: its connection may be over.
    await one.socket.send(answer("server one", "client one"), one.heard[0]!.from);
    await client.next();
  }
  assertEquals(one.heard.map(({ data }) => data), [...pieces, ...pieces, ...pieces]);
  assertEquals(new Set(one.heard.map(({ from }) => from.port)).size, 1, "it came from elsewhere");
  await until(() => shunt.proxy.active().flows === 1, "the joined flows to end");
  await until(() => shunt.records.length === 2, "their records");
  assertEquals(reasons(shunt), ["one.example joined", "one.example joined"]);
});

Deno.test("quic on a shared socket: a fifth connection takes the place of the quietest", async () => {
  const names = ["a", "b", "c", "d", "e"];
  const peers = names.map(() => new UdpPeer((data) => data.subarray(0, 1)));
  await using client = new UdpPeer();
  await using shunt = await startShunt(
    byName(Object.fromEntries(names.map((name, i) => [name, peers[i]!.port]))),
  );
  for (const [i, name] of names.entries()) {
    await client.send(initial(name, `client ${name}`), shunt.port());
    await until(() => peers[i]!.heard.length === 1, "a hello");
  }
  assertEquals(shunt.proxy.active().flows, 4);
  assertEquals(shunt.counters().closes.displaced, 1);
  assertEquals((await shunt.ended()).detected?.facts.sni, "a.example");
  for (const peer of peers) await peer[Symbol.asyncDispose]();
});
