/**
 * Datagrams that cannot be sent, that come from shunt itself, or that leave with faults: one costs itself
 * and no flow, and order is kept.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { denoIo } from "../../src/io/deno.ts";
import * as abi from "../../src/io/libc/abi.ts";
import { classifyLibc, libcError } from "../../src/io/libc/errors.ts";
import type { DatagramSocket, Io, ReceiveOptions } from "../../src/io/mod.ts";
import { bytes, startShunt, text, until } from "./_shunt.ts";
import { UdpPeer } from "./_udp.ts";

function config(upstream: string, listener = ""): string {
  return `
listeners:
  edge: { bind: "127.0.0.1:0", transports: udp, ${listener} routes: [{ upstream: up }] }
upstreams: { up: { ${upstream} } }
`;
}

/** What an error code is to Deno: some have a class, the rest a code. */
function denoError(code: string): Error {
  switch (code) {
    case "EPERM":
    case "EACCES":
      return new Deno.errors.PermissionDenied(code);
    case "EAGAIN":
      return new Deno.errors.WouldBlock(code);
    case "ENETUNREACH":
      return new Deno.errors.NetworkUnreachable(code);
    case "ECONNREFUSED":
      return new Deno.errors.ConnectionRefused(code);
    default:
      return Object.assign(new Error(code), { code });
  }
}

const CODES = [
  "EPERM",
  "ENOMEM",
  "ENOBUFS",
  "EAGAIN",
  "EINVAL",
  "EACCES",
  "EHOSTUNREACH",
  "ENETUNREACH",
] as const;

/** How sending fails: Deno's sockets by a promise, libc's at once; libc's own errors on both. */
const KINDS:
  readonly (readonly [string, (code: typeof CODES[number] | "ECONNREFUSED") => Error])[] = [
    ["deno", denoError],
    ["libc", (code) => libcError("send", abi[code])],
  ];

/** Deno's sockets, on which sending fails as a test wants it. */
function failing(
  kind: string,
  fails: (what: "up" | "down", bytes: Uint8Array) => Error | undefined,
): Io {
  const attempt = (
    what: "up" | "down",
    bytes: Uint8Array,
    send: () => Promise<unknown> | undefined,
  ) => {
    const error = fails(what, bytes);
    if (error === undefined) return send();
    if (kind === "deno") return Promise.reject(error);
    throw error;
  };
  return {
    ...denoIo,
    classify: (error) => {
      const failure = classifyLibc(error);
      return failure === "other" ? denoIo.classify(error) : failure;
    },
    dial(target, options) {
      const socket = denoIo.dial(target, options);
      return {
        send: (data) => attempt("up", data, () => socket.send(data)),
        close: () => socket.close(),
      };
    },
    bind(at, shared) {
      const socket = denoIo.bind(at, shared);
      return {
        local: socket.local,
        receive: (options) => socket.receive(options),
        keep: (from) => socket.keep(from),
        send: (data, to) => attempt("down", data, () => socket.send(data, to)),
        close: () => socket.close(),
      };
    },
  };
}

for (const [kind, errorOf] of KINDS) {
  for (const code of CODES) {
    Deno.test(`flow sends: ${code} of ${kind} sockets costs one datagram each way, and no flow`, async () => {
      await using target = new UdpPeer((data) => data);
      await using client = new UdpPeer();
      // A first datagram that finds no route at all may end its flow.
      const first = code === "ENETUNREACH" ? [] : ["lost 1"];
      const lost = [...first, "lost 2"];
      await using shunt = await startShunt(
        config(`targets: ["127.0.0.1:${target.port}"]`),
        failing(kind, (what, data) => {
          const says = text(data);
          if (what === "up" && lost.includes(says)) return errorOf(code);
          return what === "down" && says === "unheard" ? errorOf(code) : undefined;
        }),
      );
      for (const word of [...first, "one", "lost 2", "unheard", "two"]) {
        await client.send(bytes(word), shunt.port());
        if (word === "unheard") {
          await until(() => target.heard.length === 2, "the target to answer");
        } else if (!word.startsWith("lost")) assertEquals(text(await client.next()), word);
      }
      await until(
        () => shunt.counters().drops.send_failed === lost.length + 1,
        "each to be counted once",
      );
      assertEquals(shunt.records, []);
      assertEquals([shunt.counters().flowsTotal, shunt.counters().flowsActive], [1, 1]);
      const { targets } = shunt.proxy.upstreams()[0]!;
      assertEquals(targets[0]!.standing.dead, false);
    });
  }

  Deno.test(`flow sends: a target that refuses ends its flow with ${kind} sockets`, async () => {
    await using client = new UdpPeer();
    await using shunt = await startShunt(
      config('targets: ["127.0.0.1:9"]'),
      failing(kind, (what) => what === "up" ? errorOf("ECONNREFUSED") : undefined),
    );
    await client.send(bytes("?"), shunt.port());
    assertEquals((await shunt.ended()).reason, "target_reset");
  });

  Deno.test(`flow sends: a flow that cannot send anything ends by its idle time with ${kind} sockets`, async () => {
    await using client = new UdpPeer();
    await using shunt = await startShunt(
      config('targets: ["127.0.0.1:9"], idle_timeout: 300ms'),
      failing(kind, (what) => what === "up" ? errorOf("EPERM") : undefined),
    );
    for (let i = 0; i < 5; i++) await client.send(bytes("?"), shunt.port());
    assertEquals((await shunt.ended()).reason, "idle_timeout");
    assertEquals(shunt.counters().drops.send_failed, 5);
  });
}

/** Deno's sockets, with senders that a test chooses. */
function forging(): Io & {
  forge(from: string, port: number, says: string): Promise<unknown> | undefined;
} {
  let heard: ReceiveOptions | undefined;
  return {
    ...denoIo,
    bind(at, shared): DatagramSocket {
      const socket = denoIo.bind(at, shared);
      return {
        local: socket.local,
        receive(options) {
          heard ??= options;
          return socket.receive(options);
        },
        keep: (from) => socket.keep(from),
        send: (data, to) => socket.send(data, to),
        close: () => socket.close(),
      };
    },
    forge(hostname, port, says) {
      return heard!.onDatagram(bytes(says), { transport: "udp", hostname, port });
    },
  };
}

for (const bind of ["127.0.0.1", "0.0.0.0"]) {
  Deno.test(`flow loops: built-in targets at ${bind} do not talk to each other, nor to themselves`, async () => {
    const io = forging();
    await using shunt = await startShunt(
      `
listeners:
  edge: { bind: "${bind}:0", transports: udp, routes: [{ upstream: echo }] }
  other: { bind: "${bind}:0", transports: udp, routes: [{ upstream: hello }] }
upstreams: { echo: { targets: [builtin:echo] }, hello: { targets: [builtin:hello] } }
`,
      io,
    );
    io.forge("127.0.0.1", shunt.port("other"), "loop");
    io.forge("127.0.0.1", shunt.port("edge"), "loop");
    assertEquals(shunt.counters().drops.own_address, 2);
    assertEquals(shunt.counters("other").flowsTotal + shunt.counters().flowsTotal, 0);
    await using client = new UdpPeer();
    await client.send(bytes("honest"), shunt.port());
    assertEquals(text(await client.next()), "honest");
  });
}

Deno.test("flow loops: a built-in target answers a limited number of datagrams a second per flow", async () => {
  const io = forging();
  await using shunt = await startShunt(config("targets: [builtin:echo]"), io);
  await using client = new UdpPeer();
  io.forge("127.0.0.1", client.port, "first");
  assertEquals(text(await client.next()), "first");
  const sent = Array.from(
    { length: 12_000 },
    () => io.forge("127.0.0.1", client.port, "again"),
  );
  await Promise.all(sent);
  const { drops } = shunt.counters();
  // A little more than a second's worth, for time passes.
  assertEquals(drops.builtin_rate > 0 && drops.builtin_rate <= 2001, true, `${drops.builtin_rate}`);
});

const BURST = 60;
for (const faults of ["{}", "{ loss: 0% }", "{ latency: 20ms }", "{ bandwidth: 1MiB/s }"]) {
  for (const host of ["127.0.0.1", "localhost"]) {
    Deno.test(`flow order: a burst to ${host} with faults ${faults} stays in order both ways`, async () => {
      await using target = new UdpPeer((data) => data);
      await using client = new UdpPeer();
      await using shunt = await startShunt(
        config(`targets: ["${host}:${target.port}"], faults: ${faults}`),
      );
      // All at once: the first of them begin the flow, and are held.
      for (let i = 0; i < BURST; i++) await client.send(bytes(`${i}`), shunt.port());
      const order = Array.from({ length: BURST }, (_, i) => `${i}`);
      await until(() => client.heard.length === BURST, "all answers");
      assertEquals(target.heard.map(({ data }) => text(data)), order);
      assertEquals(client.heard.map(({ data }) => text(data)), order);
    });
  }
}

Deno.test("flow order: a burst that begins a flow is not lost while held datagrams are sent", async () => {
  await using target = new UdpPeer();
  await using client = new UdpPeer();
  await using shunt = await startShunt(config(`targets: ["127.0.0.1:${target.port}"]`));
  for (let i = 0; i < 200; i++) await client.send(bytes(`${i}`), shunt.port());
  await until(() => target.heard.length === 200, "all of them");
  assertEquals(target.heard.map(({ data }) => Number(text(data))), [...Array(200).keys()]);
  assertEquals(shunt.counters().drops.held_datagrams, 0);
});
