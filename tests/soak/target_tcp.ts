/**
 * What targets do on TCP: obey a line, HTTP/1, SSH's first lines. Knows neither listeners nor
 * processes.
 *
 * @module
 */

import { pattern } from "./random.ts";
import { pause, type Wire } from "./tally.ts";

/** What is known of one session; handlers write the token once they hear it. */
export interface Heard {
  token: string | undefined;
}

/** Milliseconds that a target stops reading. */
const PAUSE_MS = 1500;
/** Milliseconds after which a target that never reads gives up. */
const STUCK_MS = 4000;

/** Sends all bytes back, up to the end. */
async function echo(wire: Wire): Promise<void> {
  for (let chunk = await wire.read(); chunk !== undefined; chunk = await wire.read()) {
    await wire.write(chunk);
  }
  await wire.finish();
}

/** Sends the bytes of a token. */
async function send(wire: Wire, token: string, length: number): Promise<void> {
  for (const chunk of pattern(token, length)) await wire.write(chunk);
}

/** Receives all bytes, and answers with their sum. */
async function receive(wire: Wire): Promise<void> {
  const { bytes, hash } = await wire.drain();
  await wire.say(`${bytes} ${hash}\n`);
  await wire.finish();
}

/**
 * Executes the first line: `~SOAK TOKEN COMMAND NUMBER`.
 *
 * @param wire The connection
 * @param heard Called with the token
 */
export async function serveRaw(wire: Wire, heard: Heard): Promise<void> {
  const line = await wire.until("\n");
  const [, token, command, number] = line?.match(/^~SOAK ([0-9a-f]{16}) (\w+) (\d+)$/) ?? [];
  heard.token = token;
  switch (command) {
    case "echo":
      return await echo(wire);
    case "down":
      await send(wire, token!, Number(number));
      await wire.finish();
      await wire.drain();
      return;
    case "up":
      return await receive(wire);
    case "pause":
      await pause(PAUSE_MS);
      return await receive(wire);
    case "stuck":
      await pause(STUCK_MS);
      return;
    default:
      await wire.drain();
  }
}

/**
 * Answers HTTP/1.1 requests: the path is the token, `X-Down` the length of the answer.
 *
 * @param wire The connection
 * @param heard Called with the token
 */
export async function serveHttp(wire: Wire, heard: Heard): Promise<void> {
  for (;;) {
    const head = await wire.until("\r\n\r\n");
    if (head === undefined) break;
    const field = (name: string) => head.match(new RegExp(`\r\n${name}: (\\S+)`))?.[1];
    const token = head.match(/^POST \/([0-9a-f]{16}) HTTP\/1\.1/)?.[1];
    if (token === undefined) return;
    heard.token = token;
    const { hash } = await wire.take(Number(field("Content-Length")));
    const length = Number(field("X-Down"));
    await wire.say(`HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\nX-Got: ${hash}\r\n\r\n`);
    await send(wire, token, length);
    if (field("Connection") === "close") break;
  }
  await wire.finish();
  await wire.drain();
}

/**
 * Sends first, as SSH servers do, reads the client's line, then sends all bytes back.
 *
 * @param wire The connection
 * @param heard Called with the token
 */
export async function serveSsh(wire: Wire, heard: Heard): Promise<void> {
  await wire.say("SSH-2.0-soak\r\n");
  const line = await wire.until("\r\n");
  heard.token = line?.match(/^SSH-2\.0-([0-9a-f]{16})$/)?.[1];
  await echo(wire);
}
