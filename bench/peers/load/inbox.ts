/**
 * Beginnings of messages whose rest has not come yet, by descriptor. Knows no message.
 *
 * @module
 */

import { libc, RECEIVE } from "./libc.ts";

const input = new Uint8Array(1 << 16);

/** Received bytes that were not taken yet. */
export class Inbox {
  readonly #rest = new Map<number, Uint8Array<ArrayBuffer>>();

  /**
   * Reads what came.
   *
   * @param fd A TCP socket
   * @returns All bytes not yet taken, good until the next call; no bytes if none came, undefined
   * at the end of the stream; a broken connection gives no bytes once, then its end
   */
  read(fd: number): Uint8Array<ArrayBuffer> | undefined {
    const n = libc.recv(fd, input, input.length, RECEIVE);
    if (n === 0) return undefined;
    const bytes = input.subarray(0, Math.max(0, n));
    const before = this.#rest.get(fd);
    if (before === undefined || n < 0) return bytes;
    this.#rest.delete(fd);
    const all = new Uint8Array(before.length + n);
    all.set(before);
    all.set(bytes, before.length);
    return all;
  }

  /**
   * Keeps what was read and not taken for the next read.
   *
   * @param fd The socket
   * @param bytes What the last read returned
   * @param at The first byte not taken
   */
  keep(fd: number, bytes: Uint8Array<ArrayBuffer>, at: number): void {
    if (at < bytes.length) this.#rest.set(fd, bytes.slice(at));
  }

  /**
   * Forgets a descriptor that is closed.
   *
   * @param fd The socket
   */
  forget(fd: number): void {
    this.#rest.delete(fd);
  }
}
