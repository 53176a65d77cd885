/**
 * THE TABLE of attacks, each repeated until the soak is over. They have their own source addresses, so that
 * the ledger can tell them from honest clients.
 *
 * @module
 */

import { connect, type Socket } from "node:net";
import {
  FAT_HELLO,
  forgedInitial,
  HELLO,
  MANY_FIELDS,
  NAMELESS_HELLO,
  noise,
  OVERRUN_HEADER,
  PADDED_HELLO,
  REFERENCES,
  stub,
} from "./attack_bytes.ts";
import { between, type Random } from "./random.ts";
import { pause } from "./tally.ts";

/** How the addresses of attackers begin. */
export const ATTACKERS = "127.66.";

/** What an attack may use. */
export interface AttackParts {
  readonly random: Random;
  /** Port of each listener, and of the admin address. */
  readonly ports: Readonly<Record<string, number>>;
  /** Settles once the soak is over. */
  readonly over: Promise<void>;
}

/** One attack. */
export interface Attack {
  readonly does: string;
  /** How many do it at once. */
  readonly clients: number;
  /** Does it once. */
  once(parts: AttackParts): Promise<void>;
}

/** Any of 62,500 addresses. */
function anySource(random: Random): string {
  return `${ATTACKERS}${between(random, 1, 250)}.${between(random, 1, 250)}`;
}

/** Opens a connection that ends with the soak; its result does not matter. */
function open({ random, over }: AttackParts, port: number): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port, localAddress: anySource(random) });
    const settle = () => resolve(socket);
    socket.once("connect", settle).once("close", settle).on("error", () => {});
    over.then(() => socket.destroy());
  });
}

function sleep({ over }: AttackParts, ms: number): Promise<void> {
  return Promise.race([over, pause(ms)]);
}

/** Sends parts with pauses between them, waits, and goes without a word. */
function sends(
  listener: string,
  parts: readonly Uint8Array[],
  { pauseMs = 0, stayMs = 0 }: { readonly pauseMs?: number; readonly stayMs?: number } = {},
): Attack["once"] {
  return async (attack) => {
    const socket = await open(attack, attack.ports[listener]!);
    socket.resume();
    for (const part of parts) {
      if (socket.destroyed) break;
      socket.write(part);
      if (pauseMs > 0) await sleep(attack, pauseMs);
    }
    await sleep(attack, stayMs + between(attack.random, 10, 200));
    socket.destroy();
  };
}

/** Sends datagrams from one address after the other, at a rate, for a second. */
function floods(
  listener: string,
  perSecond: number,
  make: (random: Random) => Uint8Array<ArrayBuffer>,
): Attack["once"] {
  return async (attack) => {
    const { random, ports } = attack;
    const to = { transport: "udp", hostname: "127.0.0.1", port: ports[listener]! } as const;
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < perSecond / 20; i++) {
        const hostname = anySource(random);
        const socket = Deno.listenDatagram({ transport: "udp", hostname, port: 0 });
        await socket.send(make(random), to).catch(() => {});
        socket.close();
      }
      await sleep(attack, 50);
    }
  };
}

function bytewise(bytes: Uint8Array): Uint8Array[] {
  return Array.from(bytes, (_, i) => bytes.subarray(i, i + 1));
}

const admin: Attack["once"] = async (attack) => {
  const socket = await open(attack, attack.ports.admin!);
  socket.pause();
  socket.write("GET /page.js HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await sleep(attack, 10_000);
  socket.destroy();
};

/** Every attack. */
export const ATTACKS: Readonly<Record<string, Attack>> = {
  fat: {
    ...{ does: "hellos of 60 KB that route, held for 10 s", clients: 50 },
    once: sends("edge", [FAT_HELLO], { stayMs: 10_000 }),
  },
  half: {
    ...{ does: "half a hello, and the rest when detection has timed out", clients: 20 },
    once: sends("strict", [HELLO.subarray(0, 60), HELLO.subarray(60)], { pauseMs: 1500 }),
  },
  padded: {
    ...{ does: "hellos that are longer than detection may hold", clients: 5 },
    once: sends("edge", [PADDED_HELLO], { stayMs: 500 }),
  },
  nameless: {
    ...{ does: "hellos with an invalid server name", clients: 2 },
    once: sends("edge", [NAMELESS_HELLO]),
  },
  fields: {
    ...{ does: "511 short HTTP fields, byte by byte", clients: 20 },
    once: sends("edge", bytewise(MANY_FIELDS), { pauseMs: 5 }),
  },
  references: {
    ...{ does: "HPACK references to one host, 15,000 of them", clients: 5 },
    once: sends("edge", [REFERENCES]),
  },
  silent: {
    ...{ does: "connections that say nothing for 15 s", clients: 100 },
    once: sends("edge", [], { stayMs: 15_000 }),
  },
  header: {
    ...{ does: "PROXY headers whose TLVs run over", clients: 2 },
    once: sends("proxied", [OVERRUN_HEADER]),
  },
  noise: {
    ...{ does: "noise", clients: 2 },
    once: (attack) => sends("strict", [noise(attack.random, 600)])(attack),
  },
  unread: {
    ...{ does: "clients of the admin address that read nothing", clients: 80 },
    once: admin,
  },
  stubs: {
    ...{ does: "short datagrams that look like QUIC Initials, 400 a second", clients: 1 },
    once: floods("edge", 400, stub),
  },
  forged: {
    ...{ does: "forged QUIC Initials of full size, 200 a second", clients: 1 },
    once: floods("edge", 200, forgedInitial),
  },
  burst: {
    ...{ does: "5,000 sources of one datagram each within seconds, once a minute", clients: 1 },
    async once(attack) {
      for (let i = 0; i < 2; i++) {
        await floods("datagrams", 2500, (random) => noise(random, 32))(attack);
      }
      await sleep(attack, 58_000);
    },
  },
  unheard: {
    ...{ does: "datagrams of flows that are never answered", clients: 1 },
    once: floods("mute", 100, (random) => noise(random, 32)),
  },
};
