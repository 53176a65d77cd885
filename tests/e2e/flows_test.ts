import { assert, assertEquals } from "@std/assert";
import { denoIo } from "../../src/io/deno.ts";
import type { Io } from "../../src/io/mod.ts";
import { parseProxyHeader } from "../../src/wire/proxy_protocol.ts";
import { UdpPeer } from "./_udp.ts";
import { bytes, startShunt, text, until } from "./_shunt.ts";

function config(routes: string, upstreams: string, listener = ""): string {
  return `
listeners:
  edge:
    bind: 127.0.0.1:0
    transports: udp
${listener}
    routes:
${routes}
upstreams:
${upstreams}
`;
}

const ALL = "      - upstream: up";

function initiation(): Uint8Array {
  const message = new Uint8Array(148);
  message[0] = 1;
  return message;
}

Deno.test("flow: carries datagrams both ways, empty ones too", async () => {
  await using target = new UdpPeer((data) => data);
  await using client = new UdpPeer();
  await using shunt = await startShunt(
    config(ALL, `  up: { targets: ["127.0.0.1:${target.port}"] }`),
  );
  for (const message of ["one", "", "three"]) {
    await client.send(bytes(message), shunt.port());
    assertEquals(text(await client.next()), message);
  }
  assertEquals(shunt.proxy.active().flows, 1);
});

Deno.test("flow: two clients of one address each get their own answers", async () => {
  await using target = new UdpPeer((data) => bytes(`re: ${text(data)}`));
  await using first = new UdpPeer();
  await using second = new UdpPeer();
  await using shunt = await startShunt(
    config(ALL, `  up: { targets: ["127.0.0.1:${target.port}"] }`),
  );
  await first.send(bytes("first"), shunt.port());
  await second.send(bytes("second"), shunt.port());
  assertEquals(text(await first.next()), "re: first");
  assertEquals(text(await second.next()), "re: second");
});

Deno.test("flow: a WireGuard message in the middle of a tunnel is recognised", async () => {
  await using target = new UdpPeer((data) => data);
  await using client = new UdpPeer();
  await using shunt = await startShunt(config(
    "      - match: { protocol: wireguard }\n        upstream: up",
    `  up: { targets: ["127.0.0.1:${target.port}"], idle_timeout: 300ms }`,
  ));
  const data = new Uint8Array(64);
  data[0] = 4;
  for (const message of [initiation(), data]) {
    await client.send(message, shunt.port());
    assertEquals(await client.next(), message);
    const record = await shunt.ended();
    assertEquals([record.detected?.protocol, record.reason], ["wireguard", "idle_timeout"]);
    assertEquals([record.up, record.down], [message.length, message.length]);
  }
});

Deno.test("flow: a datagram without a route is dropped and counted", async () => {
  await using client = new UdpPeer();
  await using shunt = await startShunt(config(
    "      - match: { protocol: wireguard }\n        upstream: up",
    "  up: { targets: [builtin:echo] }",
  ));
  await client.send(bytes("noise"), shunt.port());
  const record = await shunt.ended();
  assertEquals([record.reason, record.detected?.protocol], ["no_route", "unknown"]);
  assertEquals(shunt.proxy.active().flows, 0);
});

Deno.test("flow: a stranger's datagram is not relayed", async () => {
  await using target = new UdpPeer((data) => data);
  await using stranger = new UdpPeer();
  await using client = new UdpPeer();
  await using shunt = await startShunt(
    config(ALL, `  up: { targets: ["127.0.0.1:${target.port}"] }`),
  );
  await client.send(bytes("hello"), shunt.port());
  assertEquals(text(await client.next()), "hello");
  const { from } = target.heard[0]!;
  await stranger.send(bytes("forged"), from.port);
  // A connected socket's kernel drops it unseen; an unconnected one's owner has to, and counts.
  if (shunt.proxy.io === "deno") {
    await until(() => shunt.counters().drops.not_target === 1, "the stranger to be counted");
  }
  await client.send(bytes("again"), shunt.port());
  assertEquals(text(await client.next()), "again");
});

Deno.test("flow: at the limit new flows are dropped and running ones untouched", async () => {
  await using first = new UdpPeer();
  await using second = new UdpPeer();
  await using shunt = await startShunt(
    config(ALL, "  up: { targets: [builtin:echo] }", "    limits: { flows: 1 }"),
  );
  await first.send(bytes("a"), shunt.port());
  assertEquals(text(await first.next()), "a");
  await second.send(bytes("b"), shunt.port());
  await until(() => shunt.counters().drops.limit_flows === 1, "the second to be refused");
  await first.send(bytes("c"), shunt.port());
  assertEquals(text(await first.next()), "c");
  assertEquals(second.heard.length, 0);
});

Deno.test("flow: datagrams that came while a name resolved arrive in order", async () => {
  await using target = new UdpPeer((data) => data);
  await using client = new UdpPeer();
  await using shunt = await startShunt(
    config(ALL, `  up: { targets: ["localhost:${target.port}"] }`),
  );
  for (let i = 0; i < 20; i++) await client.send(bytes(`${i}`), shunt.port());
  await until(() => client.heard.length === 20, "all answers");
  assertEquals(
    client.heard.map(({ data }) => text(data)),
    Array.from({ length: 20 }, (_, i) => `${i}`),
  );
});

Deno.test("flow: a PROXY header that did not go through goes with the next datagram", async () => {
  await using target = new UdpPeer();
  await using client = new UdpPeer();
  await using shunt = await startShunt(config(
    ALL,
    `  up: { targets: ["127.0.0.1:${target.port}"], send_proxy_protocol: v2 }`,
  ));
  // With a header it is longer than any datagram.
  await client.send(new Uint8Array(65_500), shunt.port());
  await until(() => shunt.counters().drops.send_failed === 1, "the first to fail");
  for (const word of ["second", "third"]) await client.send(bytes(word), shunt.port());
  await until(() => target.heard.length === 2, "the others");
  const [second, third] = target.heard.map(({ data }) => data);
  assertEquals([...second!.subarray(12, 16)], [0x21, 0x12, 0, 12]);
  assertEquals([text(second!.subarray(28)), text(third!)], ["second", "third"]);
});

Deno.test("flow: the first datagram carries a PROXY header if the upstream asks for one", async () => {
  await using target = new UdpPeer((data) => data.subarray(0, 1));
  await using client = new UdpPeer();
  await using shunt = await startShunt(config(
    ALL,
    `  up: { targets: ["127.0.0.1:${target.port}"], send_proxy_protocol: v2 }`,
  ));
  await client.send(bytes("first"), shunt.port());
  await client.next();
  await client.send(bytes("second"), shunt.port());
  await client.next();
  const [first, second] = target.heard.map(({ data }) => data);
  assertEquals(text(first!.subarray(28)), "first");
  // Version 2, PROXY; AF_INET, DGRAM; 12 bytes of addresses.
  assertEquals([...first!.subarray(12, 16)], [0x21, 0x12, 0, 12]);
  assertEquals(text(second!), "second");
});

const BINDS = [
  { bind: "0.0.0.0:0", to: "127.0.0.1", wildcard: true },
  { bind: "0.0.0.0:0", to: "127.9.8.7", wildcard: true },
  { bind: "[::]:0", to: "127.0.0.1", wildcard: true },
  { bind: "[::]:0", to: "::1", wildcard: true },
  { bind: "127.9.8.7:0", to: "127.9.8.7", wildcard: false },
  { bind: "[::1]:0", to: "::1", wildcard: false },
];

for (const { bind, to, wildcard } of BINDS) {
  Deno.test(`flow: a PROXY header says where a datagram to ${to} was sent, or that it is not known (${bind})`, async () => {
    await using target = new UdpPeer((data) => data.subarray(0, 1));
    await using shunt = await startShunt(
      config(
        ALL,
        `  up: { targets: ["127.0.0.1:${target.port}"], send_proxy_protocol: v2 }`,
      ).replace("127.0.0.1:0", `"${bind}"`),
    );
    const hostname = to.includes(":") ? "::" : "0.0.0.0";
    const client = Deno.listenDatagram({ transport: "udp", hostname, port: 0 });
    await client.send(bytes("first"), { transport: "udp", hostname: to, port: shunt.port() });
    await until(() => target.heard.length > 0, "a datagram");
    const { data } = target.heard[0]!;
    const result = parseProxyHeader(data);
    assert(result.kind === "header");
    const { length, source, destination } = result.header;
    assertEquals(text(data.subarray(length)), "first");
    if (wildcard && shunt.proxy.io === "deno") {
      // Deno's sockets do not know the address: AF_UNSPEC, no addresses.
      assertEquals([...data.subarray(12, 16)], [0x21, 0, 0, 0]);
    } else {
      const six = to.includes(":");
      assertEquals([...data.subarray(12, 16)], [0x21, six ? 0x22 : 0x12, 0, six ? 36 : 12]);
      assertEquals(source?.port, (client.addr as Deno.NetAddr).port);
      assertEquals(source?.host, six ? "::1" : "127.0.0.1");
      assertEquals(destination, { host: to, port: shunt.port() });
    }
    client.close();
  });
}

Deno.test("flow: a datagram that cannot be sent is lost, and its flow goes on", async () => {
  await using target = new UdpPeer((data) => data.subarray(0, 1));
  await using client = new UdpPeer();
  await using shunt = await startShunt(config(
    ALL,
    `  up: { targets: ["127.0.0.1:${target.port}"], send_proxy_protocol: v2 }`,
  ));
  // So long that with the PROXY header no datagram can carry it.
  await client.send(new Uint8Array(65_500), shunt.port());
  await until(() => shunt.counters().drops.send_failed === 1, "the datagram to be dropped");
  await client.send(bytes("short"), shunt.port());
  assertEquals((await client.next()).length, 1);
});

Deno.test("flow: a socket that fails ends its own flow and no other", async () => {
  await using client = new UdpPeer();
  await using other = new UdpPeer();
  const failing: Io = {
    ...denoIo,
    dial: () => ({
      send: () => Promise.reject(new Deno.errors.NetworkUnreachable("simulated")),
      close: () => {},
    }),
  };
  await using shunt = await startShunt(
    config(
      "      - match: { protocol: wireguard }\n        upstream: broken\n" + ALL,
      '  broken: { targets: ["127.0.0.1:9"] }\n  up: { targets: [builtin:echo] }',
    ),
    failing,
  );
  await other.send(bytes("before"), shunt.port());
  assertEquals(text(await other.next()), "before");
  await client.send(initiation(), shunt.port());
  assertEquals((await shunt.ended()).reason, "target_reset");
  await other.send(bytes("after"), shunt.port());
  assertEquals(text(await other.next()), "after");
  assertEquals(shunt.proxy.active().flows, 1);
});

Deno.test("flow: hello shows what shunt saw", async () => {
  await using client = new UdpPeer();
  await using shunt = await startShunt(config(
    "      - match: { protocol: unknown }\n        upstream: up",
    "  up: { targets: [builtin:hello] }",
  ));
  await client.send(bytes("?"), shunt.port());
  const info = JSON.parse(text(await client.next()));
  assertEquals([info.transport, info.protocol, info.listener], ["udp", "unknown", "edge"]);
  assertEquals(info.source, `127.0.0.1:${client.port}`);
});

Deno.test("flow: draining refuses new flows and keeps running ones until they end", async () => {
  await using first = new UdpPeer();
  await using shunt = await startShunt(
    config(ALL, "  up: { targets: [builtin:echo], idle_timeout: 500ms }"),
  );
  await first.send(bytes("a"), shunt.port());
  assertEquals(text(await first.next()), "a");
  const drained = shunt.proxy.drain({ timeoutMs: 10_000 });
  await until(async () => {
    await using other = new UdpPeer();
    await other.send(bytes("b"), shunt.port());
    return shunt.counters().drops.draining > 0;
  }, "another to be refused");
  await first.send(bytes("c"), shunt.port());
  assertEquals(text(await first.next()), "c");
  assertEquals(await drained, 0);
});
