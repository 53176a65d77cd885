/**
 * The clients on TCP, one function per kind. Each checks what it gets; the wire counts. Knows nothing of
 * shunt.
 *
 * @module
 */

import { type Client, type ClientParts, expectSame } from "./client.ts";
import { echoOverTls } from "./client_tls.ts";
import { WORST_HELLOS } from "../e2e/_hellos.ts";
import { between, pattern, type Random } from "./random.ts";
import { pause, type Sum, Tally, type Wire } from "./tally.ts";

const KIB = 1024;
const HELLOS = Object.values(WORST_HELLOS);

function sumOf(token: string, length: number): Sum {
  const tally = new Tally();
  for (const chunk of pattern(token, length)) tally.add(chunk);
  return tally.sum();
}

async function send(wire: Wire, token: string, length: number): Promise<void> {
  for (const chunk of pattern(token, length)) await wire.write(chunk);
}

/** Lengths from a few bytes to the most, small ones as often as large ones. */
function someLength(random: Random, most: number): number {
  return Math.floor(most ** random());
}

const echo: Client = async (wire, { token, random }) => {
  await wire.say(`~SOAK ${token} echo 0\n`);
  const length = someLength(random, 256 * KIB);
  const sending = send(wire, token, length).then(() => wire.finish());
  const [got] = await Promise.all([wire.drain(), sending]);
  expectSame(got, sumOf(token, length));
};

const down: Client = async (wire, { token, random }) => {
  const length = between(random, 0, 8 * KIB) * KIB;
  await wire.say(`~SOAK ${token} down ${length}\n`);
  await wire.finish();
  expectSame(await wire.drain(), sumOf(token, length));
};

function upload(command: string, most: number): Client {
  return async (wire, { token, random }) => {
    const length = between(random, 1, most);
    await wire.say(`~SOAK ${token} ${command} 0\n`);
    await send(wire, token, length);
    await wire.finish();
    const answer = await wire.until("\n");
    const { bytes, hash } = sumOf(token, length);
    if (answer !== `${bytes} ${hash}`) throw new Error("The target got something else");
    expectSame(await wire.drain(), new Tally().sum());
  };
}

const slowUp: Client = async (wire, { token, random }) => {
  for (const part of [`~SOAK`, ` ${token} ec`, `ho 0`, `\n`]) {
    await wire.say(part);
    await pause(between(random, 1, 200));
  }
  const sent = new Tally();
  const reading = wire.drain();
  for (let round = between(random, 5, 30); round > 0; round--) {
    for (const chunk of pattern(token, between(random, 1, 20))) {
      await wire.write(chunk);
      sent.add(chunk);
    }
    await pause(between(random, 1, 150));
  }
  await wire.finish();
  expectSame(await reading, sent.sum());
};

const slowDown: Client = async (wire, { token, random }) => {
  const length = between(random, 512, 3072) * KIB;
  await wire.say(`~SOAK ${token} down ${length}\n`);
  await pause(1000);
  const got = new Tally();
  while (got.bytes < length) {
    const chunk = await wire.read();
    if (chunk === undefined) throw new Error("Ended early");
    got.add(chunk);
    await pause(between(random, 5, 30));
  }
  await wire.finish();
  expectSame(await wire.drain(), new Tally().sum());
  expectSame(got.sum(), sumOf(token, length));
};

async function request(wire: Wire, { token, random }: ClientParts, last: boolean): Promise<void> {
  const [up, length] = [someLength(random, 16 * KIB), someLength(random, 128 * KIB)];
  const fields = [
    `POST /${token} HTTP/1.1`,
    `Host: ${token}.web.soak.test`,
    `Content-Length: ${up}`,
    `X-Down: ${length}`,
    ...last ? ["Connection: close"] : [],
  ];
  await wire.say(`${fields.join("\r\n")}\r\n\r\n`);
  await send(wire, token, up);
  const head = await wire.until("\r\n\r\n");
  if (head === undefined) throw new Error("No answer");
  if (!head.endsWith(`X-Got: ${sumOf(token, up).hash}`)) throw new Error("Wrong answer");
  expectSame(await wire.take(length), sumOf(token, length));
}

function http(most: number): Client {
  return async (wire, parts) => {
    for (let left = between(parts.random, 1, most) - 1; left >= 0; left--) {
      await request(wire, parts, left === 0);
      if (left > 0) await pause(between(parts.random, 0, 50));
    }
    expectSame(await wire.drain(), new Tally().sum());
  };
}

function ssh(waits: boolean): Client {
  return async (wire, { token, random }) => {
    const hear = async () => {
      if (await wire.until("\r\n") !== "SSH-2.0-soak") throw new Error("No banner");
    };
    if (waits) await hear();
    await wire.say(`SSH-2.0-${token}\r\n`);
    if (!waits) await hear();
    const length = someLength(random, 32 * KIB);
    const [got] = await Promise.all([wire.take(length), send(wire, token, length)]);
    expectSame(got, sumOf(token, length));
    await wire.finish();
    expectSame(await wire.drain(), new Tally().sum());
  };
}

const dialogue: Client = async (wire, { token, random }) => {
  await wire.say(`~SOAK ${token} echo 0\n`);
  for (let round = between(random, 2, 20); round > 0; round--) {
    const length = someLength(random, 8 * KIB);
    const [got] = await Promise.all([wire.take(length), send(wire, token, length)]);
    expectSame(got, sumOf(token, length));
    await pause(between(random, 0, 200));
  }
  await wire.finish();
  expectSame(await wire.drain(), new Tally().sum());
};

const vanish: Client = async (wire, { token, random }) => {
  await wire.say(`~SOAK ${token} down ${between(random, 1, 2048) * KIB}\n`);
  if (random() < 0.5) await wire.read(between(random, 1, 64 * KIB));
};

const reset: Client = async (wire, { token, random }) => {
  // Half of the targets have answered, half of the clients have ended: both decide what shunt sees.
  const answer = random() < 0.5 ? 0 : someLength(random, 128 * KIB);
  await wire.say(`~SOAK ${token} reset ${answer}\n`);
  const sending = random() < 0.5 ? wire.finish() : send(wire, token, 512 * KIB);
  await Promise.allSettled([sending, wire.drain()]);
};

const stuck: Client = async (wire, { token }) => {
  await wire.say(`~SOAK ${token} stuck 0\n`);
  const sending = send(wire, token, 16 * KIB * KIB).catch(() => {});
  await pause(1500);
  wire.close();
  await sending;
};

const knock: Client = async (_, { random }) => {
  await pause(between(random, 0, 300));
};

const garbage: Client = async (wire, { token, random }) => {
  // Half of it starts like a protocol, so that detectors have work.
  const starts = ["", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "GET /", "SSH-", "\x05\x01"];
  const start = starts[between(random, 0, starts.length - 1)]!;
  const reading = wire.drain().catch(() => {});
  try {
    await wire.write(Uint8Array.from(start, (c) => c.charCodeAt(0)));
    await send(wire, token, someLength(random, 128 * KIB));
    await wire.finish();
  } catch {
    // It may be closed before all was sent.
  }
  await reading;
};

/** It keeps as much as a client can say, for longer than most sessions last. */
const worstHello: Client = async (wire, { random }) => {
  const hello = HELLOS[between(random, 0, HELLOS.length - 1)]!;
  const sending = wire.write(hello);
  const [got] = await Promise.all([wire.take(hello.length), sending]);
  const sent = new Tally();
  sent.add(hello);
  expectSame(got, sent.sum());
  await pause(between(random, 1000, 10_000));
  await wire.finish();
  expectSame(await wire.drain(), new Tally().sum());
};

/** Nobody is there: shunt has to say so by closing. */
const dead: Client = async (wire) => {
  const got = await wire.drain().catch(() => new Tally().sum());
  if (got.bytes > 0) throw new Error("Somebody answered");
};

const held: Client = async (wire, parts) => {
  if (await wire.until("\r\n") !== "SSH-2.0-soak") throw new Error("No banner");
  await wire.say(`SSH-2.0-${parts.token}\r\n`);
  await parts.release;
  const [got] = await Promise.all([wire.take(10_000), send(wire, parts.token, 10_000)]);
  expectSame(got, sumOf(parts.token, 10_000));
  await wire.finish();
  expectSame(await wire.drain(), new Tally().sum());
};

/** What each kind on TCP does. */
export const CLIENTS: Readonly<Record<string, Client>> = {
  ...{ echo, down, up: upload("up", 8 * KIB * KIB), pause: upload("pause", 4 * KIB * KIB) },
  ...{ slow_up: slowUp, slow_down: slowDown, tls: echoOverTls, http_new: http(1) },
  ...{ http_kept: http(20), ssh: ssh(false), silent: ssh(true), banner: ssh(true), retry: echo },
  ...{ flaky: dialogue, vanish, reset, stuck, knock, garbage, worst_hello: worstHello, dead, held },
};
