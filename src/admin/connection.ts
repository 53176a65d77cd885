/**
 * A connection of the admin address, which carries one request and its answer. Knows its socket and its
 * deadlines, nothing about the request's meaning.
 *
 * @module
 */

import { type Arrived, type BadRequest, Incoming } from "./incoming.ts";
import { type Held, type Phase, sourceOf } from "./places.ts";

/** Milliseconds in which a request must arrive. */
const REQUEST_MS = 10_000;
/** Bytes after a request that are read and discarded. */
const MAX_EXCESS = 65_536;

const CONTINUE = new TextEncoder().encode("HTTP/1.1 100 Continue\r\n\r\n");
/** Takes the bytes that are discarded, for all connections. */
const scrap = new Uint8Array(4096);

/** A connection of one request. */
export class Connection implements Held {
  phase: Phase = "request";
  /** Bytes of its answer that are kept until the socket takes them. */
  size = 0;
  readonly source: string;
  /** The client's address for the log. */
  readonly remote: string;
  /** Settles when it is closed. */
  readonly closed: Promise<void>;
  readonly #conn: Deno.Conn;
  readonly #onClose: () => void;
  readonly #came = performance.now();
  #isClosed = false;
  #isSent = false;
  #deadline = this.#came + REQUEST_MS;

  /**
   * @param conn The connection
   * @param onClose Called when it is closed
   */
  constructor(conn: Deno.Conn, onClose: (connection: Connection) => void) {
    this.#conn = conn;
    const { remoteAddr } = conn;
    const inet = "hostname" in remoteAddr;
    this.remote = inet ? `${remoteAddr.hostname}:${remoteAddr.port}` : remoteAddr.transport;
    this.source = sourceOf(inet ? remoteAddr.hostname : "");
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    this.#onClose = () => {
      onClose(this);
      resolve();
    };
  }

  /** Milliseconds since it was accepted. */
  get age(): number {
    return performance.now() - this.#came;
  }

  /** Whether it is closed. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Whether the socket has taken all of the answer. */
  get isSent(): boolean {
    return this.#isSent;
  }

  /** Sets its deadline, in milliseconds from now. */
  limit(ms: number): void {
    this.#deadline = performance.now() + ms;
  }

  /**
   * Closes it if its deadline has passed.
   *
   * @param now The `performance.now()` time
   */
  tick(now: number): void {
    if (now >= this.#deadline) this.close();
  }

  /**
   * Reads its request.
   *
   * @returns The request, the status to refuse it with, or `undefined` if the client has left
   * @throws {Error} if the connection broke or was closed
   */
  async receive(): Promise<Arrived | BadRequest | undefined> {
    const incoming = new Incoming();
    for (;;) {
      const count = await this.#conn.read(incoming.room);
      if (count === null) return undefined;
      const taken = incoming.take(count);
      if (taken !== undefined) return taken;
      if (incoming.takeContinue()) await this.#conn.write(CONTINUE);
    }
  }

  /**
   * Sends what a fresh socket takes at once, which is all of a short answer.
   *
   * @param answer The answer's bytes
   * @returns The rest
   * @throws {Error} if the connection broke or was closed
   */
  async begin(answer: Uint8Array): Promise<Uint8Array> {
    return answer.subarray(await this.#conn.write(answer));
  }

  /**
   * Sends the rest of its answer and waits until the client has closed. Closing earlier would send a reset
   * if any bytes came after the request, and the client would lose the answer.
   *
   * @param rest The result of {@linkcode begin}
   * @throws {Error} if the connection broke or was closed
   */
  async finish(rest: Uint8Array): Promise<void> {
    while (rest.length > 0) rest = rest.subarray(await this.#conn.write(rest));
    this.#isSent = true;
    await this.#conn.closeWrite();
    for (let left = MAX_EXCESS; left > 0;) {
      const count = await this.#conn.read(scrap);
      if (count === null) return;
      left -= count;
    }
  }

  /** Closes it; may be called again. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#conn.close();
    this.#onClose();
  }
}
