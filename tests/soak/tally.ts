/**
 * Counts and hashes every byte that one end of a connection sends and receives. Knows nothing of what
 * the bytes mean.
 *
 * @module
 */

import { createHash, type Hash } from "node:crypto";

/** A number of bytes and their hash. */
export interface Sum {
  readonly bytes: number;
  /** The first half of their SHA-256, in hex. */
  readonly hash: string;
}

/** Counts and hashes what goes one way. */
export class Tally {
  bytes = 0;
  readonly #hash: Hash = createHash("sha256");

  /** Takes what went through. */
  add(chunk: Uint8Array): void {
    this.bytes += chunk.length;
    this.#hash.update(chunk);
  }

  /** What it comes to so far. */
  sum(): Sum {
    return { bytes: this.bytes, hash: this.#hash.copy().digest("hex").slice(0, 32) };
  }
}

/** A connection that counts. */
export class Wire {
  readonly sent: Tally = new Tally();
  readonly received: Tally = new Tally();
  readonly conn: Deno.Conn;
  readonly #buffer: Uint8Array<ArrayBuffer> = new Uint8Array(65_536);
  /** Bytes received beyond those that were asked for. */
  #rest: Uint8Array = new Uint8Array();

  /** @param conn The connection; the wire closes it */
  constructor(conn: Deno.Conn) {
    this.conn = conn;
  }

  /** Sends all of some bytes. */
  async write(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      const count = await this.conn.write(bytes.subarray(done));
      this.sent.add(bytes.subarray(done, done + count));
      done += count;
    }
  }

  /** Sends a text. */
  async say(text: string): Promise<void> {
    await this.write(new TextEncoder().encode(text));
  }

  /** Receives the next bytes, up to a limit; `undefined` at the end. Valid until the next call. */
  async read(most: number = this.#buffer.length): Promise<Uint8Array | undefined> {
    if (this.#rest.length > 0) {
      const given = this.#rest.subarray(0, most);
      this.#rest = this.#rest.subarray(given.length);
      return given;
    }
    const count = await this.conn.read(this.#buffer.subarray(0, most));
    if (count === null) return undefined;
    const chunk = this.#buffer.subarray(0, count);
    this.received.add(chunk);
    return chunk;
  }

  /** Receives a text up to and without a mark, at most 4 KiB; `undefined` if it does not come. */
  async until(mark: string): Promise<string | undefined> {
    let text = "";
    for (;;) {
      const end = text.indexOf(mark);
      if (end >= 0) {
        const rest = text.slice(end + mark.length);
        this.#rest = Uint8Array.from(rest, (c) => c.charCodeAt(0));
        return text.slice(0, end);
      }
      if (text.length > 4096) return undefined;
      const chunk = await this.read();
      if (chunk === undefined) return undefined;
      for (const byte of chunk) text += String.fromCharCode(byte);
    }
  }

  /** Receives exactly this many bytes, and returns their sum. */
  async take(length: number): Promise<Sum> {
    const tally = new Tally();
    while (tally.bytes < length) {
      const chunk = await this.read(Math.min(length - tally.bytes, this.#buffer.length));
      if (chunk === undefined) throw new Error("Ended early");
      tally.add(chunk);
    }
    return tally.sum();
  }

  /** Receives all bytes up to the end, and returns their sum. */
  async drain(): Promise<Sum> {
    const tally = new Tally();
    for (let chunk = await this.read(); chunk !== undefined; chunk = await this.read()) {
      tally.add(chunk);
    }
    return tally.sum();
  }

  /** Ends the sending direction. */
  async finish(): Promise<void> {
    await this.conn.closeWrite();
  }

  /** Closes the connection; closing it again does nothing. */
  close(): void {
    try {
      this.conn.close();
    } catch {
      // Closed before.
    }
  }
}

/** Waits. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
