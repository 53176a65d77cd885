/**
 * A batch of datagrams for `recvmmsg` and `sendmmsg`. Knows `mmsghdr` and `iovec` as 64-bit Linux lays them
 * out; knows nothing of a datagram's content.
 *
 * @module
 */

import { libc, RECEIVE, SEND } from "./libc.ts";

/** Bytes of an `mmsghdr`: a 56-byte `msghdr`, the length of what came, padding. */
const HEADER_WORDS = 16;
const HEADER_LONGS = 8;
const LENGTH_WORD = 14;
const ADDRESS = 16;

/** Memory whose address the kernel has; it must stay reachable as long as the process runs. */
const pinned: unknown[] = [];
(globalThis as { pinnedBatches?: unknown[] }).pinnedBatches = pinned;

function addressOf(view: BufferSource): bigint {
  return BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(view)));
}

/** Room for some datagrams with their addresses. Not safe for use by two sockets at once. */
export class Batch {
  /** How many datagrams there is room for. */
  readonly count: number;
  /** The datagrams, each in its slot. */
  readonly data: Uint8Array<ArrayBuffer>;
  /** The same as 32-bit words. */
  readonly words: Uint32Array;
  readonly #headers: BigUint64Array<ArrayBuffer>;
  readonly #headerWords: Uint32Array;
  readonly #iovecs: BigUint64Array<ArrayBuffer>;
  readonly #iovecWords: Uint32Array;
  readonly #slot: number;

  /**
   * @param count How many datagrams
   * @param slot Bytes for each, a multiple of 4
   * @param named Whether each keeps its sender's address and is sent there, and not to the socket's peer
   */
  constructor(count: number, slot: number, named: boolean) {
    this.count = count;
    this.#slot = slot;
    // Arrays of up to 64 bytes lie on the heap, where they may move.
    this.data = new Uint8Array(Math.max(128, count * slot));
    this.words = new Uint32Array(this.data.buffer);
    this.#headers = new BigUint64Array(Math.max(16, count * HEADER_LONGS));
    this.#headerWords = new Uint32Array(this.#headers.buffer);
    this.#iovecs = new BigUint64Array(Math.max(16, count * 2));
    this.#iovecWords = new Uint32Array(this.#iovecs.buffer);
    const names = new Uint8Array(Math.max(128, count * ADDRESS));
    pinned.push(this.data, this.#headers, this.#iovecs, names);
    const [data, iovecs, name] = [
      addressOf(this.data),
      addressOf(this.#iovecs),
      addressOf(names),
    ];
    for (let i = 0; i < count; i++) {
      this.#iovecs[i * 2] = data + BigInt(i * slot);
      this.#iovecs[i * 2 + 1] = BigInt(slot);
      this.#headers[i * HEADER_LONGS] = named ? name + BigInt(i * ADDRESS) : 0n;
      this.#headers[i * HEADER_LONGS + 1] = named ? BigInt(ADDRESS) : 0n;
      this.#headers[i * HEADER_LONGS + 2] = iovecs + BigInt(i * 16);
      this.#headers[i * HEADER_LONGS + 3] = 1n;
    }
  }

  /**
   * Receives what has come, without waiting.
   *
   * @param fd The socket
   * @returns How many came; below 1 if none
   */
  receive(fd: number): number {
    for (let i = 0; i < this.count; i++) this.setLength(i, this.#slot);
    return libc.recvmmsg(fd, this.#headers, this.count, RECEIVE, null);
  }

  /**
   * Sends the first datagrams, without waiting.
   *
   * @param fd The socket
   * @param count How many
   * @returns How many were sent; the rest is lost
   */
  send(fd: number, count: number): number {
    let sent = 0;
    while (sent < count) {
      const headers = sent === 0 ? this.#headers : this.#headers.subarray(sent * HEADER_LONGS);
      const n = libc.sendmmsg(fd, headers, count - sent, SEND);
      if (n <= 0) break;
      sent += n;
    }
    return sent;
  }

  /** Returns the length of a received datagram in bytes. */
  length(i: number): number {
    return this.#headerWords[i * HEADER_WORDS + LENGTH_WORD] ?? 0;
  }

  /**
   * Sets the length of a datagram to send.
   *
   * @param i Its index
   * @param length Its bytes
   */
  setLength(i: number, length: number): void {
    // The low word of a little-endian 64-bit length below 2^32.
    this.#iovecWords[i * 4 + 2] = length;
  }
}
