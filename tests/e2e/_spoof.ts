/**
 * A flood of datagrams, each from its own source address. Knows nothing of shunt.
 *
 * @module
 */

import * as abi from "../../src/io/libc/abi.ts";
import { encodeInet } from "../../src/io/libc/sockaddr.ts";
import { bindSocket, openSocket } from "../../src/io/libc/socket.ts";
import { openLibc } from "../../src/io/libc/symbols.ts";

// A library that stays open is not a test's leak.
openLibc();

/** Milliseconds between two bursts. */
const BURST_MS = 5;

/** Sends datagrams from all over 127.0.0.0/8 until it is stopped. */
export class SpoofedFlood {
  /** Datagrams sent so far. */
  sent = 0;
  readonly #to: Uint8Array;
  readonly #payload: Uint8Array;
  readonly #perSecond: number;
  #last = performance.now();
  #rest = 0;
  readonly #timer: ReturnType<typeof setInterval>;

  /**
   * @param port Where to send to, on 127.0.0.1
   * @param perSecond How many a second
   * @param payload What each says
   */
  constructor(port: number, perSecond: number, payload: Uint8Array) {
    this.#to = encodeInet("127.0.0.1", port);
    this.#payload = payload;
    this.#perSecond = perSecond;
    this.#timer = setInterval(() => this.#burst(), BURST_MS);
  }

  /** Sends all datagrams that are due. Those missed in a pause of this process are not sent later. */
  #burst(): void {
    const now = performance.now();
    const due = this.#perSecond / 1000 * Math.min(now - this.#last, 2 * BURST_MS) + this.#rest;
    this.#last = now;
    this.#rest = due % 1;
    for (let i = 1; i <= due; i++) this.#send(this.sent++);
  }

  #send(i: number): void {
    const { libc } = openLibc();
    const fd = openSocket(abi.AF_INET, abi.SOCK_DGRAM);
    const host = `127.${1 + (i >> 16) % 200}.${(i >> 8) & 255}.${1 + i % 254}`;
    bindSocket(fd, { host, port: 0 }, false);
    libc.sendto(fd, this.#payload, this.#payload.length, 0, this.#to, this.#to.length);
    libc.close(fd);
  }

  /** Stops it. */
  stop(): void {
    clearInterval(this.#timer);
  }
}
