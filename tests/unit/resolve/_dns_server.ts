/**
 * A name server on loopback for tests: gives the answers that a test sets, over UDP, and over TCP if they
 * are too long.
 */

import { openBoth } from "../../_both.ts";

/** What is answered to the questions for one name: records, an RCODE (RFC 1035 §4.1.1) or nothing. */
export type Zone = {
  readonly v4?: readonly string[];
  readonly v6?: readonly string[];
  readonly ttl?: number;
  readonly rcode?: number;
  readonly silent?: boolean;
};

const TYPE_A = 1;
const TYPE_AAAA = 28;
/** What a reply over UDP may take without EDNS (RFC 1035 §2.3.4). */
const UDP_BYTES = 512;

function v6Bytes(text: string): number[] {
  const [head = "", tail = ""] = text.split("::");
  const words = (part: string) =>
    part === "" ? [] : part.split(":").map((word) => parseInt(word, 16));
  const [left, right] = [words(head), words(tail)];
  return [...left, ...new Array<number>(8 - left.length - right.length).fill(0), ...right]
    .flatMap((word) => [word >>> 8, word & 0xff]);
}

/** A name server that listens until it is disposed. */
export class DnsServer implements AsyncDisposable {
  /** By name; may change at any time. */
  readonly zones = new Map<string, Zone>();
  /** How many questions came. */
  asked = 0;
  /** How many connections came. */
  askedTcp = 0;
  readonly #port: number;
  readonly #socket: Deno.DatagramConn;
  readonly #listener: Deno.Listener;
  readonly #loops: Promise<void>[];

  constructor() {
    const hostname = "127.0.0.1";
    const { udp, tcp } = openBoth((port) => Deno.listen({ hostname, port }));
    this.#listener = tcp;
    this.#port = tcp.addr.port;
    this.#socket = udp;
    this.#loops = [this.#serveUdp(), this.#serveTcp()];
  }

  /** Its address as `IP:PORT`. */
  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    this.#listener.close();
    await Promise.all(this.#loops);
  }

  async #serveUdp(): Promise<void> {
    for await (const [query, from] of this.#socket) {
      this.asked++;
      const reply = this.#reply(query);
      if (reply === undefined) continue;
      // Too long: only the header and question, with the TC bit (RFC 1035 §4.1.1).
      if (reply.length > UDP_BYTES) {
        await this.#socket.send(
          Uint8Array.of(...query.subarray(0, 2), 0x83, 0x80, ...query.subarray(4)),
          from,
        );
      } else await this.#socket.send(reply, from);
    }
  }

  async #serveTcp(): Promise<void> {
    for await (const conn of this.#listener) {
      this.askedTcp++;
      const buffer = new Uint8Array(1024);
      const length = await conn.read(buffer) ?? 0;
      const reply = this.#reply(buffer.subarray(2, length));
      if (reply !== undefined) {
        await conn.write(Uint8Array.of(reply.length >>> 8, reply.length & 0xff, ...reply));
      }
      conn.close();
    }
  }

  #reply(query: Uint8Array): Uint8Array | undefined {
    const labels: string[] = [];
    let at = 12;
    for (let length = query[at]!; length > 0; length = query[at]!) {
      labels.push(new TextDecoder().decode(query.subarray(at + 1, at + 1 + length)));
      at += 1 + length;
    }
    const type = query[at + 1]! << 8 | query[at + 2]!;
    const question = query.subarray(12, at + 5);
    const zone = this.zones.get(labels.join(".")) ?? { rcode: 3 };
    if (zone.silent) return undefined;
    const { v4 = [], v6 = [], ttl = 60, rcode = 0 } = zone;
    const data = type === TYPE_A
      ? v4.map((text) => text.split(".").map(Number))
      : type === TYPE_AAAA
      ? v6.map(v6Bytes)
      : [];
    const answers = rcode === 0 ? data : [];
    return Uint8Array.from([
      ...[query[0]!, query[1]!, 0x81, 0x80 | rcode, 0, 1, 0, answers.length, 0, 0, 0, 0],
      ...question,
      ...answers.flatMap((bytes) => [
        ...[0xc0, 12, 0, type, 0, 1],
        ...[ttl >>> 24, ttl >>> 16 & 0xff, ttl >>> 8 & 0xff, ttl & 0xff],
        ...[0, bytes.length, ...bytes],
      ]),
    ]);
  }
}
