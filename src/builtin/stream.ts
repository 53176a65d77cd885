/**
 * The in-process end of a connection to a `builtin:` target: a stream without a socket. It buffers nothing:
 * a write is complete once a read has taken its bytes.
 *
 * @module
 */

import type { Endpoint, Stream } from "../io/mod.ts";

const NOWHERE: Endpoint = { host: "", port: 0 };

/** The behaviour of a built-in target. */
export interface BuiltinHandler {
  /** Called once, before any bytes arrive. */
  readonly start?: (out: BuiltinStream) => void;
  /** Takes bytes from the client, borrowed until the promise settles. More bytes come after that. */
  readonly receive: (bytes: Uint8Array, out: BuiltinStream) => Promise<void> | undefined;
  /** Called once, when the client has ended its sending direction. */
  readonly end: (out: BuiltinStream) => void;
}

interface Offer {
  bytes: Uint8Array;
  readonly taken: () => void;
  readonly closed: (error: Error) => void;
}

interface Reader {
  readonly buffer: Uint8Array;
  readonly got: (count: number | null) => void;
  readonly closed: (error: Error) => void;
}

/** The connection as the relay sees it: its writes go to the handler, its reads come from it. */
export class BuiltinStream implements Stream {
  readonly local = NOWHERE;
  readonly remote = NOWHERE;
  readonly #handler: BuiltinHandler;
  readonly #offers: Offer[] = [];
  #reader: Reader | undefined;
  #ended = false;
  #failure: Error | undefined;

  /** @param handler The behaviour of the target */
  constructor(handler: BuiltinHandler) {
    this.#handler = handler;
    handler.start?.(this);
  }

  /**
   * Sends bytes to the client.
   *
   * @param bytes The bytes, borrowed until the promise settles
   * @returns Settles once the bytes were read
   */
  send(bytes: Uint8Array): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (bytes.length === 0) return Promise.resolve();
    return new Promise((taken, closed) => {
      this.#offers.push({ bytes, taken, closed });
      this.#hand();
    });
  }

  /** Ends the direction to the client, after what was sent. */
  end(): void {
    this.#ended = true;
    this.#hand();
  }

  /** Breaks the connection, like a target that resets it. */
  reset(): void {
    this.#fail(new Error("The built-in target reset the connection"));
  }

  read(buffer: Uint8Array): Promise<number | null> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((got, closed) => {
      this.#reader = { buffer, got, closed };
      this.#hand();
    });
  }

  async write(bytes: Uint8Array): Promise<number> {
    if (this.#failure !== undefined) throw this.#failure;
    await this.#handler.receive(bytes, this);
    return bytes.length;
  }

  closeWrite(): Promise<void> {
    if (this.#failure === undefined) this.#handler.end(this);
    return Promise.resolve();
  }

  setNoDelay(): void {}

  close(): void {
    this.#fail(new Error("The connection to the built-in target was closed"));
  }

  #hand(): void {
    const reader = this.#reader;
    if (reader === undefined) return;
    const offer = this.#offers[0];
    if (offer === undefined) {
      if (!this.#ended) return;
      this.#reader = undefined;
      return reader.got(null);
    }
    const count = Math.min(reader.buffer.length, offer.bytes.length);
    reader.buffer.set(offer.bytes.subarray(0, count));
    offer.bytes = offer.bytes.subarray(count);
    this.#reader = undefined;
    if (offer.bytes.length === 0) {
      this.#offers.shift();
      offer.taken();
    }
    reader.got(count);
  }

  #fail(error: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    for (const offer of this.#offers.splice(0)) offer.closed(error);
    this.#reader?.closed(error);
    this.#reader = undefined;
  }
}
